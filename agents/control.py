"""The control agent: brings the outbox of definitions into Kafka, in one order for all lanes (A9).

One at a time: it holds an advisory lock of PostgreSQL on a connection of its own, and does all its reading and
writing of the outbox on that connection, so that with the lock it loses its hands. Its transactional id fences the
agent before it. Rows get `control_seq` without holes, then go to Kafka in one transaction, then are marked as sent.
Who dies in between leaves rows that are numbered and not marked: they are written again with the same number, which
lanes that have read it ignore.

The holder of the lock also forgets decisions and claims that are older than 30 days, chooses winners of experiments,
and brings the traits of groups to their members.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import structlog
from aiokafka.client import AIOKafkaClient
from mode import Service

from agents.choosing import Chooser
from agents.groups import Groups
from agents.lanes import surface
from agents.lanes.producer import TxnProducer
from agents.lanes.wire import TP
from agents.outbox import Order, control, definition, review
from laudstream import kafka_client, topics
from laudstream.errors import Unavailable
from laudstream.postgres import queries
from laudstream.postgres.pool import CONNECT_TIMEOUT_S, set_codecs
from laudstream.settings import Settings

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool
    from laudstream.postgres.tenancy import Connection

log = structlog.get_logger(__name__)

SQL = queries("outbox")
_FORGET = queries("projection")["forget_decisions"]
_FORGET_CLAIMS = queries("send_claims")["forget"]

LOCK = int.from_bytes(b"control", "big")
CHANNEL = "laudstream_control"
TRANSACTIONAL_ID = "laudstream-control"

POLL_S = 1.0
MOST_ORDERS = 50
"""In one transaction."""
KAFKA_TIMEOUT_S = 15.0
"""A transaction, or the start of the producer, that takes longer is given up and done again."""
KEEP_DAYS = 30
FORGET_EVERY_S = 3600.0
MOST_FORGOTTEN = 5000
_BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)

_SESSION = {
    "application_name": "laudstream control",
    # a host that dies without a word gives the lock back in seconds, not in hours
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}


class ControlAgent(Service):
    """`pool` is for what it does beside only; the outbox is read on a connection made from the settings."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        super().__init__()
        self._settings, self._pool = settings, pool
        self._woken = asyncio.Event()
        self._tries = 0
        self.holds_lock = False

    async def on_start(self) -> None:
        self.add_future(self.run())

    async def run(self) -> None:
        """Until cancelled. Trouble of any kind gives up the lock and begins again."""
        while True:
            try:
                await self._hold()
            except Exception as error:
                pause = _BACK_OFF_S[min(self._tries, len(_BACK_OFF_S) - 1)]
                self._tries += 1
                log.warning("control_agent_failed", tries=self._tries, error=repr(error), held=self.holds_lock)
                await asyncio.sleep(pause)

    async def _hold(self) -> None:
        async with _connection(self._settings) as connection:
            while not await connection.fetchval(SQL["lock"], LOCK):
                self._tries = 0
                await asyncio.sleep(POLL_S)
            self.holds_lock = True
            log.info("control_lock_held")
            await connection.add_listener(CHANNEL, self._wake)
            pool = self._pool
            chores = (self._forget(), Chooser(pool).run(), Groups(pool).run())
            beside = [asyncio.create_task(chore) for chore in chores]
            try:
                async with _sink(self._settings) as sink:
                    await self._work(connection, sink)
            finally:
                self.holds_lock = False
                for task in beside:
                    task.cancel()

    def _wake(self, *_: Any) -> None:
        self._woken.set()

    async def _work(self, connection: Connection, sink: Sink) -> None:
        while True:
            self._woken.clear()
            busy = await number(connection) | await publish(connection, sink)
            self._tries = 0
            if not busy:
                try:
                    await asyncio.wait_for(self._woken.wait(), POLL_S)
                except TimeoutError:  # the poll: a notice may get lost, and a dead connection shows itself
                    await sink.producer.settle()

    async def _forget(self) -> None:
        while True:
            try:
                await forget_decisions(self._pool)
                await forget_claims(self._pool)
            except Exception as error:
                log.warning("forgetting_failed", error=repr(error))
            await asyncio.sleep(FORGET_EVERY_S)


@asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(
        settings.worker_dsn, timeout=CONNECT_TIMEOUT_S, command_timeout=CONNECT_TIMEOUT_S, server_settings=_SESSION
    )
    try:
        await set_codecs(connection)
        yield connection
    finally:
        connection.terminate()  # at once: the lock goes with it


class Sink(NamedTuple):
    producer: TxnProducer
    partitions: Sequence[TP]
    """Of the control topic."""


@asynccontextmanager
async def _sink(settings: Settings) -> AsyncIterator[Sink]:
    """Its start fences whoever had the transactional id, and ends what they left open."""
    client = AIOKafkaClient(**kafka_client.arguments(settings))
    try:
        async with asyncio.timeout(KAFKA_TIMEOUT_S):
            await client.bootstrap()
            await surface.wait_on_metadata(client, topics.CONTROL)
            found = client.cluster.partitions_for_topic(topics.CONTROL)
            if not found:
                raise Unavailable(f"topic {topics.CONTROL} does not exist")
            partitions = [(topics.CONTROL, p) for p in sorted(found)]
            outputs = [(topics.DEFINITIONS, 0), *partitions]
            producer = TxnProducer(
                client, TRANSACTIONAL_ID, timeout_ms=settings.txn_timeout_ms, outputs=lambda: outputs
            )
            await producer.start()
        yield Sink(producer, partitions)
    finally:
        await client.close()


async def number(connection: Connection) -> bool:
    """Accept or refuse new orders; says whether there were any."""
    orders = [Order(*row) for row in await connection.fetch(SQL["unnumbered"], MOST_ORDERS)]
    if not orders:
        return False
    accepted, refused = review(orders)
    async with connection.transaction():
        await connection.execute(SQL["number"], accepted)
        await connection.execute(SQL["refuse"], list(refused), list(refused.values()))
    for order in orders:
        if order.outbox_id in refused:
            log.error("order_refused", key=order.key, status=order.status, error=refused[order.outbox_id])
    return True


async def publish(connection: Connection, sink: Sink) -> bool:
    """Bring numbered orders into Kafka; says whether there were any."""
    orders = [Order(*row) for row in await connection.fetch(SQL["unsent"], MOST_ORDERS)]
    if not orders:
        return False
    async with asyncio.timeout(KAFKA_TIMEOUT_S):
        await write(sink, orders)
    await connection.execute(SQL["sent"], [order.outbox_id for order in orders])
    for order in orders:
        log.info("order_published", key=order.key, status=order.status, control_seq=order.control_seq)
    return True


async def write(sink: Sink, orders: Sequence[Order]) -> None:
    """One transaction: bodies once, control records once to each partition."""
    now = time.time_ns() // 1_000_000
    bodies = [(order.key.encode(), definition(order)) for order in orders if order.body is not None]
    records = [(str(order.control_seq).encode(), control(order)) for order in orders]
    writes: dict[TP, tuple[int, Sequence[tuple[bytes, bytes]]]] = dict.fromkeys(sink.partitions, (now, records))
    if bodies:
        writes[topics.DEFINITIONS, 0] = now, bodies
    await sink.producer.commit(writes)


async def forget_decisions(pool: Pool, keep_days: int = KEEP_DAYS, most: int = MOST_FORGOTTEN) -> int:
    """Delete timelines older than `keep_days`, at most `most` rows a transaction; gives how many."""
    return await _forget(pool, _FORGET, keep_days, most, "decisions_forgotten")


async def forget_claims(pool: Pool, keep_days: int = KEEP_DAYS, most: int = MOST_FORGOTTEN) -> int:
    """The same of what became of messages, where Kafka has it."""
    return await _forget(pool, _FORGET_CLAIMS, keep_days, most, "claims_forgotten")


async def _forget(pool: Pool, query: str, keep_days: int, most: int, done: str) -> int:
    forgotten = 0
    while True:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL enable_seqscan = on")  # it looks at all rows
            deleted = int((await connection.execute(query, keep_days, most)).rpartition(" ")[2])
        forgotten += deleted
        if deleted < most:
            if forgotten:
                log.info(done, rows=forgotten)
            return forgotten
