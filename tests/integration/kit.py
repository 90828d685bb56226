"""What tests on the real stack speak: publish, post, wait for a condition, read topics, tables and mails."""

from __future__ import annotations

import asyncio
import inspect
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import httpx
from aiokafka.structs import ConsumerRecord

from laudstream import topics
from laudstream.ids import customer_key, partition_of
from laudstream.journey.decision import Decision
from laudstream.local import inbox_store, sink_store
from laudstream.local.logs import Logs
from laudstream.local.stack import Stack
from laudstream.messages.request import SendRequest
from laudstream.postgres import connect
from laudstream.records import codec
from laudstream.records.head import Journal, decode_journal

POLL_S = 0.05
PUBLISH_WAIT_S = 25
WAIT_S = 30.0
SENDS = tuple(topics.send_topic(channel, bulk=bulk) for channel in ("email", "webhook") for bulk in (False, True))
WORKERS = ("journeys", "journeys-2")


async def wait_until(condition: Callable[[], Any], deadline_s: float = WAIT_S, what: str = "") -> Any:
    """The first true value of `condition` (awaited if it can be). Fails after `deadline_s`, with the last value."""
    deadline = time.monotonic() + deadline_s
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {deadline_s:g} s: {what or condition}; last: {value!r}")
        await asyncio.sleep(POLL_S)


def mail_template(subject: str, html: str = "<p>Hello</p>", text: str = "Hello") -> dict[str, Any]:
    return {"channel": "email", "subject": subject, "html": html, "text": text}


def message(template: str, following: str) -> dict[str, Any]:
    return {"message": {"channel": "email", "template": template}, "next": following}


def call(template: str, following: Any, **more: Any) -> dict[str, Any]:
    return {"message": {"channel": "webhook", "template": template, **more}, "next": following}


def wait_for(event: str, following: str, after: str, late: str) -> dict[str, Any]:
    """A wait for one event with a timeout."""
    branch = {"event": {"name": event}, "next": following}
    return {"wait": {"branches": [branch], "timeout": {"after": after, "next": late}}}


def leave(outcome: str) -> dict[str, Any]:
    return {"exit": {"outcome": outcome}}


class Shop:
    """`name(x)` makes names that no other test has; what it reads is only what bears them."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.settings, self.workspace = stack, stack.settings, stack.workspace
        self.prefix = f"t{secrets.token_hex(4)}"
        self._looking = asyncio.Lock()
        """One at a time reads the logs."""

    async def __aenter__(self) -> Self:
        settings = self.settings
        bearer = {"Authorization": f"Bearer {settings.api_token}"}
        self.http = httpx.AsyncClient(base_url=settings.api_url, headers=bearer, timeout=40, trust_env=False)
        self.events = httpx.AsyncClient(
            base_url=settings.api_url, auth=httpx.BasicAuth(settings.write_key, ""), timeout=40, trust_env=False
        )
        self.pool = await connect(settings.worker_dsn, max_size=2)
        self.logs = await Logs(settings).__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.logs.__aexit__(None, None, None)
        await self.pool.close()
        await self.http.aclose()
        await self.events.aclose()

    def name(self, word: str) -> str:
        return f"{self.prefix}-{word}"

    def key(self, customer: str) -> bytes:
        return customer_key(self.workspace, customer).encode()

    def partition(self, customer: str) -> int:
        return partition_of(self.key(customer), self.settings.partitions)

    def email(self, customer: str) -> str:
        return f"{customer}@example.org"

    # -- management ------------------------------------------------------------------
    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        response = await self.http.get(f"/api/{path}", params=params)
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def act(self, journey: str, action: str) -> dict[str, Any]:
        """publish, pause, resume, stop: returns when every lane has it."""
        response = await self.http.post(f"/api/journeys/{journey}/{action}", params={"wait": PUBLISH_WAIT_S})
        assert response.status_code == 200, response.text
        answer = dict(response.json())
        assert answer["seen"], answer
        return answer

    async def template(self, id: str, body: dict[str, Any]) -> None:
        response = await self.http.put(f"/api/templates/{id}", json=body, params={"wait": PUBLISH_WAIT_S})
        assert response.status_code == 200, response.text

    async def save(self, id: str, steps: dict[str, Any], **body: Any) -> None:
        """A draft; it is entered by the event `<id>` and starts at the first step unless told otherwise."""
        whole = {"id": id, "name": id, "entry": [{"event": {"name": id}, "reentry": "never"}], **body}
        whole.setdefault("start", next(iter(steps)))
        response = await self.http.put(f"/api/journeys/{id}", json={**whole, "steps": steps})
        assert response.status_code == 200, response.text

    async def publish(self, id: str, steps: dict[str, Any], **body: Any) -> None:
        await self.save(id, steps, **body)
        assert (await self.act(id, "publish"))["status"] == "live"

    # -- ingestion -------------------------------------------------------------------
    async def post(self, address: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await self.events.post(f"/v1/{address}", json=body)
        assert response.status_code == 200, response.text
        answer = dict(response.json())
        assert answer["success"], answer
        return answer

    async def track(self, customer: str, event: str, **properties: Any) -> None:
        await self.post("track", {"userId": customer, "event": event, "properties": properties})

    async def identify(self, customer: str, **traits: Any) -> None:
        await self.post("identify", {"userId": customer, "traits": {"email": self.email(customer), **traits}})

    async def batch(self, events: Iterable[dict[str, Any]]) -> None:
        await self.post("batch", {"batch": list(events)})

    async def handled(self, *names: str) -> None:
        """Until lanes have handled what these input topics (default: events) hold now."""
        ends = {topic: await self.logs.ends(topic) for topic in names or (topics.EVENTS,)}

        async def done() -> bool:
            async with self._looking:
                return all([await self.logs.handled(topic, places) for topic, places in ends.items()])

        await wait_until(done, 60, f"lanes have handled {names}")

    # -- what came of it -------------------------------------------------------------
    async def timeline(self, customer: str) -> list[dict[str, Any]]:
        """Decisions as the API shows them, the oldest first; empty for a customer not yet known."""
        response = await self.http.get(f"/api/customers/{customer}/timeline", params={"limit": 200})
        if response.status_code == 404:
            return []
        assert response.status_code == 200, response.text
        return list(reversed(response.json()["decisions"]))

    async def decided(self, customer: str, kind: str, deadline_s: float = WAIT_S, **fields: Any) -> dict[str, Any]:
        """The customer's first decision of that kind with these fields, as soon as the API shows it."""
        seen: list[dict[str, Any]] = []

        async def found() -> dict[str, Any] | None:
            seen[:] = await self.timeline(customer)
            wanted = {"kind": kind, **fields}
            return next((d for d in seen if all(d.get(k, "") == v for k, v in wanted.items())), None)

        try:
            return dict(await wait_until(found, deadline_s, f"{kind} {fields} for {customer}"))
        except AssertionError as error:
            raise AssertionError(f"{error}\ntimeline: {seen}") from None

    async def records(self, *names: str) -> list[ConsumerRecord[bytes, bytes]]:
        async with self._looking:
            return [record async for record in self.logs.records(names)]

    async def decisions(self, journey: str = "") -> list[Decision]:
        """Committed decisions about this test's customers, ordered by partition."""
        records = sorted(await self.records(topics.DECISIONS), key=lambda record: (record.partition, record.offset))
        found = [codec.decision(record.value) for record in records]
        return [d for d in found if d.customer.startswith(self.prefix) and d.journey.startswith(journey)]

    async def requests(self) -> list[SendRequest]:
        """Committed send requests to this test's customers."""
        found = [codec.request(record.value) for record in await self.records(*SENDS)]
        return [request for request in found if request.customer.startswith(self.prefix)]

    async def journals(self) -> dict[int, list[Journal]]:
        found: defaultdict[int, list[Journal]] = defaultdict(list)
        for record in await self.records(topics.JOURNAL):
            found[record.partition].append(decode_journal(record.value))
        return dict(found)

    async def claims(self) -> dict[str, str]:
        """Send id → state, of this test's customers."""
        rows = await self.pool.fetch(
            """SELECT send_id, state FROM send_claims
            WHERE workspace_id = $1 AND coalesce(outcome, body)->>'customer' LIKE $2""",
            self.workspace, f"{self.prefix}%",
        )  # fmt: skip
        return {row["send_id"]: row["state"] for row in rows}

    def calls(self, word: str = "") -> list[dict[str, Any]]:
        """Webhooks to this test's part of the sink (`hook`), whose path or body has that word; the newest first."""
        found: list[dict[str, Any]] = []
        after: int | None = None
        while True:
            page = sink_store.list_calls(self.settings.sink_db, f"{self.prefix} {word}", after, 200)
            found += page
            if len(page) < 200:
                return found
            after = page[-1]["id"]

    def hook(self, path: str = "", **more: Any) -> dict[str, Any]:
        """A template that calls the sink, at an address that is this test's."""
        url = f"{self.settings.sink_url}{path}/{self.prefix}"
        body = {"customer": "{{ customer.id }}", "order": "{{ entry.order | default: 0 }}"}
        return {"channel": "webhook", "url": url, "body": body, **more}

    def mails(self, customer: str = "") -> list[dict[str, Any]]:
        """Mails to this customer, or to all of this test's, the newest first."""
        found: list[dict[str, Any]] = []
        after: int | None = None
        while True:
            page = inbox_store.list_mails(self.settings.inbox_db, customer or self.prefix, after, 200)
            found += page
            if len(page) < 200:
                return [mail for mail in found if not customer or mail["to"] == self.email(customer)]
            after = page[-1]["id"]

    async def mail(self, customer: str, subject: str = "", deadline_s: float = WAIT_S) -> dict[str, Any]:
        """The one mail to the customer with that subject, as soon as it is there, taken apart."""

        def there() -> list[dict[str, Any]]:
            return [mail for mail in self.mails(customer) if subject in mail["subject"]]

        await wait_until(there, deadline_s, f"a mail {subject!r} to {customer}")
        (mail,) = there()
        return inbox_store.get_mail(self.settings.inbox_db, mail["id"])


def exactly_once(decisions: Iterable[Decision]) -> None:
    """Each customer's decisions are numbered 1..n without a hole or a repeat; no id twice."""
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    ids: Counter[str] = Counter()
    for decision in decisions:
        numbers[decision.customer].append(decision.n)
        ids[decision.id] += 1
    wrong = {who: n for who, n in numbers.items() if n != list(range(1, len(n) + 1))}
    assert not wrong, dict(list(wrong.items())[:5])
    assert not [id for id, times in ids.items() if times > 1]


def unbroken(journals: dict[int, list[Journal]]) -> None:
    """Each lane's rounds are numbered 1..n."""
    for partition, rounds in journals.items():
        assert [entry.seq for entry in rounds] == list(range(1, len(rounds) + 1)), f"journal of partition {partition}"


async def restarted(stack: Stack, *names: str) -> None:
    """Stop these parts, then start them."""
    await asyncio.gather(*(stack.part(name).stop() for name in names))
    await asyncio.gather(*(stack.part(name).start() for name in names))
