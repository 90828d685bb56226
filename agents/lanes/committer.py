"""One transaction for all lanes that have finished a round: group commit, fenced by the group (KIP-447).

The fence is the consumer group's generation, not the transactional id. So a process may have several
transactions in flight, each with its own id; a lane has at most one round in flight.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from agents.lanes.clock import APART_S, BrokerClock
from agents.lanes.ports import Round
from agents.lanes.producer import TxnProducer
from agents.lanes.transaction import Aborted, GroupOffsets, OutOfGroup, Pairs, TxnError, Unreachable
from agents.lanes.wire import TP, Member
from laudstream import topics
from laudstream.settings import Settings
from tables.layout import CLOCK_KEY

log = structlog.get_logger(__name__)

ASK_S = 10.0
"""The brokers are asked for the time at most once in so long."""
LANE_TICK_S = 0.0005
"""A transaction costs the brokers by the partition: so much time a lane in it passes until the next one begins."""
IDLE_S = 1.0
"""A committer without work looks so often whether a broker was lost."""


class _Waiting(NamedTuple):
    round: Round
    member: Member
    done: asyncio.Future[Mapping[str, int]]


class Committer:
    """The shared CommitPort of all lanes of a process."""

    def __init__(
        self,
        settings: Settings,
        client: AIOKafkaClient,
        worker_id: str,
        lock_topic: str,
        outputs: Callable[[], Iterable[TP]],
        clock: BrokerClock,
    ) -> None:
        """`outputs`: every partition that lanes write to. `clock` is told what time the brokers have."""
        self._settings, self._lock_topic, self._clock = settings, lock_topic, clock
        self._producers = [
            TxnProducer(
                client, f"{settings.app_id}-{worker_id}-{n}", timeout_ms=settings.txn_timeout_ms, outputs=outputs,
                group=settings.app_id, clock=clock,
            )
            for n in range(settings.committers)
        ]  # fmt: skip
        self.ids = frozenset(p.txn_id for p in self._producers)
        self.member: Member | None = None  # of the assignment in force; None between revoke and assign
        self._next_ask = 0.0
        self._idle: asyncio.Queue[TxnProducer] = asyncio.Queue()
        self._pending: list[_Waiting] = []
        self._work = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None
        self.transactions = self.rounds = self.aborts = 0

    async def start(self) -> None:
        if self._pump is not None:
            return
        await asyncio.gather(*(p.start() for p in self._producers))
        await self._ask_time(self._producers[0])
        for producer in self._producers:
            self._idle.put_nowait(producer)
        self._pump = asyncio.create_task(self._run())

    async def _ask_time(self, producer: TxnProducer) -> None:
        """Brokers tell their time only to those who write: a deletion of something that never was."""
        if not self._clock.doubtful() or time.monotonic() < self._next_ask:
            return
        self._next_ask = time.monotonic() + ASK_S
        await producer.commit({(topics.STATE, 0): (self._clock.now(), [(CLOCK_KEY, None)])})
        if abs(off := self._clock.host_off_s()) > APART_S:
            log.warning("host_clock_is_off", seconds=round(off, 1))

    async def commit(self, round_: Round) -> Mapping[str, int]:
        if self.member is None:
            raise OutOfGroup("no assignment")
        done: asyncio.Future[Mapping[str, int]] = asyncio.get_running_loop().create_future()
        self._pending.append(_Waiting(round_, self.member, done))
        self._work.set()
        return await done

    async def drain(self, timeout: float) -> bool:
        """True if no transaction is in flight any more."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=timeout)
        return not self._running

    async def stop(self) -> None:
        await self.drain(self._settings.close_deadline_s)
        for task in (self._pump, *self._running):
            if task is not None:
                task.cancel()

    # -- the ticks --------------------------------------------------------------------
    async def _run(self) -> None:
        next_start = 0.0
        while True:
            producer = await self._idle.get()
            if not self._work.is_set():
                try:
                    await asyncio.wait_for(self._work.wait(), IDLE_S)
                except TimeoutError:  # nothing to commit: time to look after what a lost broker may have left
                    self._spawn(producer, [])
                    continue
            wait = next_start - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            taken, self._pending = self._pending, []
            next_start = time.monotonic() + max(self._settings.tick_ms / 1000, LANE_TICK_S * len(taken))
            self._work.clear()
            self._spawn(producer, taken)

    def _spawn(self, producer: TxnProducer, taken: list[_Waiting]) -> None:
        task = asyncio.create_task(self._transact(producer, taken))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _transact(self, producer: TxnProducer, taken: list[_Waiting]) -> None:
        member = self.member
        _fail((w for w in taken if w.member is not member), OutOfGroup("assigned anew"))
        rounds = [w for w in taken if w.member is member and not w.done.done()]
        try:
            if rounds and member is not None:
                await self._commit_apart(producer, member, rounds)
            else:
                await producer.settle()
                await self._ask_time(producer)
        except (Aborted, OutOfGroup) as error:  # the producer is ready for the next one
            _fail(rounds, error)
        except TxnError as error:
            _fail(rounds, error)
            await self._revive(producer)
        except BaseException as error:
            _fail(rounds, KafkaError(f"committer: {error!r}"))
            if not isinstance(error, Exception):
                raise
            log.warning("commit_failed", txn_id=producer.txn_id, error=repr(error))
            await self._revive(producer)
        finally:
            self._idle.put_nowait(producer)

    @staticmethod
    async def _revive(producer: TxnProducer) -> None:
        while True:
            try:
                return await producer.start()
            except (KafkaError, TimeoutError) as error:
                log.warning("producer_not_ready", txn_id=producer.txn_id, error=repr(error))
                await asyncio.sleep(1.0)

    async def _commit_apart(self, producer: TxnProducer, member: Member, rounds: list[_Waiting]) -> None:
        """After an abort each lane for itself: one lane's bad record must not hold up the others (A2)."""
        try:
            await self._commit(producer, member, rounds)
        except Unreachable:
            raise
        except Aborted as error:
            self.aborts += 1
            if len(rounds) == 1:
                raise
            log.warning("transaction_aborted", lanes=len(rounds), error=str(error))
            for one in rounds:
                try:
                    await self._commit(producer, member, [one])
                except Aborted as again:
                    _fail([one], again)

    async def _commit(self, producer: TxnProducer, member: Member, rounds: list[_Waiting]) -> None:
        writes: dict[TP, tuple[int, Pairs]] = {}
        offsets: dict[TP, tuple[int, str]] = {}
        lock = self._lock_topic
        for waiting in rounds:
            r = waiting.round
            p = r.partition
            writes.update({(t, p): (r.timestamp_ms, pairs) for t, pairs in r.writes.items() if pairs})
            for q, pairs in r.handoffs.items():
                others = writes.get((topics.HANDOFFS, q), (0, ()))[1]
                writes[topics.HANDOFFS, q] = r.timestamp_ms, [*others, *pairs]
            offsets.update({(t, p): (at, "") for t, at in r.moved.items()})
            offsets[lock, p] = r.positions[lock], str(r.seq)  # every round moves the lock
        ends = await producer.commit(writes, GroupOffsets(member, offsets))
        self.transactions += 1
        self.rounds += len(rounds)
        for waiting in rounds:
            p = waiting.round.partition
            if not waiting.done.done():
                waiting.done.set_result({t: ends[t, p] for t in waiting.round.writes if (t, p) in ends})


def _fail(waiting: Iterable[_Waiting], error: Exception) -> None:
    for one in waiting:
        if not one.done.done():
            one.done.set_exception(type(error)(str(error)))
