"""The control agent against a real PostgreSQL and a real Kafka (A9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from agents.control import ControlAgent, _sink, forget_decisions
from agents.lanes.transaction import Fenced
from laudstream import topics
from laudstream.records import codec
from laudstream.settings import Settings

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

WORKSPACE = "testshop"
PARTITIONS = 3
JOURNEY = {
    "id": "cart",
    "entry": [{"event": {"name": "cart_updated"}}],
    "start": "done",
    "steps": {"done": {"exit": {"outcome": "asked"}}},
}
TEMPLATE = {"channel": "email", "subject": "Hi {{ customer.name }}", "html": "<p>Hello</p>"}

Until = Callable[..., Awaitable[None]]


class Log:
    """What a read-committed reader sees of the definitions and of control since the test began."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.bodies: list[tuple[str, dict[str, Any]]] = []
        self.control: dict[int, list[tuple[int, str, str]]] = {at: [] for at in range(PARTITIONS)}
        """Partition -> (seq, id, status)."""

    async def read(self) -> None:
        for tp, records in (await self._consumer.getmany(timeout_ms=50)).items():
            for record in records:
                if tp.topic == topics.DEFINITIONS:
                    self.bodies.append((record.key.decode(), codec.definition(record.value)))
                else:
                    control = codec.control(record.value)
                    assert record.key == str(control.seq).encode()
                    self.control[tp.partition].append((control.seq, control.id, control.status))

    async def has(self, seq: int, times: int = 1) -> bool:
        await self.read()
        return all([found[0] for found in of].count(seq) >= times for of in self.control.values())


@pytest.fixture
async def log(kafka: Any) -> AsyncIterator[Log]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topics.CONTROL, PARTITIONS, 1), NewTopic(topics.DEFINITIONS, 1, 1)])
    except TopicAlreadyExistsError:
        pass
    finally:
        await admin.close()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.address, isolation_level="read_committed", enable_auto_commit=False
    )
    await consumer.start()
    tps = [TopicPartition(topics.DEFINITIONS, 0), *(TopicPartition(topics.CONTROL, at) for at in range(PARTITIONS))]
    consumer.assign(tps)
    await consumer.seek_to_end(*tps)
    for tp in tps:
        await consumer.position(tp)
    yield Log(consumer)
    await consumer.stop()


@asynccontextmanager
async def running(database: str, kafka: Any, pool: Pool) -> AsyncIterator[ControlAgent]:
    agent = ControlAgent(Settings(worker_database_url=database, kafka=kafka.address, partitions=PARTITIONS), pool)
    await agent.start()
    try:
        yield agent
    finally:
        async with asyncio.timeout(10):
            await agent.stop()


async def order(pool: Pool, kind: str, id: str, version: int, status: str, body: dict[str, Any] | None = None) -> int:
    number: int = await pool.fetchval(
        "INSERT INTO control_outbox (workspace_id, kind, id, version, status, body) VALUES ($1, $2, $3, $4, $5, $6) "
        "RETURNING outbox_id", WORKSPACE, kind, id, version, status, body,
    )  # fmt: skip
    return number


async def outbox(pool: Pool) -> list[tuple[int | None, bool, str | None]]:
    rows = await pool.fetch("SELECT control_seq, sent_at, error FROM control_outbox ORDER BY outbox_id")
    return [(row["control_seq"], row["sent_at"] is not None, row["error"]) for row in rows]


def sent(pool: Pool, count: int) -> Callable[[], Awaitable[bool]]:
    async def all_sent() -> bool:
        return sum(row[1] for row in await outbox(pool)) >= count

    return all_sent


async def test_an_order_reaches_each_partition_once_and_its_body_the_definitions(
    database: str, pool: Pool, kafka: Any, log: Log, until: Until
) -> None:
    await order(pool, "template", "mail", 1, "live", TEMPLATE)
    await order(pool, "journey", "cart", 1, "live", JOURNEY)
    async with running(database, kafka, pool):
        await until(lambda: log.has(2))
        await order(pool, "journey", "cart", 1, "paused")
        await until(lambda: log.has(3))
        await until(sent(pool, 3))
    expected = [(1, "mail", "live"), (2, "cart", "live"), (3, "cart", "paused")]
    assert log.control == dict.fromkeys(range(PARTITIONS), expected)
    assert log.bodies == [
        (f"{WORKSPACE}:template:mail:1", {**TEMPLATE, "requires": ["customer.name"], "reads": ["customer.name"]}),
        (f"{WORKSPACE}:journey:cart:1", JOURNEY),
    ]
    assert await outbox(pool) == [(1, True, None), (2, True, None), (3, True, None)]


async def test_what_does_not_compile_is_refused_and_leaves_no_hole(
    database: str, pool: Pool, kafka: Any, log: Log, until: Until
) -> None:
    await order(pool, "journey", "cart", 1, "live", {**JOURNEY, "start": "nowhere"})
    await order(pool, "journey", "cart", 1, "paused")
    await order(pool, "journey", "cart", 2, "live", JOURNEY)
    async with running(database, kafka, pool):
        await until(lambda: log.has(1))
        await until(sent(pool, 1))
    assert log.control == {at: [(1, "cart", "live")] for at in range(PARTITIONS)}
    assert [key for key, _ in log.bodies] == [f"{WORKSPACE}:journey:cart:2"]
    refused, follower, good = await outbox(pool)
    assert (refused[:2], follower[:2], good) == ((None, False), (None, False), (1, True, None))
    assert "/start" in (refused[2] or "")
    assert "never published" in (follower[2] or "")


async def test_an_agent_that_dies_before_it_marks_orders_as_sent_writes_them_again_with_their_numbers(
    database: str, pool: Pool, owner: Pool, kafka: Any, log: Log, until: Until
) -> None:
    await owner.execute("""
        CREATE SEQUENCE deaths;
        GRANT USAGE ON SEQUENCE deaths TO laudstream_worker;
        CREATE FUNCTION die_once() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('deaths') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER die_once BEFORE UPDATE OF sent_at ON control_outbox FOR EACH ROW EXECUTE FUNCTION die_once();
    """)
    await order(pool, "journey", "cart", 1, "live", JOURNEY)
    await order(pool, "journey", "cart", 1, "paused")
    async with running(database, kafka, pool):
        await until(sent(pool, 2))
        await order(pool, "journey", "cart", 1, "live")
        await until(lambda: log.has(3))
    twice = [(1, "cart", "live"), (2, "cart", "paused")] * 2
    assert log.control == {at: [*twice, (3, "cart", "live")] for at in range(PARTITIONS)}


async def test_of_two_agents_one_works_and_the_other_takes_over(
    database: str, pool: Pool, kafka: Any, log: Log, until: Until
) -> None:
    async def works(agent: ControlAgent) -> bool:
        return agent.holds_lock

    async with running(database, kafka, pool) as first:
        await until(lambda: works(first))
        async with running(database, kafka, pool) as second:
            await order(pool, "journey", "cart", 1, "live", JOURNEY)
            await until(sent(pool, 1))
            assert not second.holds_lock
            await first.stop()
            await until(lambda: works(second))
            await order(pool, "journey", "cart", 1, "stopped")
            await until(lambda: log.has(2))
    assert log.control == {at: [(1, "cart", "live"), (2, "cart", "stopped")] for at in range(PARTITIONS)}


async def test_what_an_older_agent_left_in_an_open_transaction_is_never_seen(
    database: str, pool: Pool, kafka: Any, log: Log, until: Until
) -> None:
    async with _sink(Settings(kafka=kafka.address)) as older:
        unfinished = {tp: (1, [(b"99", b"unfinished")]) for tp in older.partitions}
        assert (await older.producer._write(unfinished, None)).keys() == set(older.partitions)
        await order(pool, "journey", "cart", 1, "live", JOURNEY)
        async with running(database, kafka, pool):
            await until(lambda: log.has(1))
            with pytest.raises(Fenced):
                await older.producer._end(shared=False)
            await order(pool, "journey", "cart", 1, "paused")
            await until(lambda: log.has(2))
    assert log.control == {at: [(1, "cart", "live"), (2, "cart", "paused")] for at in range(PARTITIONS)}


async def test_an_agent_that_loses_its_lock_takes_it_again(
    database: str, pool: Pool, owner: Pool, kafka: Any, log: Log, until: Until
) -> None:
    await order(pool, "journey", "cart", 1, "live", JOURNEY)
    async with running(database, kafka, pool):
        await until(sent(pool, 1))
        name = "laudstream control"
        sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1"
        assert await owner.fetchval(sql, name) == 1
        await order(pool, "journey", "cart", 1, "paused")
        await until(lambda: log.has(2))
    assert log.control == {at: [(1, "cart", "live"), (2, "cart", "paused")] for at in range(PARTITIONS)}


async def test_an_order_given_while_kafka_is_away_goes_out_when_it_is_back(
    database: str, pool: Pool, kafka: Any, log: Log, until: Until
) -> None:
    await order(pool, "journey", "cart", 1, "live", JOURNEY)
    async with running(database, kafka, pool):
        await until(sent(pool, 1))
        await asyncio.to_thread(kafka.kill)
        await order(pool, "journey", "cart", 1, "paused")
        await asyncio.to_thread(kafka.start)
        await until(sent(pool, 2), 60)
        await until(lambda: log.has(2))
    for found in log.control.values():
        assert [seq for seq, _, _ in found] == sorted(seq for seq, _, _ in found)


async def test_decisions_older_than_thirty_days_are_forgotten_a_little_at_a_time(pool: Pool) -> None:
    await pool.execute("""
        INSERT INTO decisions (workspace_id, customer_id, n, decision_id, at, kind, journey_id, version, run_id, step,
            reason, body)
        SELECT 'testshop', 'ann', days, days::text, now() - make_interval(days => days, hours => 1), 'moved', 'cart', 1,
            'run', 'step', '', '{}'
        FROM generate_series(20, 40) AS days
    """)
    assert await forget_decisions(pool, most=4) == 11
    assert await pool.fetchval("SELECT max(n) FROM decisions") == 29
