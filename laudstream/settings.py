"""All settings: one frozen object, and the only reader of the environment.

Each field is set by `LAUDSTREAM_<NAME>`. `laudstream config` prints them, secrets redacted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from laudstream.errors import Invalid, Problem

Secret = Annotated[str, Meta(extra={"secret": True})]


def _say(text: str, secret: bool = False, **limits: Any) -> Any:
    """`limits`: ge, le and the like, of Meta."""
    return Meta(description=text, extra={"secret": secret}, **limits)


_PORT: dict[str, Any] = {"ge": 0, "le": 65_535}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    # Servers
    kafka: Annotated[str, _say("Kafka bootstrap servers, host:port, several with commas between")] = "127.0.0.1:9092"
    kafka_security: Annotated[
        str, _say("how Kafka is spoken to: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL (docs/security-kafka.md)")
    ] = "PLAINTEXT"
    kafka_mechanism: Annotated[str, _say("of SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")] = "SCRAM-SHA-512"
    kafka_user: Annotated[str, _say("user of SASL; each process may have its own (`laudstream topics rights`)")] = ""
    kafka_password: Annotated[str, _say("its password", True)] = ""
    kafka_ca: Annotated[
        str, _say("file (PEM) of the authorities that sign the brokers' certificates; empty: the system's")
    ] = ""
    kafka_certificate: Annotated[str, _say("our certificate for Kafka (PEM), where it wants one; empty: none")] = ""
    kafka_key: Annotated[str, _say("its private key (PEM, without a password); empty: in the same file")] = ""
    connect_url: Annotated[str, _say("REST address of Kafka Connect")] = "http://127.0.0.1:8083"
    database_url: Annotated[str, _say("PostgreSQL, role of migrations and `apply`", True)] = (
        "postgresql://laudstream@127.0.0.1:5432/laudstream"
    )
    api_database_url: Annotated[
        str, _say("PostgreSQL, role of the API (row-level security); empty: database_url", True)
    ] = ""
    worker_database_url: Annotated[str, _say("PostgreSQL, role of workers and import; empty: database_url", True)] = ""
    cdc_database_url: Annotated[str, _say("PostgreSQL as Kafka Connect sees it, role with REPLICATION", True)] = (
        "postgresql://laudstream_cdc@127.0.0.1:5432/laudstream"
    )
    smtp_url: Annotated[str, _say("mail server, smtp[s]://[user:password@]host:port", True)] = "smtp://127.0.0.1:1025"
    # API
    api_host: Annotated[str, _say("address the API listens on")] = "127.0.0.1"
    api_port: Annotated[int, _say("port the API listens on", **_PORT)] = 8000
    api_url: Annotated[str, _say("where clients (CLI) find the API")] = "http://127.0.0.1:8000"
    api_token: Annotated[str, _say("admin token that the CLI sends", True)] = ""
    write_key: Annotated[str, _say("write key that `events replay` sends", True)] = ""
    max_body_bytes: Annotated[int, _say("largest request body", ge=1)] = 1 << 20
    ack_timeout_s: Annotated[
        float, _say("the API waits so long for Kafka to have an event, then answers 503", gt=0)
    ] = 10.0
    ui_dir: Annotated[str, _say("built UI that the API serves; empty: ui/dist beside the packages")] = ""
    inbox_db: Annotated[str, _say("development only: SQLite file of the SMTP inbox; empty: no inbox")] = ""
    sink_url: Annotated[str, _say("development only: where the sink for webhooks listens")] = "http://127.0.0.1:8025"
    sink_db: Annotated[str, _say("development only: SQLite file of the sink for webhooks; empty: no sink")] = ""
    mail_from: Annotated[str, _say("sender of mails whose template names none")] = (
        "laudstream <hello@laudstream.example>"
    )
    # Topics
    partitions: Annotated[int, _say("P: partitions of customer-keyed topics; never changes later", ge=1)] = 8
    replication: Annotated[int, _say("replication factor of topics", ge=1)] = 1
    min_insync: Annotated[
        int, _say("replicas that must have a record before it counts; 0: one fewer than there are, at least 1", ge=0)
    ] = 0
    # Lanes
    data_dir: Annotated[str, _say("folder for stores of lanes and worker ids")] = ".data/worker"
    app_id: Annotated[str, _say("consumer group of the journey workers; prefix of transactional ids")] = (
        "laudstream-journeys"
    )
    instance_id: Annotated[str, _say("static member of the group; empty: dynamic")] = ""
    round_records: Annotated[int, _say("N: most records in one round", ge=1)] = 500
    catchup_records: Annotated[
        int, _say("N while a backlog is worked off, less where a worker has many lanes", ge=1)
    ] = 4000
    checkpoint_hours: Annotated[float, _say("how often a lane keeps a checkpoint for replay; 0: never", False)] = 24.0
    round_timers: Annotated[int, _say("M: most timers fired in one round", ge=1)] = 2000
    tick_ms: Annotated[float, _say("least time between two transactions of a worker", ge=0)] = 4.0
    committers: Annotated[int, _say("transactions of a worker in flight at a time", ge=1)] = 3
    takeover_s: Annotated[float, _say("wait before another worker's open transaction on our lane is fenced", ge=0)] = (
        1.0
    )
    txn_timeout_ms: Annotated[int, _say("Kafka's time-out for an open transaction", ge=1)] = 10_000
    fetch_min_bytes: Annotated[int, _say("a fetch waits for this much …")] = 1
    fetch_max_wait_ms: Annotated[int, _say("… but at most this long")] = 25
    session_timeout_s: Annotated[float, _say("a worker silent for so long loses its lanes", gt=0)] = 10.0
    heartbeat_s: Annotated[float, _say("interval of the group's heartbeats", gt=0)] = 2.0
    close_deadline_s: Annotated[float, _say("running rounds get so long at a revoke")] = 5.0
    block_cache_mb: Annotated[int, _say("RocksDB block cache of a worker")] = 64
    memtable_mb: Annotated[int, _say("RocksDB memtables of a worker")] = 128
    state_cache_mb: Annotated[int, _say("decoded states kept by a worker")] = 128
    epoch: Annotated[int, _say("raised by restore from backup and by re-partitioning; part of every id", ge=0)] = 0
    # Sending
    send_connections: Annotated[int, _say("mail connections kept by a sender", ge=1)] = 16
    send_timeout_s: Annotated[float, _say("a provider silent for so long: outcome unknown", gt=0)] = 20.0
    webhook_connections: Annotated[int, _say("webhooks that a sender has on the wire at a time", ge=1)] = 64
    webhook_timeout_s: Annotated[float, _say("an endpoint of webhooks silent for so long: outcome unknown", gt=0)] = (
        10.0
    )
    webhook_networks: Annotated[
        str, _say("networks that webhooks may reach though they are not public, e.g. 10.1.0.0/16; empty: none")
    ] = ""
    webhook_secret: Annotated[
        str, _say("secret from which those of workspaces are made that sign webhooks; empty: not signed", True)
    ] = ""
    # Ops
    ops_host: Annotated[str, _say("address of the workers' ops server")] = "127.0.0.1"
    ops_port: Annotated[int, _say("port of the workers' ops server; 0: none", **_PORT)] = 0
    log_level: Annotated[str, _say("DEBUG, INFO, WARNING or ERROR")] = "INFO"
    log_format: Annotated[str, _say("json or text")] = "text"
    development: Annotated[bool, _say("laptop mode: inbox page, friendlier defaults")] = False

    def __repr__(self) -> str:
        """Without secrets: it may come into a log or a traceback."""
        shown = (
            f"{field.name}={'…' if field.type.__metadata__[0].extra['secret'] and value else repr(value)}"
            for field in msgspec.structs.fields(type(self))
            if (value := getattr(self, field.name)) != field.default
        )
        return f"Settings({', '.join(shown)})"

    @property
    def api_dsn(self) -> str:
        return self.api_database_url or self.database_url

    @property
    def worker_dsn(self) -> str:
        return self.worker_database_url or self.database_url

    @property
    def in_sync(self) -> int:
        """Topics' min.insync.replicas."""
        return self.min_insync or max(1, self.replication - 1)

    @property
    def data_path(self) -> Path:
        return Path(self.data_dir)


PREFIX = "LAUDSTREAM_"


def variable(field: str) -> str:
    """Name of the environment variable of a field."""
    return PREFIX + field.upper()


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises Invalid, naming each bad or unknown variable."""
    source = os.environ if environ is None else environ
    fields = {variable(name): name for name in Settings.__struct_fields__}
    problems = [
        Problem(f"/{name}", f"{name} is no setting", "see `laudstream config` for the names")
        for name in source
        if name.startswith(PREFIX) and name not in fields
    ]
    given: dict[str, Any] = {}
    hints = {field.name: field for field in msgspec.structs.fields(Settings)}
    for name, field in fields.items():
        if name not in source:
            continue
        try:
            given[field] = msgspec.convert(source[name], hints[field].type, strict=False)
        except msgspec.ValidationError as error:
            problems.append(Problem(f"/{name}", f"{name}: {error}"))
    if not problems:
        settings = Settings(**given)
        problems = word_problems(settings) + security_problems(settings)
    if problems:
        raise Invalid("settings: " + "; ".join(p.message for p in problems), tuple(problems))
    return settings


WORDS = {"log_level": ("DEBUG", "INFO", "WARNING", "ERROR"), "log_format": ("json", "text")}


def word_problems(now: Settings) -> list[Problem]:
    """Words that would be taken for the default, unsaid."""
    return [
        _wrong(field, f"is {getattr(now, field)!r}", f"one of {', '.join(words)}")
        for field, words in WORDS.items()
        if getattr(now, field).lower() not in map(str.lower, words)
    ]


SECURITIES = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def security_problems(now: Settings) -> list[Problem]:
    """What makes no sense in how Kafka is spoken to."""
    security, sasl, tls = now.kafka_security, now.kafka_security.startswith("SASL_"), now.kafka_security.endswith("SSL")
    if security not in SECURITIES:
        return [_wrong("kafka_security", f"is {security!r}", f"one of {', '.join(SECURITIES)}")]
    found = []
    if now.kafka_mechanism not in MECHANISMS:
        found.append(_wrong("kafka_mechanism", f"is {now.kafka_mechanism!r}", f"one of {', '.join(MECHANISMS)}"))
    for field in ("kafka_user", "kafka_password"):
        given = bool(getattr(now, field))
        if sasl and not given:
            found.append(_wrong(field, f"is not set, and {security} needs it", "set it"))
        if given and not sasl:
            fix = f"set {variable('kafka_security')} to SASL_SSL (or SASL_PLAINTEXT), or leave it out"
            found.append(_wrong(field, f"is set, and {security} sends no user", fix))
    for field in ("kafka_ca", "kafka_certificate", "kafka_key"):
        if getattr(now, field) and not tls:
            fix = f"set {variable('kafka_security')} to {'SASL_SSL' if sasl else 'SSL'}, or leave it out"
            found.append(_wrong(field, f"is set, and {security} uses no TLS", fix))
    if now.kafka_key and not now.kafka_certificate:
        found.append(_wrong("kafka_key", "is set without a certificate", f"set {variable('kafka_certificate')} too"))
    return found


def _wrong(field: str, what: str, fix: str) -> Problem:
    return Problem(f"/{variable(field)}", f"{variable(field)} {what}", fix)


def environment(settings: Settings) -> dict[str, str]:
    """The environment that makes `load` return these settings: what a parent gives its child processes."""
    return {
        variable(name): str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in msgspec.structs.asdict(settings).items()
    }


def described() -> list[tuple[str, str, str, bool]]:
    """(variable, default, description, secret) of every setting, in the order of the page."""
    rows = []
    for field in msgspec.structs.fields(Settings):
        meta = field.type.__metadata__[0]
        rows.append((variable(field.name), str(field.default), meta.description or "", bool(meta.extra["secret"])))
    return rows
