"""The email sender: send requests in, mails out over SMTP, deliveries back (A20–A22).

`EmailSender` handles the batches of `laudstream.send.email.now` and `.bulk`. `apply` only claims: one transaction moves
the position and writes the claims. Handing over is the pump's, which is why nothing remote blocks a stream: a
stream stops only when as many claims wait in memory as there is room for.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
import structlog
from aiokafka import AIOKafkaProducer

from agents.sending import smtp
from agents.sending.claims import Claims, Letter, Move
from agents.sending.publisher import Publisher
from agents.sending.pump import NotYet, Pump
from agents.streams import Batch, Step
from laudstream.channels.email import Mail, build
from laudstream.errors import Invalid, Undecodable
from laudstream.messages import template
from laudstream.messages.request import SendRequest
from laudstream.postgres import connect
from laudstream.postgres.pool import BY_INDEX
from laudstream.records import codec
from laudstream.settings import Settings
from laudstream.topics import send_topic

CHANNEL = "email"
ROOM = 2_000  # claims of each class in memory
COMPILED = 1_000  # templates kept ready
LAST = 4_102_444_800_000  # ms: the year 2100
_log = structlog.get_logger()


class DefinitionReader(Protocol):
    def body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        """Raises KeyError while the definition is not here yet."""


class Letterhead:
    """Makes the mail of a request: its template, compiled once, filled in, as bytes."""

    def __init__(self, definitions: DefinitionReader, mail_from: str) -> None:
        self._definitions = definitions
        self._mail_from = mail_from
        self._ready: OrderedDict[tuple[str, str, int], template.Compiled] = OrderedDict()

    def mail(self, request: SendRequest) -> Mail:
        """Raises Invalid if it can never be sent, NotYet if the template is not here yet."""
        compiled = self._compiled(request.workspace, request.template, request.template_version)
        message = {"id": request.send_id, "at": request.requested_at, "class": request.message_class}
        context = {"workspace": {"id": request.workspace}, **request.context, "message": message}
        return build(request, template.render(compiled, context), compiled.sender or self._mail_from)

    def _compiled(self, workspace: str, id: str, version: int) -> template.Compiled:
        key = workspace, id, version
        found = self._ready.get(key)
        if found is None:
            try:
                body = self._definitions.body(workspace, "template", id, version)
            except KeyError:
                raise NotYet from None
            found = self._ready[key] = template.compile(body)
            if len(self._ready) > COMPILED:
                self._ready.popitem(last=False)
        else:
            self._ready.move_to_end(key)
        return found


class EmailSender:
    """A BatchHandler. One per process; any number of processes."""

    topics = (send_topic(CHANNEL, bulk=False), send_topic(CHANNEL, bulk=True))

    def __init__(
        self,
        settings: Settings,
        definitions: DefinitionReader,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._letterhead = Letterhead(definitions, settings.mail_from)
        self._server = smtp.server(settings.smtp_url)
        self._now = now
        self._one_claims = {topic: asyncio.Lock() for topic in self.topics}

    async def start(self) -> None:
        """Opens PostgreSQL and Kafka; mail connections are opened as needed. Raises Unavailable."""
        settings = self.settings
        self._pool = await connect(settings.worker_dsn, max_size=6, application="laudstream sender", planner=BY_INDEX)
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka, enable_idempotence=True, acks="all", linger_ms=5, max_batch_size=1 << 17
        )
        await self._producer.start()
        lease = timedelta(seconds=2 * settings.send_timeout_s + 20)
        self._claims = Claims(self._pool, CHANNEL, self.owner, lease)
        self._publisher = Publisher(self._producer, self._claims, self._now)
        self.pump = Pump(
            self._claims, self._publisher, self._letterhead.mail, self._connection, self._now,
            connections=settings.send_connections, timeout_s=settings.send_timeout_s, room=ROOM,
        )  # fmt: skip
        self._publishing = asyncio.create_task(self._publisher.run())
        await self.pump.start()
        _log.info("send.started", owner=self.owner, server=f"{self._server.host}:{self._server.port}")

    async def stop(self) -> None:
        """Ends what is on the wire, publishes what is known, gives back the rest."""
        await self.pump.stop(self.settings.close_deadline_s)
        try:
            await asyncio.wait_for(self._publisher.idle.wait(), self.settings.close_deadline_s)
        except TimeoutError:
            _log.warning("send.unpublished", deliveries=len(self._publisher))  # the next sender publishes them
        self._publishing.cancel()
        await asyncio.gather(self._publishing, return_exceptions=True)
        await self._producer.stop()
        await self._pool.close()

    async def _connection(self) -> smtp.Connection:
        return await smtp.Connection.open(self._server, self.settings.send_timeout_s)

    async def position(self, topic: str, partition: int) -> int | None:
        return await self._claims.position(topic, partition)

    async def apply(self, steps: Sequence[Step]) -> None:
        """Claims the requests of some batches of one topic. Waits while the pump is behind. Raises PositionMoved."""
        topic = steps[0].batch.topic
        async with self._one_claims[topic]:
            await self.pump.waiting.wait_for_room(bulk=topic == self.topics[1])
            # What is cut off in a rebalance is claimed to the end, or its claims would wait for their lease.
            await asyncio.shield(self._claim(steps))

    async def _claim(self, steps: Sequence[Step]) -> None:
        requests: list[SendRequest] = []
        letters: list[Letter] = []
        for batch, _ in steps:
            found, unreadable = read(batch)
            requests += found
            letters += unreadable
        moves = [Move(batch.topic, batch.partition, expected, batch.next_offset) for batch, expected in steps]
        claimed, refused = await self._claims.claim(requests, self._now(), moves, letters)
        self.pump.put(claimed)
        self._publisher.put(refused)


def read(batch: Batch) -> tuple[list[SendRequest], list[Letter]]:
    """The send requests of a batch, and what is none."""
    requests: list[SendRequest] = []
    letters: list[Letter] = []
    for record in batch.records:
        try:
            requests.append(_request(record.value))
        except (Invalid, UnicodeDecodeError) as error:
            workspace = (record.key or b"").partition(b":")[0].decode("utf-8", "replace").replace("\0", "")
            letters.append(Letter(batch.topic, batch.partition, record.offset, workspace, str(error)[:1000]))
            _log.error(
                "send.unreadable", topic=batch.topic, partition=batch.partition, offset=record.offset, error=str(error)
            )
    return requests, letters


def _request(value: bytes | None) -> SendRequest:
    request = codec.request(value)
    if request.channel != CHANNEL:
        raise Undecodable(f"a request for {request.channel!r} on a topic of {CHANNEL}")
    if not (0 <= request.requested_at < LAST and 0 <= request.send_before < LAST):
        raise Undecodable("a time that is none")
    if value is not None and b"\\u0000" in value:  # PostgreSQL keeps no NUL
        return msgspec.convert(_without_nul(msgspec.to_builtins(request)), SendRequest)
    return request


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(inner) for name, inner in value.items()}
    return [_without_nul(inner) for inner in value] if isinstance(value, list) else value
