"""The checks of `laudstream doctor`: each looks at one thing and never raises."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import asyncpg
import httpx

from laudstream import kafka_admin, kafka_features
from laudstream.away import ROOM_MB
from laudstream.errors import Invalid, LaudstreamError, Refused
from laudstream.local import connector
from laudstream.postgres import connect, queries
from laudstream.postgres.migrate import applied, pending, read
from laudstream.settings import Settings, variable
from laudstream.topics import TOPICS

_TIMEOUT_S = 5.0
JAVA_AT_LEAST = 17
WAITING = "workers and the API that are started meanwhile wait for it"


class Finding(NamedTuple):
    name: str
    state: str
    """ok, warning (something runs worse) or wrong."""
    said: str
    fix: str = ""


class Wrong(Exception):
    """What is wrong, and what to do."""

    def __init__(self, said: str, fix: str, state: str = "wrong") -> None:
        super().__init__(said)
        self.fix, self.state = fix, state


class Check(NamedTuple):
    name: str
    needs: str
    """Another check without which this one can say nothing."""
    look: Callable[[Settings], Awaitable[Finding]]


Look = Callable[[Settings], Awaitable[str]]
CHECKS: list[Check] = []


def check(name: str, fix: str, needs: str = "") -> Callable[[Look], Look]:
    """Makes a check of a function that says what is right, or raises. `fix` is for errors that bring none."""

    def made(look: Look) -> Look:
        async def looked(now: Settings) -> Finding:
            try:
                return Finding(name, "ok", await look(now))
            except Wrong as wrong:
                return Finding(name, wrong.state, str(wrong), wrong.fix)
            except (LaudstreamError, OSError, TimeoutError, asyncpg.PostgresError, httpx.HTTPError) as error:
                return Finding(name, "wrong", str(error) or type(error).__name__, _fix(error) or fix)

        CHECKS.append(Check(name, needs, looked))
        return look

    return made


def _fix(error: Exception) -> str:
    return next((one.fix for one in error.problems if one.fix), "") if isinstance(error, Invalid) else ""


async def examine(now: Settings) -> list[Finding]:
    """All findings, in the order of CHECKS. What does not need each other is looked at at the same time."""
    found: dict[str, Finding] = {}
    for later in (False, True):
        checks = [one for one in CHECKS if bool(one.needs) == later]
        blind = {one.name for one in checks if one.needs and found[one.needs].state == "wrong"}
        looks = [one.look(now) for one in checks if one.name not in blind]
        found |= {finding.name: finding for finding in await asyncio.gather(*looks)}
        found |= {
            one.name: Finding(one.name, "wrong", f"not checked: {one.needs} is wrong")
            for one in checks
            if one.name in blind
        }
    return [found[one.name] for one in CHECKS]


@check("packages", "run `make setup`")
async def packages(now: Settings) -> str:
    wanted = [requirement for requirement in metadata.requires("laudstream") or () if "==" in requirement]
    differing = []
    for requirement in wanted:
        name, _, version = requirement.partition("==")
        try:
            there = metadata.version(name)
        except metadata.PackageNotFoundError:
            there = "missing"
        if there != version:
            differing.append(f"{name} {there}, not {version}")
    if differing:
        raise Wrong("; ".join(differing), "run `make setup`")
    return f"{len(wanted)} Python packages as pinned"


@check("java", "install default-jre-headless")
async def java(now: Settings) -> str:
    found = shutil.which("java")
    if not found:
        raise Wrong("no java on the PATH", "install default-jre-headless (only `laudstream up` needs it)", "warning")
    said = await asyncio.to_thread(subprocess.run, [found, "-version"], capture_output=True, text=True, check=True)
    first = said.stderr.partition("\n")[0]
    major = int(first.partition('"')[2].partition(".")[0].partition('"')[0] or 0)
    if major < JAVA_AT_LEAST:
        raise Wrong(first, f"install Java {JAVA_AT_LEAST} or later; Kafka 4 needs it")
    return first


@check("kafka", f"start it (`laudstream up`) or set {variable('kafka')}; {WAITING}")
async def kafka(now: Settings) -> str:
    async with kafka_admin.admin(now, _TIMEOUT_S) as client:
        brokers = (await client.describe_cluster())["brokers"]
    if len(brokers) < now.replication:
        raise Wrong(
            f"{len(brokers)} brokers at {now.kafka}, fewer than replicas",
            f"add brokers or lower {variable('replication')}",
        )
    await kafka_features.check(now)
    user = f" as {now.kafka_user}" if now.kafka_user else ""
    if now.kafka_security == "SASL_PLAINTEXT":
        said = f"we speak to {now.kafka}{user} without TLS: whoever is on the way reads everything"
        if now.kafka_mechanism == "PLAIN":
            said += ", the password too"
        raise Wrong(said, f"set {variable('kafka_security')} to SASL_SSL", "warning")
    count = f"{len(brokers)} {'broker' if len(brokers) == 1 else 'brokers'}"
    return f"{count} at {now.kafka}, {now.kafka_security}{user}"


@check("topics", "run `laudstream topics apply`", needs="kafka")
async def topics(now: Settings) -> str:
    try:
        found = await kafka_admin.describe(now)
    except Refused as error:
        fix = "run it as the user that may (`laudstream topics rights admin`)"
        raise Wrong(f"this user may not look: {error}", fix, "warning") from None
    todo = kafka_admin.plan(TOPICS, found, now)
    if todo.create or todo.alter:
        missing = f"{len(todo.create)} missing, {len(todo.alter)} with other settings"
        raise Wrong(missing, "run `laudstream topics apply`")
    fewer = [topic.name for topic in found.values() if topic.replication < now.replication]
    if fewer:
        raise Wrong(
            f"fewer than {now.replication} replicas: {', '.join(fewer)}",
            f"move them to more brokers (kafka-reassign-partitions), or lower {variable('replication')}",
            "warning",
        )
    leaderless = [topic.name for topic in found.values() if topic.leaderless]
    if leaderless:
        raise Wrong(f"partitions without a leader: {', '.join(leaderless)}", "bring the missing brokers back")
    return f"{len(found)} topics as declared"


@check("postgresql", f"start it (`laudstream up`) or set {variable('database_url')}; {WAITING}")
async def postgresql(now: Settings) -> str:
    pool = await connect(now.database_url, max_size=1, application="laudstream doctor")
    try:
        [facts] = await pool.fetch(queries("doctor")["facts"])
    finally:
        await pool.close()
    if facts["wal_level"] != "logical":
        raise Wrong(
            f"wal_level is {facts['wal_level']}", "set wal_level = logical and restart PostgreSQL: CDC needs it"
        )
    return f"PostgreSQL {facts['version']}, wal_level logical"


@check("migrations", "run `laudstream migrate`", needs="postgresql")
async def migrations(now: Settings) -> str:
    pool = await connect(now.database_url, max_size=1, application="laudstream doctor")
    try:
        async with pool.acquire() as connection:
            done = await applied(connection)
    finally:
        await pool.close()
    todo = pending(read(), done)
    if todo:
        raise Wrong(f"{len(todo)} not applied, from {todo[0].file} on", "run `laudstream migrate`")
    return f"{len(done)} applied"


@check("roles", "make the roles of local-env/postgres.sql", needs="postgresql")
async def roles(now: Settings) -> str:
    """Each role connects, and has the rights that its process needs: no more for the API, no less for the others."""
    problems = []
    for dsn, bypass, replication in (
        (now.api_dsn, False, False),
        (now.worker_dsn, True, False),
        (now.cdc_database_url, True, True),
    ):
        pool = await connect(dsn, max_size=1, application="laudstream doctor")
        try:
            [row] = await pool.fetch(queries("doctor")["role"])
        finally:
            await pool.close()
        if row["bypasses"] != bypass:
            problems.append(f"{row['name']} {'does not bypass' if bypass else 'bypasses'} row-level security")
        if replication and not row["replicates"]:
            problems.append(f"{row['name']} may not replicate")
    if problems:
        raise Wrong("; ".join(problems), "give them the rights in local-env/postgres.sql")
    return "api, worker and cdc connect with the rights they need"


@check("connect", f"start Kafka Connect (`laudstream up`) or set {variable('connect_url')}")
async def kafka_connect(now: Settings) -> str:
    state = await connector.state(now)
    if not state.running:
        fix = f"see the log of Kafka Connect; PUT the connector again, or restart it at {now.connect_url}"
        raise Wrong(str(state), fix)
    if missing := await connector.uncaptured(now):
        fix = "PUT the connector of this release (kafkaconnect/README.md)"
        raise Wrong(f"the connector does not capture {', '.join(missing)}", fix)
    return "connector and task run"


@check("smtp", f"start the mail server or set {variable('smtp_url')}")
async def smtp(now: Settings) -> str:
    place = urlsplit(now.smtp_url)
    host, port = place.hostname or "127.0.0.1", place.port or (465 if place.scheme == "smtps" else 25)
    async with asyncio.timeout(_TIMEOUT_S):
        _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return f"{host}:{port} takes connections"


@check("webhooks", f"set {variable('webhook_networks')} as e.g. 10.1.0.0/16")
async def webhooks(now: Settings) -> str:
    from agents.sending.guard import networks

    reached = ", ".join(map(str, networks(now.webhook_networks)))
    where = f"public addresses and {reached}" if reached else "public addresses only"
    if not now.webhook_secret:
        fix = (
            f"set {variable('webhook_secret')}, the same for the API and the senders, so that receivers can check them"
        )
        raise Wrong(f"go to {where}; they are not signed", fix, "warning")
    return f"go to {where}, and are signed"


@check("api", f"start it (`laudstream api`) or set {variable('api_url')}")
async def api(now: Settings) -> str:
    async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as http:
        ready = await http.get(f"{now.api_url}/readyz")
        if ready.status_code != 200:
            raise Wrong(f"{now.api_url} is not ready ({ready.status_code})", "see its log")
        if not now.api_token:
            raise Wrong(f"{now.api_url} is ready; no admin token", f"set {variable('api_token')}", "warning")
        answer = await http.get(f"{now.api_url}/api/workspace", headers={"Authorization": f"Bearer {now.api_token}"})
    if answer.status_code == 401:
        raise Wrong("the API does not take the admin token", f"set {variable('api_token')}")
    return f"{now.api_url} is ready and takes the token"


@check("data folder", f"make it writable, or set {variable('data_dir')}")
async def data_folder(now: Settings) -> str:
    there = now.data_path.resolve()
    existing = next(folder for folder in (there, *there.parents) if folder.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise Wrong(f"{existing} is not writable", f"make it writable, or set {variable('data_dir')}")
    room = shutil.disk_usage(existing).free
    free = room >> 30
    if room >> 20 < ROOM_MB:
        raise Wrong(f"{room >> 20} MB free in {existing}", f"make room: journey workers wait for {ROOM_MB} MB")
    if free < 1:
        raise Wrong(f"less than 1 GB free in {existing}", "make room", "warning")
    return f"{_short(there)}, {free} GB free"


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
