"""The parts of a local stack, as data: what each needs, and what it is."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from laudstream import kafka_admin
from laudstream.errors import NotFound
from laudstream.local import connector, kafka, keys, postgres
from laudstream.local.child import Server
from laudstream.local.keys import Keys
from laudstream.local.ports import HOST, OPS_SPAN, Ports
from laudstream.local.probe import answers, listens
from laudstream.local.secured import Secured
from laudstream.local.site import Site
from laudstream.postgres import connect
from laudstream.postgres.migrate import migrate
from laudstream.settings import Settings, environment

JOURNEYS = "journeys"
INBOX_FILE = "inbox.sqlite3"
SINK_FILE = "sink.sqlite3"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is no process: something done once at start."""

    name: str
    title: str
    needs: tuple[str, ...] = ()
    run: Callable[[], Awaitable[str]]
    """Returns a few words for the progress line."""


Part = Server | Step


class Context(msgspec.Struct):
    """What parts are made from."""

    site: Site
    ports: Ports
    base: Settings
    """Settings that are not about addresses."""
    keys: Keys
    brokers: int = 1
    secured: Secured | None = None
    """None: a Kafka that lets everybody do everything."""

    def of(self, role: str) -> Settings:
        """Settings of what does this in Kafka (laudstream/rights.py); empty: of what does nothing there."""
        return self.settings if self.secured is None or not role else self.secured.settings(role, self.settings)

    @property
    def settings(self) -> Settings:
        """As clients of this stack need them, keys among them."""
        site, ports, password = self.site, self.ports, self.keys.database_password
        return msgspec.structs.replace(
            self.base,
            kafka=kafka.addresses(ports, self.brokers),
            connect_url=f"http://{HOST}:{ports.connect}",
            database_url=postgres.address("laudstream", password, ports),
            api_database_url=postgres.address("laudstream_api", password, ports),
            worker_database_url=postgres.address("laudstream_worker", password, ports),
            cdc_database_url=postgres.address("laudstream_cdc", password, ports),
            smtp_url=f"smtp://{HOST}:{ports.smtp}",
            api_host=HOST,
            api_port=ports.api,
            api_url=f"http://{HOST}:{ports.api}",
            api_token=self.keys.admin_token,
            write_key=self.keys.write_key,
            inbox_db=str(site.data / INBOX_FILE),
            sink_url=f"http://{HOST}:{ports.sink}",
            sink_db=str(site.data / SINK_FILE),
            webhook_networks=self.base.webhook_networks or f"{HOST}/32",
            webhook_secret=self.keys.webhook_secret,
            data_dir=str(site.data / "worker" / JOURNEYS),
            development=True,
        )

    async def set_up_workspace(self) -> str:
        made = await keys.with_workspace(self.settings.database_url, self.keys)
        new = made != self.keys
        self.keys = made
        keys.save(self.site.data, made)
        return f"{made.workspace}, {'keys made' if new else 'keys as before'}"

    async def migrate(self) -> str:
        pool = await connect(self.settings.database_url, max_size=1)
        try:
            applied = await migrate(pool)
        finally:
            await pool.close()
        return f"{len(applied)} applied" if applied else "nothing to do"

    async def apply_topics(self) -> str:
        changes = await kafka_admin.apply_topics(self.of("admin"))
        changed = sum(change.change != "unchanged" for change in changes)
        return f"{len(changes)} topics, {changed or 'nothing'} changed"

    async def grant(self) -> str:
        assert self.secured is not None
        return await self.secured.grant(self.settings)

    async def register_connector(self) -> str:
        wanted = connector.config(self.site.root / connector.FILE, self.settings)
        await connector.register(self.settings, wanted)
        return "rows flow"


def parts(context: Context, workers: int = 1) -> list[Part]:
    """All parts, servers first. `workers` is the number of journey workers, named journeys, journeys-2, …"""
    site, ports = context.site, context.ports
    password = context.keys.database_password
    ops = iter(range(ports.ops, ports.ops + OPS_SPAN))
    numbers = range(1, context.brokers + 1)
    brokers = tuple(map(kafka.name_of, numbers))
    rights = Step(name="rights", title="rights in Kafka", needs=brokers, run=context.grant)
    allowed, as_connect = brokers, None
    if context.secured is not None:
        allowed, as_connect = (rights.name,), context.of("connect")
    connect_ = kafka.connect(site, ports, context.brokers, as_connect, allowed)
    found: list[Part] = [
        postgres.server(site, ports, password),
        *(
            kafka.broker(site, ports, context.of("admin"), number, context.brokers, context.secured)
            for number in numbers
        ),
        _inbox(context),
        _sink(context),
        Step(name="migrations", title="migrations", needs=("postgres",), run=context.migrate),
        Step(name="topics", title="topics", needs=allowed, run=context.apply_topics),
        connect_,
        Step(name="workspace", title="workspace", needs=("migrations",), run=context.set_up_workspace),
        Step(
            name="connector",
            title="CDC connector",
            needs=("connect", "migrations", "topics"),
            run=context.register_connector,
        ),
        _api(context),
        _worker(context, "senders", "sender worker", next(ops), ("migrations", "topics", "inbox", "sink")),
        _worker(context, "projector", "projector", next(ops), ("migrations", "topics")),
    ]
    for number in range(1, workers + 1):
        name = JOURNEYS if number == 1 else f"{JOURNEYS}-{number}"
        found.append(_worker(context, name, "journey worker", next(ops), ("topics",)))
    return found if context.secured is None else [rights, *found]


def selected(there: list[Part], wanted: Iterable[str] | None) -> list[Part]:
    """Those parts and all that they need; None: all. Raises NotFound for a name that is none."""
    if wanted is None:
        return there
    named = {part.name: part for part in there}
    chosen: set[str] = set()
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name not in named:
            raise NotFound(f"no part {name!r}; there are: {', '.join(named)}")
        if name not in chosen:
            chosen.add(name)
            todo.extend(named[name].needs)
    return [part for part in there if part.name in chosen]


def depths(there: list[Part]) -> dict[str, int]:
    """Part → length of its longest chain of needs: what is deeper stops first."""
    named = {part.name: part for part in there}

    def depth(name: str) -> int:
        return 1 + max(map(depth, named[name].needs), default=-1)

    return {name: depth(name) for name in named}


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", *arguments)


def _environment(context: Context, role: str, **changes: object) -> dict[str, str]:
    """For our own processes: no keys of clients, and time zones only from the pinned wheel (A13)."""
    own = msgspec.structs.replace(context.of(role), api_token="", write_key="", **changes)
    return {**environment(own), "PYTHONTZPATH": "", "PYTHONUNBUFFERED": "1"}


def _inbox(context: Context) -> Server:
    port = context.ports.smtp

    async def ready() -> bool:
        return await listens(port)

    return Server(
        name="inbox",
        title="SMTP inbox",
        command=_python("laudstream.local.inbox"),
        env=_environment(context, ""),
        ports={"SMTP": port},
        ready=ready,
        detail=f"{HOST}:{port}",
    )


def _sink(context: Context) -> Server:
    port = context.ports.sink

    async def ready() -> bool:
        return await listens(port)

    return Server(
        name="sink",
        title="webhook sink",
        command=_python("laudstream.local.sink"),
        env=_environment(context, "", webhook_secret=""),
        ports={"sink": port},
        ready=ready,
        detail=context.settings.sink_url,
    )


def _api(context: Context) -> Server:
    url = context.settings.api_url

    async def ready() -> bool:
        return await answers(f"{url}/readyz")

    return Server(
        name="api",
        title="API and UI",
        needs=("workspace", "topics"),
        command=_python("laudstream", "api"),
        env=_environment(context, "api"),
        ports={"API": context.ports.api},
        ready=ready,
        detail=url,
    )


def _worker(context: Context, name: str, title: str, ops_port: int, needs: tuple[str, ...]) -> Server:
    folder = context.site.data / "worker" / name
    kind = JOURNEYS if name.startswith(JOURNEYS) else name

    async def prepare() -> None:
        folder.mkdir(parents=True, exist_ok=True)

    async def ready() -> bool:
        return await answers(f"http://{HOST}:{ops_port}/readyz")

    return Server(
        name=name,
        title=title,
        needs=needs,
        command=_python("laudstream", "worker", kind),
        env=_environment(context, kind, data_dir=str(folder), ops_host=HOST, ops_port=ops_port),
        ports={f"ops of {name}": ops_port},
        prepare=prepare,
        ready=ready,
        detail=f"http://{HOST}:{ops_port}/metrics",
        stop_s=20.0,
    )
