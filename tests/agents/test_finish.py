"""`laudstream upgrade` with a real outbox, control agent and Kafka; lanes are rounds in memory (A14)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from click.testing import CliRunner, Result

from agents.control import ControlAgent
from laudstream import topics
from laudstream.cli.main import cli
from laudstream.errors import Refused
from laudstream.local import raising
from laudstream.local.raising import Standing, Worker
from laudstream.records import head as heads
from laudstream.records import levels
from laudstream.records.head import HEAD_KEY, Head
from laudstream.records.levels import NAMES, Levels
from laudstream.settings import Settings, environment
from tests.agents.test_telling import tell
from tests.database import WORKSPACE
from tests.lanes.kit import LaneKit

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

PARTITIONS = 3
OLD, NEW = Levels(1, 1), Levels(2, 2)


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """This release knows more than lanes have."""
    monkeypatch.setattr(heads, "CORE_LEVEL", NEW.core_level)
    monkeypatch.setattr(heads, "STATE_FORMAT", NEW.state_format)
    monkeypatch.setattr("tests.lanes.kit.new_head", Head)


class Site:
    """An installation: its settings, its workers and its lanes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lanes = [LaneKit() for _ in range(PARTITIONS)]
        self.stuck: set[int] = set()
        """Lanes that take nothing."""
        self.silent: set[int] = set()
        """Lanes that have done no round yet."""

    @asynccontextmanager
    async def worker(self, said: bytes, client: str = "worker") -> AsyncIterator[None]:
        """A member of the group that has lanes, and tells what it knows."""
        consumer = AIOKafkaConsumer(
            topics.EVENTS, bootstrap_servers=self.settings.kafka, group_id=self.settings.app_id, client_id=client,
            enable_auto_commit=False, heartbeat_interval_ms=300,
        )  # fmt: skip
        tell(consumer, said)
        await consumer.start()
        try:
            yield
        finally:
            await consumer.stop()

    async def run(self) -> None:
        """Lanes take their control records, and write their heads, until cancelled."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka, isolation_level="read_committed")
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.kafka)
        await consumer.start()
        await producer.start()
        try:
            places = [TopicPartition(topics.CONTROL, p) for p in range(PARTITIONS)]
            consumer.assign(places)
            await consumer.seek_to_end(*places)
            for lane in set(range(PARTITIONS)) - self.silent:
                await self._head(producer, lane)
            while True:
                for place, records in (await consumer.getmany(timeout_ms=100)).items():
                    if place.partition in self.stuck:
                        continue
                    for record in records:
                        self.lanes[place.partition].put(topics.CONTROL, record.timestamp, record.key, record.value)
                    self.lanes[place.partition].round(records[-1].timestamp)
                    await self._head(producer, place.partition)
        finally:
            await consumer.stop()
            await producer.stop()

    async def _head(self, producer: AIOKafkaProducer, lane: int) -> None:
        head = heads.encode(self.lanes[lane].lane.head)
        await producer.send_and_wait(topics.STATE, head, HEAD_KEY, partition=lane)

    async def laudstream(self, *words: str) -> Result:
        return await asyncio.to_thread(CliRunner(env=environment(self.settings)).invoke, cli, words)

    def levels(self) -> set[Levels]:
        return {levels.of(kit.lane.head) for kit in self.lanes}


def knowing(numbers: Levels) -> bytes:
    return msgspec.json.encode({levels.TOLD: numbers._asdict()})


@pytest.fixture
async def site(database: str, kafka: Any) -> AsyncIterator[Site]:
    names = (topics.CONTROL, topics.STATE, topics.EVENTS)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await admin.start()
    await admin.delete_topics([name for name in await admin.list_topics() if name in (*names, topics.DEFINITIONS)])
    await _made(admin, [NewTopic(name, PARTITIONS, 1) for name in names] + [NewTopic(topics.DEFINITIONS, 1, 1)])
    yield Site(Settings(kafka=kafka.address, worker_database_url=database, partitions=PARTITIONS, app_id="finish"))
    await admin.close()


async def _made(admin: AIOKafkaAdminClient, wanted: list[NewTopic]) -> None:
    async with asyncio.timeout(20):
        while {topic.name for topic in wanted} & set(await admin.list_topics()):  # noqa: ASYNC110 - it is deleted there
            await asyncio.sleep(0.05)
    await admin.create_topics(wanted)


@asynccontextmanager
async def lanes_of(site: Site, *, said: bytes | None = None) -> AsyncIterator[None]:
    running = asyncio.create_task(site.run())
    try:
        async with site.worker(knowing(levels.newest()) if said is None else said):
            async with asyncio.timeout(20):
                while len((await raising.look(site.settings)).lanes) < PARTITIONS - len(site.silent):
                    running.done() and running.result()
            yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def agent_of(site: Site, pool: Pool) -> AsyncIterator[None]:
    agent = ControlAgent(site.settings, pool)
    await agent.start()
    try:
        yield
    finally:
        await agent.stop()


async def _orders(pool: Pool) -> list[tuple[Any, ...]]:
    rows = await pool.fetch("SELECT workspace_id, kind, id, version, error FROM control_outbox ORDER BY outbox_id")
    return [tuple(row) for row in rows]


async def test_it_raises_all_lanes_and_a_second_time_there_is_nothing_to_do(
    newer: None, site: Site, pool: Pool
) -> None:
    async with lanes_of(site), agent_of(site, pool):
        shown = await site.laudstream("upgrade", "status")
        assert "`laudstream upgrade finish` raises 3 lanes to it" in shown.output
        said = await site.laudstream("upgrade", "finish", "--yes")
        assert said.output.splitlines()[-1] == "upgrade finished: 3 lanes are at level 2, format 2"
        assert site.levels() == {NEW}
        again = await site.laudstream("upgrade", "finish")
        assert again.output == "nothing to do: all lanes are at level 2, format 2\n"
        shown = await site.laudstream("upgrade", "status", "--json")
        found = msgspec.json.decode(shown.output)
        assert found["knows"] == NEW._asdict()
        assert [(lane["level"], lane["format"]) for lane in found["lanes"]] == [NEW] * PARTITIONS
        assert [(one["knows_level"], one["lanes"]) for one in found["workers"]] == [(2, PARTITIONS)]
    assert await _orders(pool) == [("", "level", name, 2, None) for name in NAMES]


async def test_it_asks_first_and_orders_only_what_lanes_lack(
    newer: None, site: Site, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "CORE_LEVEL", 1)
    async with lanes_of(site), agent_of(site, pool):
        asked = await site.laudstream("upgrade", "finish")
        assert "raise all lanes to level 1, format 2?" in asked.output
        assert (asked.exit_code, await _orders(pool)) == (1, [])
        assert (await site.laudstream("upgrade", "finish", "--yes")).exit_code == 0
    assert await _orders(pool) == [("", "level", "state_format", 2, None)]


async def test_it_refuses_while_a_worker_knows_less_or_a_lane_has_no_owner(newer: None, site: Site, pool: Pool) -> None:
    async with lanes_of(site), site.worker(b"", "old"):
        async with asyncio.timeout(20):
            while len((await raising.look(site.settings)).workers) < 2:  # noqa: ASYNC110 - it joins in Kafka
                await asyncio.sleep(0.1)
        said = await site.laudstream("upgrade", "finish", "--yes")
        assert isinstance(said.exception, Refused)
        [problem] = said.exception.problems
        assert problem.message.startswith("the worker old@")
        assert problem.message.endswith("knows level 1, format 1")
    said = await site.laudstream("upgrade", "finish", "--yes")
    assert isinstance(said.exception, Refused)
    assert [one.message for one in said.exception.problems] == ["lanes 0-2 are without an owner"]
    assert await _orders(pool) == []


async def test_what_is_not_done_in_time_is_said_and_is_not_ordered_twice(newer: None, site: Site, pool: Pool) -> None:
    async with lanes_of(site):
        said = await site.laudstream("upgrade", "finish", "--yes", "--timeout", "1")
        assert "lanes 0-2 are not at level 2, format 2 yet; the control agent has not sent" in str(said.exception)
        said = await site.laudstream("upgrade", "finish", "--yes", "--timeout", "1")
        assert "the control agent has not sent" in str(said.exception)
        assert len(await _orders(pool)) == 2
        site.stuck.add(1)
        async with agent_of(site, pool):
            said = await site.laudstream("upgrade", "finish", "--yes", "--timeout", "3")
        assert "lane 1 is not at level 2, format 2 yet; their workers have not come so far" in str(said.exception)


async def test_what_the_control_agent_refuses_is_said(
    newer: None, site: Site, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.outbox.newest", lambda: OLD)
    async with lanes_of(site), agent_of(site, pool):
        said = await site.laudstream("upgrade", "finish", "--yes")
    assert isinstance(said.exception, Refused)
    assert "core_level 2: the control agent is of a release that knows level 1, format 1" in str(said.exception)


async def test_tables_of_an_older_release_are_named(newer: None, site: Site, owner: Pool) -> None:
    await owner.execute("ALTER TABLE control_outbox ADD CONSTRAINT older CHECK (kind <> 'level')")
    async with lanes_of(site):
        said = await site.laudstream("upgrade", "finish", "--yes")
    assert "run `laudstream migrate` first" in str(said.exception)


async def _told(pool: Pool, now: int | None = None) -> int:
    """The number that PostgreSQL has; `now` is what it is to have from here on."""
    if now is not None:
        await pool.execute("UPDATE levels SET number = $1 WHERE name = 'state_format'", now)
    return int(await pool.fetchval("SELECT number FROM levels WHERE name = 'state_format'"))


async def test_postgresql_is_told_when_all_lanes_have_the_numbers_and_not_before(
    newer: None, site: Site, pool: Pool
) -> None:
    assert await _told(pool) == 3  # no lane has worked here yet
    await _told(pool, 1)
    site.stuck.add(1)
    async with lanes_of(site), agent_of(site, pool):
        await site.laudstream("upgrade", "finish", "--yes", "--timeout", "2")
        assert await _told(pool) == 1
    site.stuck.clear()
    site.lanes = [LaneKit() for _ in range(PARTITIONS)]
    async with lanes_of(site), agent_of(site, pool):
        said = await site.laudstream("upgrade", "finish", "--yes")
        assert (said.exit_code, await _told(pool)) == (0, 2)
        orders = await _orders(pool)
        await _told(pool, 1)  # as if it had been killed in between
        shown = await site.laudstream("upgrade", "status")
        assert "`laudstream upgrade finish` tells PostgreSQL that all lanes are there" in shown.output
        assert (await site.laudstream("upgrade", "finish", "--yes")).exit_code == 0
        assert (await _told(pool), await _orders(pool)) == (2, orders)


async def test_a_lane_that_has_done_no_round_is_raised_too_where_postgresql_is_to_be_told(
    newer: None, site: Site, pool: Pool
) -> None:
    await _told(pool, 1)
    site.silent.add(2)
    async with lanes_of(site), agent_of(site, pool):
        said = await site.laudstream("upgrade", "finish", "--yes")
        assert (said.exit_code, site.levels(), await _told(pool)) == (0, {NEW}, 2)


async def test_nothing_lowers_what_postgresql_was_told(newer: None, site: Site, pool: Pool) -> None:
    async with lanes_of(site), agent_of(site, pool):
        assert (await site.laudstream("upgrade", "finish", "--yes")).exit_code == 0
    assert (site.levels(), await _told(pool)) == ({NEW}, 3)


async def test_rows_that_the_release_before_made_until_then_are_known_if_they_have_attributes(
    newer: None, site: Site, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "STATE_FORMAT", 3)
    await _told(pool, 2)
    await pool.execute(
        "INSERT INTO customers (workspace_id, customer_id, attributes) VALUES ($1, 'ann', '{\"x\": 1}')", WORKSPACE
    )
    known = "SELECT is_known(c) FROM customers c"
    assert not await pool.fetchval(known)
    async with lanes_of(site), agent_of(site, pool):
        assert (await site.laudstream("upgrade", "finish", "--yes")).exit_code == 0
    assert (await pool.fetchval(known), await _told(pool)) == (True, 3)


async def test_a_connector_of_an_older_release_is_in_the_way(newer: None, site: Site, pool: Pool) -> None:
    listed = "public.customers,public.consents,public.suppressions,public.segment_members,public.heartbeat"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = msgspec.json.encode({"table.include.list": listed})
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    connect = await asyncio.start_server(answer, "127.0.0.1")
    port = connect.sockets[0].getsockname()[1]
    site.settings = msgspec.structs.replace(site.settings, connect_url=f"http://127.0.0.1:{port}")
    async with connect, lanes_of(site), agent_of(site, pool):
        said = await site.laudstream("upgrade", "finish", "--yes")
        assert isinstance(said.exception, Refused)
        [problem] = said.exception.problems
        assert problem.message == "the Debezium connector does not capture identities"
        assert (await _orders(pool), site.levels()) == ([], {OLD})
        listed += ",public.identities"
        assert (await site.laudstream("upgrade", "finish", "--yes")).exit_code == 0


# -- what is in the way, as data -------------------------------------------------------
def standing(*lanes: Levels, workers: tuple[Worker, ...] = ()) -> Standing:
    return Standing(len(lanes), dict(enumerate(lanes)), workers)


SPARE = Worker("spare@1", NEW, ())


def test_a_lane_beyond_what_this_release_knows_is_not_lowered() -> None:
    ours = Worker("w@1", Levels(3, 2), (0, 1))
    [problem] = raising.hindrances(standing(Levels(3, 2), OLD, workers=(ours,)), NEW)
    assert problem.message == "lane 0 is at level 3, format 2, beyond what this release knows"


def test_a_worker_without_lanes_must_know_the_numbers_too() -> None:
    ours = Worker("w@1", NEW, (0, 1))
    assert raising.hindrances(standing(OLD, OLD, workers=(ours, SPARE)), NEW) == ()
    found = raising.hindrances(standing(OLD, OLD, workers=(ours, SPARE._replace(knows=Levels(2, 1)))), NEW)
    assert [problem.message for problem in found] == ["the worker spare@1 knows level 2, format 1"]


@pytest.mark.parametrize(
    ("lanes", "said"), [([3], "lane 3 is"), ([0, 1, 2, 5, 7, 8], "lanes 0-2, 5, 7-8 are"), ([1, 2], "lanes 1-2 are")]
)
def test_lanes_are_named_in_spans(lanes: list[int], said: str) -> None:
    assert raising._lanes(lanes) == said


def test_a_lane_that_has_done_no_round_is_behind_only_where_postgresql_is_to_be_told() -> None:
    found = Standing(3, {0: NEW, 2: Levels(2, 1)}, (), told=2)
    assert (found.behind(NEW), found.done(NEW)) == ([2], False)
    assert found._replace(told=1).behind(NEW) == [1, 2]
    there = Standing(3, {0: NEW, 2: NEW}, (), told=2)
    assert (there.behind(NEW), there.done(NEW), there._replace(told=3).done(NEW)) == ([], True, True)
