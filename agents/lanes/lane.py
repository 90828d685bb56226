"""A lane: the one owner of partition p of all input topics, its state and its outputs.

Opening: learn the last committed round, restore to exactly it, then be fed. Running: rounds, one at a time:
take, compute, commit, write the store. Nothing of a round that was not committed is left anywhere (A1, A2).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka.structs import TopicPartition

from agents.lanes import round as rounds
from agents.lanes.feed import CaughtUp
from agents.lanes.intake import Intake, Taken
from agents.lanes.opening import bring_up, way_on
from agents.lanes.outgoing import head_after, outgoing
from agents.lanes.ports import Bodies, CommitPort
from agents.lanes.record import Record, ends, merge
from agents.lanes.stats import LaneStats
from agents.lanes.transaction import Aborted, Unreachable
from agents.lanes.turns import BUSY_SLICE, BUSY_TIMERS, SLICE, Turns
from laudstream import topics
from laudstream.errors import Broken, Invalid
from laudstream.journey.control import BODILESS, body_key
from laudstream.journey.customer import Customer
from laudstream.records import codec as wire
from laudstream.records.head import Head
from laudstream.settings import Settings
from tables import checkpoints
from tables.cache import Cache
from tables.origin import Origin
from tables.rocks import RocksMemory
from tables.store import LaneStore
from tables.trouble import StoreFailed

log = structlog.get_logger(__name__)

LastSeq = Callable[[int], Awaitable[int | None]]
MAX_ABORTS = 20
FEW = 50
AWAY_S = 0.2
HOUR_MS = 3_600_000
POLL_S = 0.004
"""How often a lane with due timers, or with rows newer than its events, looks whether its inputs are all in."""


class Lane:
    accepting = False

    def __init__(
        self,
        origin: Origin,
        topic_ids: Mapping[str, str],
        settings: Settings,
        memory: RocksMemory,
        cache_bytes: int,
        stats: LaneStats,
        port: CommitPort,
        bodies: Bodies,
        caught_up: CaughtUp,
        clock: Callable[[], int],
        turns: Turns,
    ) -> None:
        """`clock`: the brokers' time, ms."""
        self.origin, self.partition = origin, origin.partition
        self._settings, self._memory, self.stats, self._port = settings, memory, stats, port
        self._bodies, self._clock, self._turns = bodies, clock, turns
        self._topic_ids = {t: topic_ids[t] for t in topics.LANE_INPUTS}
        self._intake = Intake(self.partition, caught_up)
        self.tps = self._intake.tps
        self._cache: Cache[Customer] = Cache(cache_bytes)
        self._wake = asyncio.Event()
        self._stopping = False
        self._store: LaneStore | None = None
        self._state: rounds.Lane | None = None
        self._size = settings.round_records
        self.trouble = ""
        self._checkpointed_at = 0

    # -- life ----------------------------------------------------------------------
    async def open(self, last_seq: LastSeq) -> None:
        """Fence, learn the last committed round, restore. The order is what makes it exact (A3)."""
        started = time.monotonic()
        await self._port.start()
        wanted = await last_seq(self.partition)
        now = self._clock()
        path = self._settings.data_path / f"lane-{self.partition}"
        store = self._store = LaneStore(path, self._memory, self.origin, now=now, max_age_ms=topics.DAY_MS * 7 // 2)
        self.stats.restored += await bring_up(store, self._settings, wanted, now, self._topic_ids, self.stats)
        self._state = await self._read(store.head, store)
        self._checkpointed_at = checkpoints.last_made(store, self._settings.data_path)
        self.stats.open_s = time.monotonic() - started

    async def _read(self, head: Head, store: LaneStore) -> rounds.Lane:
        """The lane as of its head; waits for bodies that this process has not read yet."""
        while True:
            try:
                return rounds.read_lane(self.partition, head, store, self._bodies.body)
            except KeyError as missing:
                await self._bodies.wait(str(missing.args[0]))

    async def close(self) -> None:
        self.accepting = False
        self._turns.done(self.partition)
        store, self._store, self._state = self._store, None, None
        if store is not None:
            try:
                store.close()
            except StoreFailed as error:  # its last rounds are in the changelog
                log.warning("store_not_written", lane=self.partition, error=str(error))

    @property
    def is_open(self) -> bool:
        return self._state is not None

    @property
    def in_hand(self) -> int:
        """Records fetched and not handled."""
        return self._intake.size

    @property
    def store_bytes(self) -> int:
        return self._store.file_bytes() if self._store is not None else 0

    @property
    def seq(self) -> int:
        return self._opened.head.seq

    @property
    def head(self) -> Head:
        return self._opened.head

    @property
    def _opened(self) -> rounds.Lane:
        if self._state is None:
            raise Broken(f"lane {self.partition} is not open")
        return self._state

    def pause(self) -> None:
        """Ask the running round to be the last one; forget what was fetched."""
        self.accepting, self._stopping = False, True
        self._intake.clear()
        self._turns.done(self.partition)
        self._wake.set()

    def resume(self) -> None:
        self._stopping = False
        self._intake.begin(self._clock())

    # -- feeding -------------------------------------------------------------------
    @property
    def wanted(self) -> tuple[TopicPartition, ...]:
        return self._intake.wanted(2 * self._settings.catchup_records)

    def seeks(self) -> dict[TopicPartition, int]:
        positions = self._opened.head.positions
        return {tp: positions.get(tp.topic, 0) for tp in self.tps}

    def feed(self, tp: TopicPartition, records: list[Any]) -> None:
        self._intake.feed(tp, records)
        self._wake.set()

    def lost(self, tp: TopicPartition, position: int) -> None:
        self.trouble = (
            f"lane {self.partition}: position {position} is outside the log of {tp.topic}; "
            f"inputs were deleted before they were handled; {way_on(self.partition)}"
        )
        log.error("lane_closed", lane=self.partition, topic=tp.topic, offset=position, reason=self.trouble)
        self.pause()

    # -- rounds --------------------------------------------------------------------
    async def run(self) -> None:
        """Rounds until paused. Raises what closes the lane."""
        aborts = 0
        while not self._stopping:
            plan, taken = self._plan()
            if plan is None:
                await self._sleep()
                continue
            try:
                await self._round(plan, taken)
                if plan.max_swept:
                    self._turns.done(self.partition)
            except Unreachable as error:  # no fault of the round's: it is tried for as long as Kafka is away
                self.stats.aborted += 1
                log.warning("round_waits", lane=self.partition, error=str(error))
                self._return(taken)
                self._size = max(FEW, self._size // 2)  # a slow broker may take a smaller one in time
                await asyncio.sleep(AWAY_S)
                continue
            except Aborted as error:  # nothing of the round is left: neither in the store nor in Kafka
                aborts += 1
                self.stats.aborted += 1
                log.warning("round_aborted", lane=self.partition, tries=aborts, error=str(error))
                if aborts > MAX_ABORTS:
                    raise Broken(f"lane {self.partition}: no round since {aborts} aborts") from None
                if aborts >= 2:
                    self._size = max(1, self._size // 10)
                self._return(taken)
                continue
            aborts, self._size = 0, self._settings.round_records
        if self.trouble:
            raise Broken(self.trouble)

    def _plan(self) -> tuple[rounds.Plan | None, Taken]:
        settings, store, intake, state = self._settings, self._store, self._intake, self._opened
        assert store is not None
        if not self.accepting or not intake.knows_all():  # else what the consumer knows is not as of our positions
            return None, []
        due = store.next_due < intake.bound()  # 0: not known
        sweeps = bool(state.sweeps) and self._turns.mine(self.partition, self._wake.set)
        if not intake.size and not due and not sweeps:
            return None, []
        room = self._size
        if room == settings.round_records:
            room = self._turns.room(intake.size, room, settings.catchup_records)
        taken = intake.take(room, state.head.control_seq)
        bound = intake.bound()
        inputs = merge(taken)
        if not inputs and not sweeps and not store.due(bound, 1).hints:
            return None, taken
        seen = max((records[-1].timestamp for records in taken if records), default=0)
        clock = max(self._clock(), state.head.clock, bound, seen)  # what is in hand tells the brokers' time too
        swept = (BUSY_SLICE if inputs else SLICE) if sweeps else 0
        timers = min(settings.round_timers, BUSY_TIMERS) if inputs else settings.round_timers
        return rounds.Plan(inputs, bound, clock, timers, timers, swept), taken

    def _return(self, taken: Taken) -> None:
        if self.accepting:  # else the consumer will be moved to our positions anyway
            self._intake.put_back(taken)

    async def _sleep(self) -> None:
        store = self._store
        assert store is not None
        until = 0.0 if self._intake.size else (store.next_due - self._clock()) / 1000
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), max(POLL_S, min(1.0, until)))
        except TimeoutError:
            pass

    async def _round(self, plan: rounds.Plan, taken: Taken) -> None:
        state, store = self._opened, self._store
        assert store is not None
        began = time.perf_counter()
        await self._bodies_of(plan.inputs)
        result = rounds.run(state, plan, store, self._cache, self._bodies.body)
        moved = ends(zip(topics.LANE_INPUTS, taken, strict=True))
        head = head_after(state.head, plan, result, moved, self._topic_ids)
        ready = outgoing(self.partition, self.origin.partitions, head, plan, result, moved)
        computed = time.perf_counter()
        committed = await self._port.commit(ready)
        self._adopt(result, head, committed[topics.STATE], plan.clock)
        self._checkpoint(plan.clock)
        self.stats.round_done(plan, result, computed - began, time.perf_counter() - computed)

    async def _bodies_of(self, inputs: Sequence[Record]) -> None:
        """A lane that meets a body not yet here waits for it (A9)."""
        for record in inputs:
            if record.topic != topics.CONTROL:
                return
            try:
                control = wire.control(record.value)
            except Invalid:
                continue
            if control.status != "deleted" and control.kind not in BODILESS:
                await self._bodies.wait(body_key(control.workspace, control.kind, control.id, control.version))

    def _adopt(self, result: rounds.Result, head: Head, position: int, now: int) -> None:
        """The round is committed: write the store and go on from its state."""
        assert self._store is not None
        out = result.out
        self._store.write(
            out.records, result.hints, result.done, kept=out.kept, head=head, position=position, now=now,
            size=out.state_bytes,
        )  # fmt: skip
        rounds.keep(self._cache, result)
        if not result.sweeps and self._opened.sweeps:  # they may end without a turn
            self._turns.done(self.partition)
        self._state = rounds.Lane(self.partition, head, result.catalog, result.sweeps)

    def _checkpoint(self, now: int) -> None:
        """Now and then the store is kept as it is, for a replay to begin from (A13)."""
        every = self._settings.checkpoint_hours * HOUR_MS
        if every and now >= self._checkpointed_at + every and self._store is not None:
            self._checkpointed_at = now
            try:
                checkpoints.make(self._store, self._settings.data_path)
            except OSError as error:  # no reason to stop: in an hour again
                log.error("checkpoint_failed", lane=self.partition, error=str(error))
                self._checkpointed_at = now - int(every) + HOUR_MS
