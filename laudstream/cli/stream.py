"""Streams events through `POST /v1/batch`, fast and in order.

Each customer belongs to one of FLIGHTS flights, chosen by hash; a flight has one request under way at a time and sends
its events in the order in which they came. So each customer's events arrive in the order of the file, whatever is sent
again. A batch that gets no answer, or one that says "not now", is sent again as it was: the messageIds are the same, so
nothing counts twice (R2).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from zlib import crc32

import click
import httpx
import msgspec
import orjson

from laudstream.cli.client import address, problem, unreachable
from laudstream.errors import Invalid, Problem
from laudstream.settings import Settings

FLIGHTS = 8
BATCH_EVENTS = 250
BATCH_BYTES = 500_000
PATIENCE_S = 60.0
"""A batch is tried for so long."""
TELL_S = 3.0
"""After so long without an answer it is said what is waited for."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 3.0
_TIMEOUT_S = 30.0
_TRY_AGAIN = frozenset({429, 500, 502, 503, 504})


class Numbered(NamedTuple):
    """An event and the line of the file where it stands."""

    line: int
    event: dict[str, Any]


class Refusal(NamedTuple):
    line: int
    reason: str


class Streamed(msgspec.Struct):
    """What became of the events."""

    accepted: int = 0
    rejected: list[Refusal] = []
    retries: int = 0
    """Batches that were sent again."""


class _Rejected(msgspec.Struct):
    index: int
    problems: list[Problem] = []


class _Answer(msgspec.Struct):
    accepted: int
    rejected: list[_Rejected] = []


class _Event(NamedTuple):
    line: int
    body: bytes


_answer = msgspec.json.Decoder(_Answer)
_Queue = asyncio.Queue[list[_Event] | None]


class Stream:
    """One streaming of events to the API of `settings`, with its write key."""

    def __init__(
        self,
        settings: Settings,
        *,
        progress: Callable[[int], None] = lambda events: None,
        batch_events: int = BATCH_EVENTS,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._url = address(settings)
        self._key = settings.write_key
        self._progress = progress
        self._batch_events = batch_events
        self._patience_s = patience_s
        self._told = False
        self.result = Streamed()

    async def send(self, events: Iterable[Numbered]) -> Streamed:
        """Send all events. Raises Unavailable after `patience_s`, Invalid if the API refuses a whole request."""
        limits = httpx.Limits(max_connections=FLIGHTS, max_keepalive_connections=FLIGHTS)
        auth = httpx.BasicAuth(self._key, "")
        async with httpx.AsyncClient(
            base_url=self._url, auth=auth, timeout=_TIMEOUT_S, limits=limits, trust_env=False
        ) as http:
            queues = [_Queue(1) for _ in range(FLIGHTS)]
            try:
                async with asyncio.TaskGroup() as flights:
                    for queue in queues:
                        flights.create_task(self._fly(http, queue))
                    await self._deal(events, queues)
            except BaseExceptionGroup as group:
                raise group.exceptions[0] from None
        self.result.rejected.sort()
        return self.result

    async def _deal(self, events: Iterable[Numbered], queues: list[_Queue]) -> None:
        waiting: list[list[_Event]] = [[] for _ in queues]
        sizes = [0] * len(queues)
        for line, event in events:
            at = crc32(str(event.get("userId", "")).encode("utf-8", "replace")) % len(queues)
            body = orjson.dumps(event)
            if waiting[at] and (len(waiting[at]) == self._batch_events or sizes[at] + len(body) > BATCH_BYTES):
                await queues[at].put(waiting[at])
                waiting[at], sizes[at] = [], 0
            waiting[at].append(_Event(line, body))
            sizes[at] += len(body) + 1
        for queue, rest in zip(queues, waiting, strict=True):
            if rest:
                await queue.put(rest)
            await queue.put(None)

    async def _fly(self, http: httpx.AsyncClient, queue: _Queue) -> None:
        while batch := await queue.get():
            await self._hand_over(http, batch)

    async def _hand_over(self, http: httpx.AsyncClient, batch: list[_Event]) -> None:
        """Send a batch until the API has answered for each of its events."""
        response = await self._ask(http, b'{"batch":[' + b",".join(event.body for event in batch) + b"]}")
        if response.status_code == 413 and len(batch) > 1:
            middle = len(batch) // 2
            await self._hand_over(http, batch[:middle])
            await self._hand_over(http, batch[middle:])
            return
        if response.status_code == 413:
            self.result.rejected.append(Refusal(batch[0].line, "larger than the API takes"))
        elif not response.is_success:
            raise problem(response)
        else:
            self._count(batch, response)
        self._progress(len(batch))

    def _count(self, batch: list[_Event], response: httpx.Response) -> None:
        try:
            answer = _answer.decode(response.content)
        except msgspec.DecodeError as error:
            raise Invalid(f"{self._url} is no laudstream API: {error}") from None
        self.result.accepted += answer.accepted
        for item in answer.rejected:
            reason = "; ".join(f"{p.pointer} {p.message}".strip() for p in item.problems) or "refused"
            self.result.rejected.append(Refusal(batch[item.index].line, reason))

    async def _ask(self, http: httpx.AsyncClient, body: bytes) -> httpx.Response:
        """The API's answer, after as many tries as it takes. Raises Unavailable."""
        deadline = time.monotonic() + self._patience_s
        pause = _FIRST_PAUSE_S
        while True:
            try:
                response = await http.post("/v1/batch", content=body, headers={"Content-Type": "application/json"})
                if response.status_code not in _TRY_AGAIN:
                    return response
                error = problem(response)
            except httpx.TransportError as failure:
                error = unreachable(self._url, failure)
            if not self._told and time.monotonic() > deadline - self._patience_s + TELL_S:
                self._told = True
                click.echo(f"{error}; trying again for {self._patience_s:g} s", err=True)
            if time.monotonic() + pause > deadline:
                raise error
            self.result.retries += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
