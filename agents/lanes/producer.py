"""A lean transactional producer: one call per transaction, no background task.

`commit` sends everything at once and returns when the transaction is decided. It raises
  Aborted        the transaction did not happen; the producer is ready for the next one
  Fenced         the transaction did not happen; another producer has our id
  OutOfGroup     the transaction did not happen; the group has moved on without us
  OutcomeUnknown it may or may not have happened: read the changelog before you go on
Protocol v2 (KIP-890): Produce v12 and TxnOffsetCommit v5 add their partitions by themselves, EndTxn v5 gives
the next epoch; so a delayed request of an older transaction can never hit a newer one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from agents.lanes import surface, wire
from agents.lanes.encoding import Call
from agents.lanes.wire import TP, Code, Member, ProducerId

log = structlog.get_logger(__name__)

Pairs = Sequence[tuple[Any, ...]]  # (key, value), or all of them (key, value, headers)
Writes = Mapping[TP, tuple[int, Pairs]]  # with the timestamp of the records


class TxnError(KafkaError): ...


class Aborted(TxnError): ...


class Fenced(TxnError): ...


class OutOfGroup(TxnError): ...


class OutcomeUnknown(TxnError): ...


class GroupOffsets(NamedTuple):
    """Offsets that go into the transaction; `member` is the fence."""

    member: Member
    offsets: Mapping[TP, tuple[int, str]]


_NO_HEADERS: list[tuple[str, bytes]] = []


class _Rejected(Exception):
    """The broker refused a part of the transaction."""

    def __init__(self, code: int, what: object) -> None:
        super().__init__(f"code {code} for {what}")
        self.code = code


class TxnProducer:
    MAX_BATCH = 900_000

    def __init__(
        self,
        client: AIOKafkaClient,
        txn_id: str,
        *,
        timeout_ms: int = 10_000,
        backoff_s: float = 0.002,
        deadline_s: float = 8.0,
    ) -> None:
        self.txn_id = txn_id
        self._client, self._timeout_ms, self._backoff, self._deadline = client, timeout_ms, backoff_s, deadline_s
        self._coordinators: dict[CoordinationType, int] = {}
        self._pid = ProducerId(-1, -1)
        self._sequences: dict[TP, int] = {}
        self._connection = ("txn", txn_id)  # a broker serves one request at a time per connection
        self.waits = self.commits = 0  # CONCURRENT_TRANSACTIONS answers; transactions

    async def start(self) -> None:
        """Returns when older producers of this id are fenced and their transaction has ended."""
        code, pid = await self._ask_coordinator(
            CoordinationType.TRANSACTION,
            self.txn_id,
            wire.init_producer_id(self.txn_id, self._timeout_ms),
            lambda answer: answer[0],
            deadline_s=60.0,
        )
        if code in Code.FENCES:
            raise Fenced(self.txn_id)
        if code:
            raise KafkaError(f"InitProducerId {self.txn_id}: code {code}")
        self._pid = pid
        self._sequences.clear()

    async def commit(self, writes: Writes, group: GroupOffsets | None = None) -> dict[TP, int]:
        """Write all or nothing. Returns the offset after the last record, per partition."""
        try:
            ends = await self._write(writes, group)
        except (_Rejected, KafkaError, TimeoutError, ValueError) as error:
            code = getattr(error, "code", 0)
            if code in Code.FENCES and group is None:
                raise Fenced(self.txn_id) from None
            await self.start()  # aborts what is open, whatever came before
            if code in Code.GROUP:
                raise OutOfGroup(str(error)) from None
            raise Aborted(repr(error)) from None
        await self._end(shared=group is not None)
        self.commits += 1
        return ends

    # -- before the decision -----------------------------------------------------
    async def _write(self, writes: Writes, group: GroupOffsets | None) -> dict[TP, int]:
        waves = self._batches(writes)
        if group is None or not group.offsets:
            return await self._produce(waves)
        offsets = asyncio.create_task(self._commit_offsets(group))
        try:
            ends = await self._produce(waves)
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

    async def _produce(self, waves: list[dict[TP, tuple[int, bytearray]]]) -> dict[TP, int]:
        ends: dict[TP, int] = {}
        for wave in waves:
            by_leader: dict[int, dict[TP, bytearray]] = {}
            for tp, (_, data) in wave.items():
                by_leader.setdefault(await self._leader(tp), {})[tp] = data
            answers = [self._produce_to(node, batches) for node, batches in by_leader.items()]
            for bases in (await asyncio.gather(*answers)) if len(answers) > 1 else [await answers[0]]:
                for tp, base in bases.items():
                    ends[tp] = base + wave[tp][0]
        return ends

    async def _produce_to(self, node: int, batches: dict[TP, bytearray]) -> dict[TP, int]:
        bases: dict[TP, int] = {}
        deadline = time.monotonic() + self._deadline
        while True:
            call = wire.produce(self.txn_id, batches, 10_000)
            for tp, (code, base) in (await self._send(node, call)).items():
                if code == Code.NONE or (code == Code.DUPLICATE_SEQUENCE and base >= 0):
                    bases[tp] = base
                elif code != Code.CONCURRENT:
                    raise _Rejected(code, tp)
            batches = {tp: data for tp, data in batches.items() if tp not in bases}
            if not batches:
                return bases
            await self._wait(deadline)

    async def _commit_offsets(self, group: GroupOffsets) -> None:
        member = group.member
        if member.generation < 0 or not member.member_id:
            raise _Rejected(Code.UNKNOWN_MEMBER, "no group member: the broker would not check it")

        def worst(codes: dict[TP, int]) -> int:
            return max(codes.values())

        codes = await self._ask_coordinator(
            CoordinationType.GROUP,
            member.group,
            wire.txn_offset_commit(self.txn_id, self._pid, member, group.offsets),
            worst,
        )
        if worst(codes):
            raise _Rejected(worst(codes), "TxnOffsetCommit")

    # -- the decision --------------------------------------------------------------
    async def _end(self, shared: bool) -> None:
        """Once sent, only an answer tells what happened."""
        call = wire.end_txn(self.txn_id, self._pid, True)
        deadline = time.monotonic() + self._deadline
        while True:
            try:
                code, pid = await self._ask_coordinator(
                    CoordinationType.TRANSACTION, self.txn_id, call, lambda answer: answer[0]
                )
                break
            except (KafkaError, TimeoutError) as error:  # the same request again is safe
                if time.monotonic() > deadline:
                    raise OutcomeUnknown(repr(error)) from None
                await asyncio.sleep(0.1)
        if code == Code.NONE:
            if pid is not None and pid.id >= 0:
                if pid != self._pid:
                    self._sequences.clear()
                self._pid = pid
        elif code in Code.FENCES:
            # Fenced by id or by the transaction timeout: aborted, unless an earlier try of ours got through.
            raise OutcomeUnknown(f"{self.txn_id}: fenced at the end") if shared else Fenced(self.txn_id)
        else:
            raise OutcomeUnknown(f"EndTxn: code {code}")

    # -- requests ------------------------------------------------------------------
    async def _ask_coordinator(
        self,
        kind: CoordinationType,
        key: str,
        call: Call,
        code_of: Callable[[Any], int],
        deadline_s: float | None = None,
    ) -> Any:
        deadline = time.monotonic() + (deadline_s or self._deadline)
        while True:
            node = self._coordinators.get(kind)
            if node is None:
                node = await self._find(kind, key)
                if node is None:
                    await self._wait(deadline, 0.1)
                    continue
            answer = await self._send(node, call)
            code = code_of(answer)
            if code == Code.CONCURRENT:
                self.waits += 1
                await self._wait(deadline)
            elif code in Code.COORDINATOR:
                del self._coordinators[kind]
                await self._wait(deadline, 0.1)
            else:
                return answer

    async def _find(self, kind: CoordinationType, key: str) -> int | None:
        try:
            node: int = await self._client.coordinator_lookup(kind, key)
            self._coordinators[kind] = node
            return node
        except KafkaError as error:
            log.info("coordinator_unknown", key=key, error=repr(error))
            await self._client.force_metadata_update()
            return None

    async def _leader(self, tp: TP) -> int:
        node = self._client.cluster.leader_for_partition(TopicPartition(*tp))
        if node is None or node < 0:
            await surface.wait_on_metadata(self._client, tp[0])
            node = self._client.cluster.leader_for_partition(TopicPartition(*tp))
        if node is None or node < 0:
            raise KafkaError(f"no leader for {tp}")
        return node

    async def _send(self, node: int, call: Call) -> Any:
        return await self._client.send(node, call, group=self._connection)

    async def _wait(self, deadline: float, seconds: float | None = None) -> None:
        if time.monotonic() > deadline:
            raise TimeoutError("the transaction took too long")
        await asyncio.sleep(self._backoff if seconds is None else seconds)
