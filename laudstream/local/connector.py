"""The Debezium connector: rows of PostgreSQL → `laudstream.rows`.

`kafkaconnect/postgres-source-connector.json` has all of its settings but where PostgreSQL is and who connects.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import httpx

from laudstream.errors import Invalid, Unavailable
from laudstream.settings import Settings

NAME = "laudstream-postgres"
FILE = Path("kafkaconnect") / "postgres-source-connector.json"
CAPTURED = ("customers", "consents", "suppressions", "segment_members", "identities")
"""Tables whose rows go to lanes."""
DEADLINE_S = 120.0
_ANSWER_S = 60.0
_POLL_S = 0.05


class State(NamedTuple):
    connector: str
    """RUNNING, PAUSED, FAILED, UNASSIGNED …; empty: there is none."""
    task: str
    """As above; empty: not yet started."""
    error: str = ""
    """First line of the trace."""

    @property
    def running(self) -> bool:
        return self.connector == self.task == "RUNNING"

    @property
    def failed(self) -> bool:
        return "FAILED" in (self.connector, self.task)

    def __str__(self) -> str:
        said = f"connector {self.connector or 'missing'}, task {self.task or 'none'}"
        return f"{said}: {self.error}" if self.error else said


def config(file: Path, settings: Settings) -> dict[str, str]:
    """The connector's settings, with the database of `settings` in them. Raises Invalid for blanks left over."""
    dsn = urlsplit(settings.cdc_database_url)
    filled: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    filled |= {
        "database.hostname": dsn.hostname or "127.0.0.1",
        "database.port": str(dsn.port or 5432),
        "database.user": unquote(dsn.username or "laudstream_cdc"),
        "database.password": unquote(dsn.password or ""),
        "database.dbname": dsn.path.lstrip("/") or "laudstream",
    }
    blank = [name for name, value in filled.items() if value.startswith("<")]
    if blank:
        raise Invalid(f"{file}: nobody fills in {', '.join(blank)}")
    return filled


async def register(settings: Settings, wanted: dict[str, str], deadline_s: float = DEADLINE_S) -> State:
    """Give Connect the connector and wait until it and its task run; nothing is sent if Connect has it just so.

    Raises Invalid if Connect refuses it or the task fails (with the first line of its trace), Unavailable.
    """
    now = State("", "")
    try:
        async with asyncio.timeout(deadline_s), _rest(settings) as rest:
            present = await rest.get(f"/connectors/{NAME}/config")
            if not (present.is_success and present.json() == {**wanted, "name": NAME}):
                await _put(rest, wanted)
            while not now.running:
                now = await _state(rest)
                if now.failed:
                    raise Invalid(f"the Debezium connector failed: {now}")
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise Unavailable(f"the Debezium connector does not run after {deadline_s:g} s: {now}") from None
    except httpx.HTTPError as error:
        raise Unavailable(f"Kafka Connect does not answer at {settings.connect_url}: {_why(error)}") from error
    return now


async def _put(rest: httpx.AsyncClient, wanted: dict[str, str]) -> None:
    while True:
        response = await rest.put(f"/connectors/{NAME}/config", json=wanted)
        if response.is_success:
            return
        if response.status_code != 409:  # 409: Connect is rebalancing
            raise Invalid(f"Kafka Connect refuses the connector: {_message(response)}")
        await asyncio.sleep(_POLL_S)


async def state(settings: Settings) -> State:
    """How the connector is now. Raises Unavailable if Connect does not answer."""
    try:
        async with _rest(settings) as rest:
            return await _state(rest)
    except httpx.HTTPError as error:
        raise Unavailable(f"Kafka Connect does not answer at {settings.connect_url}: {_why(error)}") from error


async def uncaptured(settings: Settings) -> list[str]:
    """Tables that the connector as it is registered leaves out; none where there is no connector or nobody answers."""
    try:
        async with _rest(settings) as rest:
            present = await rest.get(f"/connectors/{NAME}/config")
        listed = present.json()["table.include.list"].split(",") if present.is_success else None
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return []
    return [] if listed is None else [table for table in CAPTURED if f"public.{table}" not in listed]


async def _state(rest: httpx.AsyncClient) -> State:
    response = await rest.get(f"/connectors/{NAME}/status")
    if response.status_code == 404:
        return State("", "")
    response.raise_for_status()
    said = response.json()
    task: dict[str, Any] = said["tasks"][0] if said["tasks"] else {}
    trace = said["connector"].get("trace") or task.get("trace") or ""
    return State(said["connector"]["state"], task.get("state", ""), trace.strip().partition("\n")[0])


def _rest(settings: Settings) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=settings.connect_url, timeout=_ANSWER_S, trust_env=False)


def _why(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__  # time-outs say nothing


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"]).strip().partition("\n")[0]
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"
