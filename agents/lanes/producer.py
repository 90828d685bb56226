"""A lean transactional producer: one call per transaction, no background task.

`commit` sends everything at once and returns when the transaction is decided, or raises a TxnError.
Protocol v2 (KIP-890): Produce v12 and TxnOffsetCommit v5 add their partitions by themselves, EndTxn v5 gives
the next epoch; so a delayed request of an older transaction can never hit a newer one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError

from agents.lanes import unended, wire, wire_state
from agents.lanes.batches import Wave, in_waves
from agents.lanes.brokers import Brokers
from agents.lanes.clock import BrokerClock
from agents.lanes.decided import Decided
from agents.lanes.transaction import Aborted, Fenced, GroupOffsets, OutcomeUnknown, OutOfGroup, Unreachable, Writes
from agents.lanes.wire import TP, Code, ProducerId
from laudstream.kafka_admin import NOT_ALLOWED

log = structlog.get_logger(__name__)


class _Rejected(Exception):
    """The broker refused a part of the transaction."""

    def __init__(self, code: int, what: object) -> None:
        super().__init__(f"{what}: {wire.said(code)}")
        self.code = code


class TxnProducer:
    """`outputs`: all partitions that its id may have written to before this process, `group`: whose offsets;
    what an older process left half ended there is ended at the start. `clock` hears what time the brokers have.
    `outsider`: it writes offsets of a group that has no members, and of no other."""

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
        self._outputs, self._clock, self._outsider = outputs, clock, outsider
        self._brokers = Brokers(client, txn_id, backoff_s)
        self._pid = ProducerId(-1, -1)
        self._sequences: dict[TP, int] = {}
        self._decided = Decided(group)
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
        self._decided.learn(happened)

    async def _inherit(self, before: wire_state.Transaction, deadline: float) -> None:
        """End what the process before us has left decided and not ended."""
        if before.state not in ("CompleteCommit", "CompleteAbort"):
            return
        brokers = self._brokers
        found = await unended.open_in(brokers, before.pid.id, self._outputs(), deadline)
        ours = {tp for tp, epoch in found.items() if epoch == before.pid.epoch - 1}
        if others := found.keys() - ours:
            log.error("transaction_left_open", txn_id=self.txn_id, partitions=sorted(others))
        group = self._decided.group
        if ours or group is not None:
            commit = before.state == "CompleteCommit"
            self._took(await unended.end(brokers, self.txn_id, self._pid, ours, group, commit, deadline))
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
        brokers, decided = self._brokers, self._decided
        await unended.transaction(brokers, self.txn_id, deadline)
        found = await unended.open_in(brokers, self._pid.id, decided.partitions, deadline)
        for how in (True, False):
            tps = [tp for tp, epoch in found.items() if decided.how(tp, epoch) is how]
            group = decided.group if decided.offsets is how else None
            if tps or group is not None:
                self._took(await unended.end(brokers, self.txn_id, self._pid, tps, group, how, deadline))
            if tps:
                log.warning("transaction_ended_late", txn_id=self.txn_id, committed=how, partitions=sorted(tps))
        await unended.transaction(brokers, self.txn_id, deadline)
        if left := await unended.open_in(brokers, self._pid.id, found, deadline):
            raise KafkaError(f"{self.txn_id}: still open in {sorted(left)}")
        decided.clear()
        brokers.forgive()

    def _took(self, pid: ProducerId) -> None:
        if pid != self._pid:
            self._sequences.clear()
        self._pid = pid

    async def commit(self, writes: Writes, group: GroupOffsets | None = None) -> dict[TP, int]:
        """Write all or nothing. Returns the offset after the last record, per partition."""
        await self.settle()
        epoch, named = self._pid.epoch, group.member.group if group is not None else None
        self._decided.taken = False
        try:
            ends = await self._write(writes, group)
        except (_Rejected, KafkaError, TimeoutError, ValueError) as error:
            self._decided.give_up(writes, named, epoch)
            code = getattr(error, "code", 0)
            if code in Code.FENCES and group is None:
                raise Fenced(self.txn_id) from None
            await self.start()  # aborts what is open, whatever came before
            if code in Code.GROUP:
                raise OutOfGroup(str(error)) from None
            if isinstance(error, ValueError) or (isinstance(error, _Rejected) and code not in NOT_ALLOWED):
                raise Aborted(repr(error)) from None
            raise Unreachable(str(error) if isinstance(error, _Rejected) else repr(error)) from None
        self._decided.note(writes, named, epoch, None)
        await self._end(shared=group is not None)
        self._decided.note(writes, named, epoch, True)
        self.commits += 1
        return ends

    # -- before the decision -----------------------------------------------------
    async def _write(self, writes: Writes, group: GroupOffsets | None) -> dict[TP, int]:
        made, deadline = in_waves(writes, self._pid, self._sequences), self._deadline()
        if group is None or not group.offsets:
            return await self._produce(made, deadline)
        offsets = asyncio.create_task(self._commit_offsets(group, deadline))
        try:
            ends = await self._produce(made, deadline)
        except BaseException:
            offsets.cancel()
            await asyncio.wait([offsets])
            raise
        await offsets
        return ends

    async def _produce(self, waves: list[Wave], deadline: float) -> dict[TP, int]:
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
        self._decided.taken = True

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
