"""The pump: takes claims from memory to the wire, and their outcomes back to PostgreSQL and Kafka.

    waiting ─► mark (≤ 64 `handing_over`) ─► ready ─► connections ─► done ─► settle ─► publish
       ▲                                                                │
       └──────── recover, once a second: parked and due, lost ◄── park ─┘

* Nothing is marked while no connection is up: what is in memory stays `claimed`, free for any other sender.
* A claim is put on the wire only while its lease leaves time for the whole exchange (twice the time-out).
* PostgreSQL or Kafka away: everything stays where it is and is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import structlog

from agents.sending.claims import Claim, Claims, Key, Parked, delivery
from agents.sending.ports import Answer, Connection, NotYet
from agents.sending.publisher import Publisher
from agents.sending.waiting import Waiting
from laudstream.channels.verdict import Verdict, shown
from laudstream.errors import Unavailable
from laudstream.messages.address import BadAddress
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest

MOST_MARKED = 64
MOST_UNPUBLISHED = 5_000  # outcomes in memory from which on nothing more is sent
RECOVER_S = 1.0
LINGER_S = 0.01  # an outcome waits so long for others: they are written together
_PAUSE_S, _MOST_PAUSE_S = 0.1, 10.0  # between two attempts to connect
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=15)
_log = structlog.get_logger()


class _Job(NamedTuple):
    bulk: bool
    number: int
    """Jobs are put on the wire in the order of these two: transactional first, then first come, first served."""
    claim: Claim
    message: Any
    start_by: float
    """Loop time: later it is not put on the wire."""


class Pump:
    def __init__(
        self,
        claims: Claims,
        publisher: Publisher,
        prepare: Callable[[SendRequest], Any],
        connect: Callable[[], Awaitable[Connection]],
        judge: Callable[[Any], Verdict],
        now: Callable[[], datetime],
        *,
        connections: int,
        timeout_s: float,
        room: int,
    ) -> None:
        """`prepare` raises NotYet for a message that cannot be made now; whatever else it raises fails it."""
        self.waiting = Waiting(room)
        self._claims, self._publisher, self._now = claims, publisher, now
        self._prepare, self._connect, self._read = prepare, connect, judge
        self._count = connections
        self._start_within_s = claims.lease.total_seconds() - 2 * timeout_s - 1
        self._ready: asyncio.PriorityQueue[_Job] = asyncio.PriorityQueue()
        self._number = count()
        self._done: deque[tuple[Claim, Delivery | Parked]] = deque()
        self._busy: set[Key] = set()  # marked, until their outcome is written
        self._connected = 0
        self._stopping = False
        self._opening = asyncio.Lock()
        self._wake_marker, self._wake_settler, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def put(self, claims: list[Claim]) -> None:
        """New claims of this process."""
        self.waiting.put(claim for claim in claims if claim.key not in self._busy)
        self._wake_marker.set()

    async def start(self) -> None:
        loops = [self._mark(), self._settle(), self._recover(), *(self._hand_over() for _ in range(self._count))]
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop(self, patience_s: float = 5.0) -> None:
        """Lets what is on the wire come to its end, for a while; gives back the rest."""
        marking, settling, recovering, *handing = self._tasks
        self._stopping = True
        self._wake_marker.set()
        await asyncio.wait([marking], timeout=patience_s)  # what it marks, it must also know
        await _cancel(marking, recovering)
        self._return_ready()
        if self._busy:
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), patience_s)
        await _cancel(settling, *handing)
        await self._claims.release(self._now())

    # From memory to the wire

    async def _mark(self) -> None:
        while True:
            await self._wake_marker.wait()
            if self._stopping:
                return
            # Marketing is marked by the dozen, for each time costs a transaction.
            full = len(self._busy) >= (MOST_MARKED if self.waiting.urgent else MOST_MARKED // 2)
            if full or not len(self.waiting) or not self._connected or len(self._publisher) > MOST_UNPUBLISHED:
                self._wake_marker.clear()
                continue
            await self._lasting(self._mark_some, self.waiting.take(MOST_MARKED - len(self._busy)))

    async def _mark_some(self, claims: list[Claim]) -> None:
        made: dict[Key, Any] = {}
        try:
            made = {claim.key: message for claim in claims if (message := self._made(claim)) is not None}
            asked = [claim for claim in claims if claim.key in made]
            begin = asyncio.get_running_loop().time()
            granted, refused = await self._claims.hand_over(asked, self._now()) if asked else ([], [])
        except BaseException:
            self._busy.difference_update(made)
            self.waiting.put(claim for claim in claims if claim.key not in self._busy)
            raise
        self._busy.difference_update(made.keys() - {claim.key for claim in granted})
        self._publisher.put(refused)
        for claim in granted:
            number, start_by = next(self._number), begin + self._start_within_s
            self._ready.put_nowait(_Job(claim.request.topic_is_bulk, number, claim, made[claim.key], start_by))

    def _made(self, claim: Claim) -> Any:
        """Its message; None if it has come to an end already."""
        self._busy.add(claim.key)
        try:
            return self._prepare(claim.request)
        except NotYet as error:
            self._end(claim, self._later(claim, error.pause))
        except MemoryError:
            raise
        except Exception as error:  # the unit of failure is one message
            reason = "no_address" if isinstance(error, BadAddress) else "template_failed"
            detail = "".join(filter(str.isprintable, str(error) or type(error).__name__))[:500]
            self._end(claim, delivery(claim.request, "failed", self._now(), reason, detail))
        return None

    async def _hand_over(self) -> None:
        """One connection and what goes over it."""
        pause = _PAUSE_S
        while True:
            async with self._opening:
                connection = await self._open()
            self._connected += 1
            self._wake_marker.set()
            try:
                delivered = await self._serve(connection)
            finally:
                self._connected -= 1
                await connection.close()
            pause = _PAUSE_S if delivered else min(_MOST_PAUSE_S, pause * 2)
            if not delivered:  # a server that takes the connection and nothing else
                await asyncio.sleep(pause)

    async def _open(self) -> Connection:
        """Tries until there is one; of all that want a connection, one at a time."""
        pause = _PAUSE_S
        while True:
            try:
                return await self._connect()
            except Unavailable as error:
                _log.warning("send.no_connection", error=str(error), again_in_s=pause)
            except Exception:  # whatever it is, nobody else opens one for us
                _log.exception("send.no_connection", again_in_s=pause)
            if not self._connected:
                self._return_ready()
            await asyncio.sleep(pause)
            pause = min(_MOST_PAUSE_S, pause * 2)

    async def _serve(self, connection: Connection) -> int:
        """Hands over until the connection is no good any more; returns how many messages were answered."""
        answered = 0
        while True:
            job = await self._ready.get()
            if not connection.usable:
                self._ready.put_nowait(job)
                return answered
            if asyncio.get_running_loop().time() > job.start_by:
                self._end(job.claim, Parked(job.claim, self._now()))
                continue
            try:
                answer = await connection.deliver(job.message)
                outcome = self._judge(job.claim, answer)
            except Exception as error:  # the unit of failure is one message, and the connection: it may have left
                _log.exception("send.channel_failed", send_id=job.claim.request.send_id)
                self._end(job.claim, self._outcome(job.claim, Verdict("unknown", "", shown(repr(error)))))
                return answered
            answered += answer.code > 0
            self._end(job.claim, outcome)
            if _lost(connection):
                return answered

    def _judge(self, claim: Claim, answer: Answer) -> Delivery | Parked:
        return self._outcome(claim, self._read(answer))

    def _outcome(self, claim: Claim, verdict: Verdict) -> Delivery | Parked:
        if verdict.kind == "retry" and verdict.pause_s:
            return self._later(claim, timedelta(seconds=verdict.pause_s))
        if verdict.kind == "retry":
            return self._later(claim, min(_FIRST_PAUSE * 2 ** min(claim.tries - 1, 10), _LONGEST_PAUSE))
        if verdict.kind == "unknown" and claim.request.on_unknown == "retry":
            return self._later(claim, _FIRST_PAUSE)
        return delivery(claim.request, verdict.kind, self._now(), verdict.reason, verdict.detail)

    def _later(self, claim: Claim, pause: timedelta) -> Parked:
        """Parks with a back-off; at `send_before` at the latest it is looked at again, and refused."""
        until = self._now() + pause
        last = datetime.fromtimestamp(claim.request.send_before / 1000 + 0.001, until.tzinfo)
        return Parked(claim, min(until, last))

    def _return_ready(self) -> None:
        """Marked, but not on the wire: back to PostgreSQL."""
        while not self._ready.empty():
            job = self._ready.get_nowait()
            self._end(job.claim, Parked(job.claim, self._now()))

    # Outcomes

    def _end(self, claim: Claim, outcome: Delivery | Parked) -> None:
        self._done.append((claim, outcome))
        self._wake_settler.set()

    async def _settle(self) -> None:
        while True:
            await self._wake_settler.wait()
            await asyncio.sleep(LINGER_S)
            self._wake_settler.clear()
            while self._done:
                await self._lasting(self._settle_some, list(self._done))

    async def _settle_some(self, some: list[tuple[Claim, Delivery | Parked]]) -> None:
        now = self._now()
        settled = await self._claims.settle([what for _, what in some if isinstance(what, Delivery)], now)
        await self._claims.park([what for _, what in some if isinstance(what, Parked)], now)
        self._publisher.put(settled)
        for claim, _ in some:
            self._done.popleft()
            self._busy.discard(claim.key)
        self._wake_marker.set()
        if not self._busy:
            self._idle.set()

    async def _recover(self) -> None:
        while True:
            await self._lasting(self._recover_once)
            await asyncio.sleep(RECOVER_S)

    async def _recover_once(self) -> None:
        now = self._now()
        for claim in self.waiting.expired(int(now.timestamp() * 1000)):
            self._busy.add(claim.key)
            self._end(claim, delivery(claim.request, "refused", now, "expired"))
        again, unknown = await self._claims.recover(now, [send_id for _, send_id in self._busy])
        self.put(again)
        self._publisher.put(unknown)
        for bulk in (False, True):
            free = self.waiting.free(bulk=bulk)
            if free and self._connected:
                self.put(await self._claims.take(now, min(free, 500), transactional=not bulk))
        self._publisher.put(await self._claims.unpublished(now))
        self._wake_marker.set()

    async def _lasting(self, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Does `work`; whatever it raises is logged, and the caller goes on a little later."""
        try:
            await work(*args)
        except Exception as error:
            _log.warning("send.trouble", doing=work.__name__, error=str(error) or type(error).__name__)
            await asyncio.sleep(0.5)


def _lost(connection: Connection) -> bool:
    return not connection.usable


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
