"""The control agent: brings the outbox of definitions into Kafka, in one order for all lanes (A9).

One at a time: it holds an advisory lock of PostgreSQL on a connection of its own, and does all its reading and
writing of the outbox on that connection, so that with the lock it loses its hands. Its transactional id fences the
agent before it. Rows get `control_seq` without holes, then go to Kafka in one transaction, then are marked as sent.
Who dies in between leaves rows that are numbered and not marked: they are written again with the same number, which
lanes that have read it ignore.

The holder of the lock also forgets decisions that are older than 30 days.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from mode import Service

from agents.outbox import Order, control, definition, review
from laudstream import topics
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

LOCK = int.from_bytes(b"control", "big")
CHANNEL = "laudstream_control"
TRANSACTIONAL_ID = "laudstream-control"

POLL_S = 1.0
MOST_ORDERS = 50
"""In one transaction."""
KAFKA_TIMEOUT_S = 15.0
"""A transaction, or the start of the producer, that takes longer is given up and done again."""
CLOSE_TIMEOUT_S = 5.0
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
    """`pool` is for forgetting only; the outbox is read on a connection made from the settings."""

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
            forgetting = asyncio.create_task(self._forget())
            try:
                async with _producer(self._settings) as producer:
                    await self._work(connection, producer)
            finally:
                self.holds_lock = False
                forgetting.cancel()

    def _wake(self, *_: Any) -> None:
        self._woken.set()

    async def _work(self, connection: Connection, producer: AIOKafkaProducer) -> None:
        while True:
            self._woken.clear()
            busy = await number(connection) | await publish(connection, producer)
            self._tries = 0
            if not busy:
                try:
                    await asyncio.wait_for(self._woken.wait(), POLL_S)
                except TimeoutError:
                    pass  # the poll: a notice may get lost, and a dead connection shows itself

    async def _forget(self) -> None:
        while True:
            try:
                await forget_decisions(self._pool)
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


@asynccontextmanager
async def _producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """Its start fences whoever had the transactional id, and ends what they left open."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka,
        transactional_id=TRANSACTIONAL_ID,
        transaction_timeout_ms=settings.txn_timeout_ms,
        max_request_size=8 * topics.MB,
        request_timeout_ms=10_000,
    )
    try:
        async with asyncio.timeout(KAFKA_TIMEOUT_S):
            await producer.start()
        yield producer
    finally:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await producer.stop()
        except (TimeoutError, KafkaError):
            await producer.client.close()


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


async def publish(connection: Connection, producer: AIOKafkaProducer) -> bool:
    """Bring numbered orders into Kafka; says whether there were any."""
    orders = [Order(*row) for row in await connection.fetch(SQL["unsent"], MOST_ORDERS)]
    if not orders:
        return False
    async with asyncio.timeout(KAFKA_TIMEOUT_S):
        await write(producer, orders)
    await connection.execute(SQL["sent"], [order.outbox_id for order in orders])
    for order in orders:
        log.info("order_published", key=order.key, status=order.status, control_seq=order.control_seq)
    return True


async def write(producer: AIOKafkaProducer, orders: Sequence[Order]) -> None:
    """One transaction: bodies once, control records once to each partition."""
    partitions = await producer.partitions_for(topics.CONTROL)
    if not partitions:
        raise Unavailable(f"topic {topics.CONTROL} does not exist")
    async with producer.transaction():
        sent = []
        for order in orders:
            if order.body is not None:
                body = definition(order)
                sent.append(await producer.send(topics.DEFINITIONS, body, order.key.encode(), partition=0))
            record, key = control(order), str(order.control_seq).encode()
            for partition in sorted(partitions):
                sent.append(await producer.send(topics.CONTROL, record, key, partition=partition))
        await asyncio.gather(*sent)


async def forget_decisions(pool: Pool, keep_days: int = KEEP_DAYS, most: int = MOST_FORGOTTEN) -> int:
    """Delete timelines older than `keep_days`, at most `most` rows a transaction; gives how many."""
    forgotten = 0
    while True:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL enable_seqscan = on")  # it looks at all rows
            deleted = int((await connection.execute(_FORGET, keep_days, most)).rpartition(" ")[2])
        forgotten += deleted
        if deleted < most:
            if forgotten:
                log.info("decisions_forgotten", rows=forgotten)
            return forgotten
