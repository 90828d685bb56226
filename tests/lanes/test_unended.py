"""A transaction that Kafka has decided and not ended in one of its partitions is ended as it was decided.

The broker's fault is made by hand: a batch goes into a partition that the coordinator does not know to be part of the
transaction, so that no end is written there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from agents.lanes import wire
from agents.lanes.batches import in_waves
from agents.lanes.producer import TxnProducer
from agents.lanes.transaction import GroupOffsets, OutOfGroup, Unreachable
from agents.lanes.wire import TP, Member
from laudstream import kafka_admin, topics
from laudstream.local.logs import Logs
from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.settings import Settings

pytestmark = pytest.mark.integration

HELD: TP = (topics.STATE, 2)
OTHER: TP = (topics.STATE, 3)
END_TXN = 26
EPOCH = 0
"""Of a producer's first transaction."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Kafka that takes records of a transaction without asking its coordinator."""
    folder = tmp_path_factory.mktemp("unended")
    running = Stack(folder / "data", ports=Ports.above(free_base()), parts=("topics",))

    async def start() -> None:
        await running.start()
        async with kafka_admin.admin(running.settings) as admin:
            unchecked = {"transaction.partition.verification.enable": "false"}
            await admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", configs=unchecked)])

    try:
        asyncio.run(start())
        yield running
    finally:
        asyncio.run(running.stop())


@pytest.fixture
async def client(broker: Stack) -> AsyncIterator[AIOKafkaClient]:
    client = AIOKafkaClient(bootstrap_servers=broker.settings.kafka)
    await client.bootstrap()
    yield client
    await client.close()


async def _started(client: AIOKafkaClient, name: str, **options: Any) -> TxnProducer:
    producer = TxnProducer(client, name, **options)
    await producer.start()
    return producer


async def _hang(producer: TxnProducer, value: bytes) -> None:
    """Part of the transaction that `producer` commits next, and not known to its coordinator."""
    (batches,) = in_waves({HELD: (1, [(b"k", value)])}, producer._pid, producer._sequences)
    call = wire.produce(producer.txn_id, {HELD: batches[HELD][1]}, 10_000)
    call._version = 11  # it does not add its partitions
    ((_, (code, _)),) = (await producer._brokers.send(1, call)).items()
    assert code == 0


def _hang_up(client: AIOKafkaClient) -> None:
    for connection in client._conns.values():
        connection.close()


async def _values(settings: Settings, tp: TP) -> list[bytes]:
    async with asyncio.timeout(10), Logs(settings) as logs:
        return [r.value async for r in logs.records([tp[0]]) if r.partition == tp[1]]


@contextmanager
def _changes(before: list[bytes], wanted: list[bytes]) -> Iterator[list[bytes]]:
    after: list[bytes] = []
    yield after
    assert after == before + wanted


async def test_what_was_committed_becomes_visible_after_a_lost_connection(
    broker: Stack, client: AIOKafkaClient
) -> None:
    with _changes(await _values(broker.settings, HELD), [b"committed"]) as after:
        producer = await _started(client, "commits")
        await _hang(producer, b"committed")
        await producer.commit({OTHER: (1, [(b"k", b"v")])})
        producer._decided.note([HELD], None, EPOCH, True)
        _hang_up(client)
        assert producer.was_lost
        await producer.settle()
        assert not producer.was_lost
        after += await _values(broker.settings, HELD)


async def test_what_was_aborted_stays_away_although_the_next_transaction_is_committed(
    broker: Stack, client: AIOKafkaClient
) -> None:
    with _changes(await _values(broker.settings, HELD), [b"next"]) as after:
        producer = await _started(client, "aborts")
        await _hang(producer, b"aborted")
        producer._decided.note([HELD], None, EPOCH, False)
        _hang_up(client)
        await producer.commit({HELD: (1, [(b"k", b"next")])})
        after += await _values(broker.settings, HELD)


@pytest.mark.parametrize("seen", [True, False])
async def test_a_committed_transaction_survives_the_abort_of_the_next_one(
    broker: Stack, client: AIOKafkaClient, seen: bool
) -> None:
    """What makes the fault dangerous: the abort would take the older records with it."""
    wanted = [b"first"] if seen else []
    with _changes(await _values(broker.settings, HELD), wanted) as after:
        producer = await _started(client, f"survives-{seen}")
        await _hang(producer, b"first")
        await producer.commit({OTHER: (1, [(b"k", b"v")])})
        producer._decided.note([HELD], None, EPOCH, True)
        if seen:
            _hang_up(client)
        stranger = GroupOffsets(Member("nobody", 5, "stranger", None), {(topics.EVENTS, 2): (1, "")})
        with pytest.raises(OutOfGroup):
            await producer.commit({HELD: (1, [(b"k", b"second")])}, stranger)
        after += await _values(broker.settings, HELD)


async def test_a_producer_that_was_fenced_meanwhile_ends_what_it_left_all_the_same(
    broker: Stack, client: AIOKafkaClient
) -> None:
    with _changes(await _values(broker.settings, HELD), [b"fenced"]) as after:
        producer = await _started(client, "fenced")
        await _hang(producer, b"fenced")
        await producer.commit({OTHER: (1, [(b"k", b"v")])})
        producer._decided.note([HELD], None, EPOCH, True)
        await _started(client, "fenced")
        _hang_up(client)
        await producer.commit({OTHER: (1, [(b"k", b"v")])})
        after += await _values(broker.settings, HELD)


async def test_a_transaction_that_was_given_up_before_it_came_as_far_does_not_decide_for_the_one_before(
    broker: Stack, client: AIOKafkaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka went away in between: the first one's end was not written, the second one's records never arrived."""

    async def nobody_leads(*_: Any) -> Any:
        raise TimeoutError("no leader")

    with _changes(await _values(broker.settings, HELD), [b"given up after"]) as after:
        producer = await _started(client, "given-up")
        await _hang(producer, b"given up after")
        await producer.commit({OTHER: (1, [(b"k", b"v")])})
        producer._decided.note([HELD], None, EPOCH, True)
        with monkeypatch.context() as patched:
            patched.setattr(producer, "_produce", nobody_leads)
            with pytest.raises(Unreachable):
                await producer.commit({HELD: (1, [(b"k", b"never arrives")])})
        _hang_up(client)
        await producer.settle()
        after += await _values(broker.settings, HELD)


async def test_a_process_ends_what_the_one_before_it_left(broker: Stack, client: AIOKafkaClient) -> None:
    with _changes(await _values(broker.settings, HELD), [b"left"]) as after:
        older = await _started(client, "left")
        await _hang(older, b"left")
        await older.commit({OTHER: (1, [(b"k", b"v")])})
        newer = await _started(client, "left", outputs=lambda: [HELD, OTHER])
        after += await _values(broker.settings, HELD)
        await newer.commit({OTHER: (1, [(b"k", b"v")])})


@pytest.mark.parametrize("times", [1, 3])
async def test_a_commit_whose_answer_is_lost_happens_once_and_so_does_the_next_one_a2(
    broker: Stack, client: AIOKafkaClient, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    producer = await _started(client, f"lossy-{times}")
    send, lost = producer._brokers.send, 0

    async def lossy(node: int, call: Any) -> Any:
        nonlocal lost
        answer = await send(node, call)
        if call._key == END_TXN and lost < times:
            lost += 1
            _hang_up(client)
            raise KafkaConnectionError("the answer is lost")
        return answer

    monkeypatch.setattr(producer._brokers, "send", lossy)
    with _changes(await _values(broker.settings, OTHER), [b"once", b"next"]) as after:
        await producer.commit({OTHER: (1, [(b"k", b"once")])})
        assert lost == times
        await producer.commit({OTHER: (1, [(b"k", b"next")])})
        after += await _values(broker.settings, OTHER)


async def test_a_kafka_that_is_away_is_said_to_be_and_nothing_was_written(
    broker: Stack, client: AIOKafkaClient
) -> None:
    kafka = broker.part("kafka")
    producer = await _started(client, "away", deadline_s=0.3)
    with _changes(await _values(broker.settings, OTHER), [b"back"]) as after:
        await kafka.stop()
        with pytest.raises(Unreachable):
            await producer.commit({OTHER: (1, [(b"k", b"lost")])})
        await kafka.start()
        producer._deadline_s = 20.0
        await producer.commit({OTHER: (1, [(b"k", b"back")])})
        after += await _values(broker.settings, OTHER)
