"""A lean transactional producer: one call per transaction, no background task.

`commit` sends everything at once and returns when the transaction is decided. It raises
  Aborted        the transaction did not happen; the producer is ready for the next one
  Unreachable    the same, because Kafka could not take it in time, or may not from us: try the same again later
  Fenced         the transaction did not happen; another producer has our id
  OutOfGroup     the transaction did not happen; the group has moved on without us
  OutcomeUnknown it may or may not have happened: read the changelog before you go on
Protocol v2 (KIP-890): Produce v12 and TxnOffsetCommit v5 add their partitions by themselves, EndTxn v5 gives
the next epoch; so a delayed request of an older transaction can never hit a newer one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from agents.lanes import unended, wire, wire_state
from agents.lanes.brokers import Brokers
from agents.lanes.clock import BrokerClock
from agents.lanes.wire import TP, Code, Member, ProducerId
from laudstream.kafka_admin import NOT_ALLOWED

log = structlog.get_logger(__name__)

Pairs = Sequence[tuple[Any, ...]]  # (key, value), or all of them (key, value, headers)
Writes = Mapping[TP, tuple[int, Pairs]]  # with the timestamp of the records


class TxnError(KafkaError): ...


class Aborted(TxnError): ...


class Unreachable(Aborted): ...


class Fenced(TxnError): ...


class OutOfGroup(TxnError): ...


class OutcomeUnknown(TxnError): ...


class GroupOffsets(NamedTuple):
    """Offsets that go into the transaction; `member` is the fence."""

    member: Member
    offsets: Mapping[TP, tuple[int, str]]


_NO_HEADERS: list[tuple[str, bytes]] = []


class _Decision(NamedTuple):
    epoch: int
    """Of the transaction: each has its own."""
    how: bool | None
    """Committed or aborted; None: not known yet."""


class _Rejected(Exception):
    """The broker refused a part of the transaction."""

    def __init__(self, code: int, what: object) -> None:
        super().__init__(f"{what}: {wire.said(code)}")
        self.code = code


class TxnProducer:
    """`outputs`: all partitions that its id may have written to before this process, `group`: whose offsets;
    what an older process left half ended there is ended at the start. `clock` hears what time the brokers have.
    `outsider`: it writes offsets of a group that has no members, and of no other."""

    MAX_BATCH = 900_000
    START_S = 60.0

    def __init__(
        self,
        client: AIOKafkaClient,
        txn_id: str,
        *,
        timeout_ms: int = 10_000,
        backoff_s: float = 0.002,
        deadline_s: float = 8.0,
        outputs: Callable[[], Iterable[TP]] = tuple,
        group: str | None = None,
        clock: BrokerClock | None = None,
        outsider: bool = False,
    ) -> None:
        self.txn_id = txn_id
        self._timeout_ms, self._deadline_s = timeout_ms, deadline_s
        self._outputs, self._group, self._clock, self._outsider = outputs, group, clock, outsider
        self._brokers = Brokers(client, txn_id, backoff_s)
        self._pid = ProducerId(-1, -1)
        self._sequences: dict[TP, int] = {}
        self._ended: dict[TP, _Decision] = {}  # of its last transaction there
        self._older: dict[TP, _Decision] = {}  # of the one before, where the last one was given up
        self._offsets: bool | None = None  # how the last transaction with offsets of the group was decided
        self._offsets_taken = False  # whether the group has those of the transaction under way
        self.commits = 0

    @property
    def waits(self) -> int:
        """CONCURRENT_TRANSACTIONS answers."""
        return self._brokers.waits

    @property
    def was_lost(self) -> bool:
        """A broker was away: `settle` has something to look at."""
        return self._brokers.was_lost

    def _deadline(self, seconds: float | None = None) -> float:
        return time.monotonic() + (self._deadline_s if seconds is None else seconds)

    # -- a producer id, and what it left ------------------------------------------------
    async def start(self) -> None:
        """Returns when older producers of this id are fenced and their transaction has ended."""
        deadline = self._deadline(self.START_S)
        before = await unended.transaction(self._brokers, self.txn_id, deadline)
        ours = self._pid
        code, self._pid = await self._ask(wire.init_producer_id(self.txn_id, self._timeout_ms), deadline)
        if code:
            self._pid = ours
            raise (
                Fenced(self.txn_id)
                if code in Code.FENCES
                else KafkaError(f"InitProducerId {self.txn_id}: {wire.said(code)}")
            )
        self._sequences.clear()
        happened = before.state == "CompleteCommit"
        if ours.id < 0:
            await self._inherit(before, deadline)
            return
        if before.pid != (ours.id, ours.epoch + 1):
            happened = False
        self._ended = {tp: one._replace(how=happened) if one.how is None else one for tp, one in self._ended.items()}
        if self._offsets is None:
            self._offsets = happened

    async def _inherit(self, before: wire_state.Transaction, deadline: float) -> None:
        """End what the process before us has left decided and not ended."""
        if before.state not in ("CompleteCommit", "CompleteAbort"):
            return
        brokers = self._brokers
        found = await unended.open_in(brokers, before.pid.id, self._outputs(), deadline)
        ours = {tp for tp, epoch in found.items() if epoch == before.pid.epoch - 1}
        if others := found.keys() - ours:
            log.error("transaction_left_open", txn_id=self.txn_id, partitions=sorted(others))
        if ours or self._group is not None:
            commit = before.state == "CompleteCommit"
            self._took(await unended.end(brokers, self.txn_id, self._pid, ours, self._group, commit, deadline))
        if ours:
            log.warning("transaction_ended_late", txn_id=self.txn_id, state=before.state, partitions=sorted(ours))

    async def settle(self) -> None:
        """After a broker was lost: end whatever transaction of ours was decided and not ended everywhere. Raises
        Unreachable. Without it the next transaction would decide for the older one too."""
        if not self._brokers.was_lost:
            return
        try:
            try:
                await self._settle(self._deadline())
            except unended.Refused:  # fenced, or forgotten: what was left stays known, and is ended by the new epoch
                await self.start()
                await self._settle(self._deadline())
        except (KafkaError, TimeoutError) as error:
            raise Unreachable(repr(error)) from None

    async def _settle(self, deadline: float) -> None:
        brokers = self._brokers
        await unended.transaction(brokers, self.txn_id, deadline)
        found = await unended.open_in(brokers, self._pid.id, self._ended, deadline)
        for how in (True, False):
            tps = [tp for tp, epoch in found.items() if self._decided(tp, epoch) is how]
            group = self._group if self._offsets is how else None
            if tps or group is not None:
                self._took(await unended.end(brokers, self.txn_id, self._pid, tps, group, how, deadline))
            if tps:
                log.warning("transaction_ended_late", txn_id=self.txn_id, committed=how, partitions=sorted(tps))
        await unended.transaction(brokers, self.txn_id, deadline)
        if left := await unended.open_in(brokers, self._pid.id, found, deadline):
            raise KafkaError(f"{self.txn_id}: still open in {sorted(left)}")
        self._ended.clear()
        self._older.clear()
        self._offsets = None
        brokers.forgive()

    def _decided(self, tp: TP, epoch: int) -> bool | None:
        """What is open there was written in this epoch: a transaction that was given up before it came as far must not
        decide for the one before it."""
        older = self._older.get(tp)
        return older.how if older is not None and older.epoch == epoch else self._ended[tp].how

    def _took(self, pid: ProducerId) -> None:
        if pid != self._pid:
            self._sequences.clear()
        self._pid = pid

    async def commit(self, writes: Writes, group: GroupOffsets | None = None) -> dict[TP, int]:
        """Write all or nothing. Returns the offset after the last record, per partition."""
        await self.settle()
        epoch, self._offsets_taken = self._pid.epoch, False
        try:
            ends = await self._write(writes, group)
        except (_Rejected, KafkaError, TimeoutError, ValueError) as error:
            self._give_up(writes, group, epoch)
            code = getattr(error, "code", 0)
            if code in Code.FENCES and group is None:
                raise Fenced(self.txn_id) from None
            await self.start()  # aborts what is open, whatever came before
            if code in Code.GROUP:
                raise OutOfGroup(str(error)) from None
            if isinstance(error, ValueError) or (isinstance(error, _Rejected) and code not in NOT_ALLOWED):
                raise Aborted(repr(error)) from None
            raise Unreachable(str(error) if isinstance(error, _Rejected) else repr(error)) from None
        self._note(writes, group, _Decision(epoch, None))
        await self._end(shared=group is not None)
        self._note(writes, group, _Decision(epoch, True))
        self.commits += 1
        return ends

    def _note(self, writes: Writes, group: GroupOffsets | None, decision: _Decision) -> None:
        self._ended.update(dict.fromkeys(writes, decision))
        if group is not None:
            self._group, self._offsets = group.member.group, decision.how

    def _give_up(self, writes: Writes, group: GroupOffsets | None, epoch: int) -> None:
        """It did not get everywhere: where it did not, the one before it may be open still."""
        self._older.update({tp: one for tp in writes if (one := self._ended.get(tp)) is not None and one.how})
        keep = self._offsets is True and not self._offsets_taken
        self._note(writes, group, _Decision(epoch, False))
        if keep:
            self._offsets = True

    # -- before the decision -----------------------------------------------------
    async def _write(self, writes: Writes, group: GroupOffsets | None) -> dict[TP, int]:
        waves, deadline = self._batches(writes), self._deadline()
        if group is None or not group.offsets:
            return await self._produce(waves, deadline)
        offsets = asyncio.create_task(self._commit_offsets(group, deadline))
        try:
            ends = await self._produce(waves, deadline)
        except BaseException:
            offsets.cancel()
            await asyncio.wait([offsets])
            raise
        await offsets
        return ends

    def _batches(self, writes: Writes) -> list[dict[TP, tuple[int, bytearray]]]:
        """Waves of at most one batch per partition."""
        waves: list[dict[TP, tuple[int, bytearray]]] = []
        pid, sequences = self._pid, self._sequences
        for tp, (timestamp_ms, pairs) in writes.items():
            done = wave = 0
            while done < len(pairs):
                sequence, count = sequences.get(tp, 0), 0
                builder = DefaultRecordBatchBuilder(2, 0, True, pid.id, pid.epoch, sequence, self.MAX_BATCH)
                append, few = builder.append, len(pairs[done]) == 2
                for record in pairs[done:] if done else pairs:
                    headers = _NO_HEADERS if few else record[2]
                    if append(count, timestamp_ms, record[0], record[1], headers) is None:
                        break
                    count += 1
                if not count:
                    raise ValueError(f"record of {len(pairs[done][1])} bytes is too large")
                if wave == len(waves):
                    waves.append({})
                waves[wave][tp] = count, builder.build()
                sequences[tp] = (sequence + count) % 2**31
                done, wave = done + count, wave + 1
        return waves

    async def _produce(self, waves: list[dict[TP, tuple[int, bytearray]]], deadline: float) -> dict[TP, int]:
        """A batch that was refused for now is sent again: its sequence number keeps it from being written twice."""
        ends: dict[TP, int] = {}
        for wave in waves:
            left = {tp: data for tp, (_, data) in wave.items()}
            while True:
                found = await self._brokers.by_leader(left, deadline)
                sent = [self._produce_to(node, {tp: left[tp] for tp in tps}) for node, tps in found.items()]
                again = Code.NONE
                for answer in (await asyncio.gather(*sent)) if len(sent) > 1 else [await sent[0]]:
                    for tp, (code, base) in answer.items():
                        if code == Code.NONE or (code == Code.DUPLICATE_SEQUENCE and base >= 0):
                            ends[tp] = base + wave[tp][0]
                            del left[tp]
                        elif code == Code.CONCURRENT or code in Code.LEADER:
                            again = max(again, code) if code in Code.LEADER else again
                        else:
                            raise _Rejected(code, tp)
                if not left:
                    break
                if again:
                    await self._brokers.refresh(deadline, f"code {again} for {min(left)}")
                else:
                    await self._brokers.wait(deadline)
        return ends

    async def _produce_to(self, node: int, batches: dict[TP, bytearray]) -> dict[TP, tuple[int, int]]:
        clock, stamps = self._clock, list[int]()
        sent = clock.counter() if clock else 0.0
        try:
            answer: dict[TP, tuple[int, int]] = await self._brokers.send(
                node, wire.produce(self.txn_id, batches, 10_000, stamps)
            )
            if clock and stamps:
                clock.stamped(max(stamps), sent)
            return answer
        except (KafkaError, TimeoutError):
            return dict.fromkeys(batches, (Code.DISCONNECTED, -1))

    async def _commit_offsets(self, group: GroupOffsets, deadline: float) -> None:
        member = group.member
        if (member.generation < 0 or not member.member_id) and not self._outsider:
            raise _Rejected(Code.UNKNOWN_MEMBER, "no group member: the broker would not check it")

        def worst(codes: dict[TP, int]) -> int:
            return max(codes.values())

        call = wire.txn_offset_commit(self.txn_id, self._pid, member, group.offsets)
        codes = await self._brokers.ask_coordinator(CoordinationType.GROUP, member.group, call, worst, deadline)
        if worst(codes):
            raise _Rejected(worst(codes), "TxnOffsetCommit")
        self._offsets_taken = True

    # -- the decision --------------------------------------------------------------
    async def _end(self, shared: bool) -> None:
        """Once sent, only an answer tells what happened. The same request again is safe."""
        try:
            code, pid = await self._ask(wire.end_txn(self.txn_id, self._pid, True), self._deadline())
        except (KafkaError, TimeoutError) as error:
            raise OutcomeUnknown(repr(error)) from None
        if code == Code.NONE:
            if pid.id >= 0:
                self._took(pid)
        elif code in Code.FENCES:
            # Fenced by id or by the transaction timeout: aborted, unless an earlier try of ours got through.
            raise OutcomeUnknown(f"{self.txn_id}: fenced at the end") if shared else Fenced(self.txn_id)
        else:
            raise OutcomeUnknown(f"EndTxn {self.txn_id}: {wire.said(code)}")

    async def _ask(self, call: Any, deadline: float) -> Any:
        return await self._brokers.ask_coordinator(
            CoordinationType.TRANSACTION, self.txn_id, call, lambda answer: answer[0], deadline
        )
