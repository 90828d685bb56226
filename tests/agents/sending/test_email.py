"""The sender as a whole: claims in a real PostgreSQL, a real SMTP server; deliveries in a list instead of Kafka."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from agents.email import Letterhead
from agents.sending import smtp
from agents.sending.claims import Claims
from agents.sending.publisher import Publisher
from agents.sending.pump import MOST_MARKED, Pump
from agents.sending.requests import read as read_requests
from agents.streams import Batch
from laudstream.channels.email import read
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest
from laudstream.records import codec

TIMEOUT_S = 1.5


class Log:
    """Where deliveries go: what aiokafka's producer is to the sender."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.broken = False

    async def send(self, topic: str, value: bytes, key: bytes) -> Awaitable[object]:
        if self.broken:
            raise OSError("Kafka is away")
        delivery = codec.delivery(value)
        assert (topic, key.decode()) == ("laudstream.deliveries", f"{delivery.workspace}:{delivery.customer}")
        self.deliveries.append(delivery)
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(delivery.kind, delivery.reason) for delivery in self.deliveries]


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Sender:
    """What agents.email.EmailSender is made of, with one list for Kafka and one clock for the test."""

    def __init__(
        self, shop: Any, server: Any, connections: int = 4, room: int = 50, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.shop, self.log, self.clock = shop, Log(), Clock()
        self.templates: dict[str, dict[str, Any]] = {"t": {"subject": "Hi", "html": "<p>Hi</p>"}}
        self.claims = Claims(shop.pool, f"email-{shop.id}", f"sender-{id(self)}", timedelta(seconds=2 * timeout_s + 20))
        self.publisher = Publisher(self.log, self.claims, self.clock)
        to = smtp.Server("127.0.0.1", server.port, False, None, None)
        self.pump = Pump(
            self.claims, self.publisher, Letterhead(self, "Shop <shop@shop.example>").mail,
            lambda: smtp.Connection.open(to, timeout_s), read, self.clock,
            connections=connections, timeout_s=timeout_s, room=room,
        )  # fmt: skip
        self._publishing: asyncio.Task[None] | None = None

    def body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        assert kind == "template"
        return self.templates[id]

    async def start(self) -> None:
        self._publishing = asyncio.create_task(self.publisher.run())
        await self.pump.start()

    async def stop(self, patience_s: float = 1.0) -> None:
        if self._publishing is not None:
            await self.pump.stop(patience_s)
            self._publishing.cancel()
            await asyncio.gather(self._publishing, return_exceptions=True)
            self._publishing = None

    async def ask(self, *requests: SendRequest) -> None:
        claimed, refused = await self.claims.claim(requests, self.clock())
        self.pump.put(claimed)
        self.publisher.put(refused)

    def request(self, name: str = "ann", **more: Any) -> SendRequest:
        at = int(self.clock().timestamp() * 1000)
        return self.shop.request(at, to=f"{name}@shop.example", **more)


@pytest.fixture
async def sender(shop: Any, mail_server: Any) -> AsyncIterator[Sender]:
    sender = Sender(shop, mail_server)
    await sender.start()
    yield sender
    await sender.stop()


async def test_a_request_becomes_a_mail_a_delivery_and_a_published_claim(
    sender: Sender, mail_server: Any, until: Any
) -> None:
    request = sender.request()
    await sender.ask(request)
    await until(lambda: sender.log.deliveries)
    (delivery,) = sender.log.deliveries
    assert (delivery.kind, delivery.send_id, delivery.run, delivery.detail) == (
        "sent", request.send_id, request.run, "250 2.0.0 kept",
    )  # fmt: skip
    ((to, content),) = mail_server.mails
    assert to == "ann@shop.example"
    assert f"X-Laudstream-Send-Id: {request.send_id}".encode() in content

    async def published() -> bool:
        row = (await sender.shop.rows())[request.send_id]
        return row["state"] == "sent" and row["published_at"] is not None and row["outcome"]["id"] == delivery.id

    await until(published)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("gone", ("bounced", "no_such_address")),
        ("spam", ("failed", "rejected")),
        ("lost", ("unknown", "")),
        ("silent", ("unknown", "")),
    ],
)
async def test_what_the_server_does_is_what_the_delivery_says(
    sender: Sender, mail_server: Any, until: Any, name: str, outcome: tuple[str, str]
) -> None:
    await sender.ask(sender.request(name))
    await until(lambda: sender.log.deliveries)
    assert sender.log.kinds == [outcome]
    sender.clock.ahead = timedelta(minutes=10)
    await sender.ask(sender.request("bob"))
    await until(lambda: len(sender.log.deliveries) == 2)
    assert mail_server.contents <= 2  # what is held is not tried again
    assert sender.log.kinds[1] == ("sent", "")


@pytest.mark.parametrize("name", ["later", "busy", "cut"])
async def test_what_cannot_go_now_is_parked_and_goes_later(
    sender: Sender, mail_server: Any, until: Any, name: str
) -> None:
    request = sender.request(name)
    await sender.ask(request)

    async def parked() -> bool:
        row = (await sender.shop.rows())[request.send_id]
        return row["state"] == "claimed" and row["owner"] is None and row["tries"] == 1

    await until(parked)
    assert sender.log.deliveries == []
    mail_server.repented.add(name)
    sender.clock.ahead = timedelta(seconds=6)
    await until(lambda: sender.log.deliveries)
    assert sender.log.kinds == [("sent", "")]


async def test_what_stays_refused_for_now_expires_at_send_before(sender: Sender, until: Any) -> None:
    request = sender.request("later")
    await sender.ask(request)
    await until(lambda: sender.pump._done or not sender.pump._busy)
    sender.clock.ahead = timedelta(hours=2)
    await until(lambda: sender.log.deliveries)
    assert sender.log.kinds == [("refused", "expired")]


async def test_a_transactional_mail_of_unknown_fate_is_sent_again(sender: Sender, mail_server: Any, until: Any) -> None:
    await sender.ask(sender.request("lost", on_unknown="retry", message_class="transactional"))
    await until(lambda: mail_server.contents == 1)
    mail_server.repented.add("lost")
    sender.clock.ahead = timedelta(seconds=6)
    await until(lambda: sender.log.deliveries)
    assert sender.log.kinds == [("sent", "")]
    assert mail_server.contents == 2


async def test_a_template_that_fails_on_a_value_fails_its_message_only(sender: Sender, until: Any) -> None:
    """R13."""
    sender.templates["t"] = {"subject": "Hi", "html": "{{ 1 | divided_by: customer.x }}"}
    await sender.ask(
        sender.request(context={"customer": {"x": 0}}), sender.request(context={"customer": {"x": 1}}),
        sender.request("bad address", context={"customer": {"x": 1}}),
    )  # fmt: skip
    await until(lambda: len(sender.log.deliveries) == 3)
    assert sorted(sender.log.kinds) == [("failed", "no_address"), ("failed", "template_failed"), ("sent", "")]
    failed = next(delivery for delivery in sender.log.deliveries if delivery.reason == "template_failed")
    assert failed.detail == "html: division by zero"


async def test_a_template_that_is_not_here_yet_is_waited_for(sender: Sender, until: Any) -> None:
    request = sender.request(template="new")
    await sender.ask(request)

    async def parked() -> bool:
        return (await sender.shop.rows())[request.send_id]["owner"] is None

    await until(parked)
    sender.templates["new"] = {"subject": "New", "html": "new"}
    sender.clock.ahead = timedelta(seconds=2)
    await until(lambda: sender.log.deliveries)
    assert sender.log.kinds == [("sent", "")]


async def test_while_the_server_is_away_claims_wait_up_to_the_room_and_then_all_go(
    shop: Any, mail_server: Any, until: Any
) -> None:
    await mail_server.close()
    sender = Sender(shop, mail_server, room=10)
    await sender.start()
    try:
        await sender.ask(*(sender.request() for _ in range(10)))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sender.pump.waiting.wait_for_room(bulk=True), 0.2)
        await asyncio.wait_for(sender.pump.waiting.wait_for_room(bulk=False), 0.2)
        assert {row["state"] for row in (await shop.rows()).values()} == {"claimed"}
        await mail_server.open()
        await until(lambda: len(sender.log.deliveries) == 10)
        await asyncio.wait_for(sender.pump.waiting.wait_for_room(bulk=True), 1.0)
    finally:
        await sender.stop()


async def test_what_expires_while_the_server_is_away_is_refused_at_once(
    shop: Any, mail_server: Any, until: Any
) -> None:
    await mail_server.close()
    sender = Sender(shop, mail_server)
    await sender.start()
    try:
        await sender.ask(sender.request())
        sender.clock.ahead = timedelta(hours=2)
        await until(lambda: sender.log.deliveries)
        assert sender.log.kinds == [("refused", "expired")]
    finally:
        await sender.stop()


async def test_transactional_mails_overtake_marketing_and_workspaces_take_turns(
    shop: Any, mail_server: Any, until: Any, new_shop: Callable[[Any], Any]
) -> None:
    other = await new_shop(shop.pool).open()
    sender = Sender(shop, mail_server, connections=1, room=1000, timeout_s=10)
    mail_server.gate.clear()
    await sender.start()
    try:
        await sender.ask(*(sender.request("flood") for _ in range(300)))
        await until(lambda: len(sender.pump._busy) == MOST_MARKED)
        at = int(sender.clock().timestamp() * 1000)
        await sender.ask(*(other.request(at, to="other@shop.example") for _ in range(3)))
        await sender.ask(sender.request("urgent", message_class="transactional"))
        mail_server.gate.set()
        await until(lambda: len(sender.log.deliveries) == 304)
        order = [to.partition("@")[0] for to, _ in mail_server.mails]
        assert order.index("urgent") <= MOST_MARKED
        assert [at for at, name in enumerate(order) if name == "other"][-1] < MOST_MARKED + 10
    finally:
        await sender.stop()


async def test_deliveries_wait_for_kafka_and_are_not_lost(sender: Sender, mail_server: Any, until: Any) -> None:
    sender.log.broken = True
    await sender.ask(sender.request())
    await until(lambda: mail_server.mails and len(sender.publisher))
    sender.log.broken = False
    await until(lambda: sender.log.deliveries)
    assert sender.log.kinds == [("sent", "")]


async def test_a_customer_whose_id_the_api_would_refuse_stops_no_delivery(
    sender: Sender, mail_server: Any, until: Any
) -> None:
    """PostgreSQL takes such ids. The delivery of one kept those of all others from Kafka."""
    customer = "ann\u00a0lee"
    await sender.shop.pool.execute(
        "INSERT INTO customers (workspace_id, customer_id) VALUES ($1, $2)", sender.shop.id, customer
    )
    await sender.ask(sender.request(customer=customer), sender.request())
    await until(lambda: len(sender.log.deliveries) == 2)
    assert sender.log.kinds == [("sent", "")] * 2


async def test_a_sender_that_stops_leaves_the_rest_to_the_next(shop: Any, mail_server: Any, until: Any) -> None:
    first, second = Sender(shop, mail_server, connections=1, room=1000, timeout_s=10), Sender(shop, mail_server)
    mail_server.gate.clear()
    await first.start()
    await first.ask(*(first.request() for _ in range(100)))
    await until(lambda: len(first.pump._busy) == MOST_MARKED)
    stopping = asyncio.create_task(first.stop(patience_s=20))
    await until(lambda: first.pump._ready.empty())
    mail_server.gate.set()
    await stopping
    await second.start()
    try:
        await until(lambda: len(mail_server.mails) == 100)
        assert len({content for _, content in mail_server.mails}) == 100
    finally:
        await second.stop()


class Record(NamedTuple):
    value: bytes | None
    key: bytes = b"acmeacme:c1"
    offset: int = 7


async def test_what_is_no_send_request_becomes_a_dead_letter_and_the_rest_goes_on(shop: Any) -> None:
    good = shop.request(1)
    text = json.loads(codec.encode(good))
    records = [
        Record(codec.encode(good)), Record(None), Record(b"{"), Record(b"\xff"), Record(b"{}"),
        Record(json.dumps({**text, "channel": "sms"}).encode()),
        Record(json.dumps({**text, "send_before": 2**62}).encode()),
    ]  # fmt: skip
    requests, letters = read_requests(Batch("laudstream.send.email.now", 3, records, 8), "email")
    assert requests == [good]
    assert len(letters) == 6
    assert {(letter.partition, letter.offset, letter.workspace) for letter in letters} == {(3, 7, "acmeacme")}


async def test_a_nul_in_a_value_does_not_stop_the_stream(sender: Sender, until: Any) -> None:
    asked = sender.request(context={"customer": {"na\0me": ["A\0nn"]}})
    requests, _ = read_requests(Batch("laudstream.send.email.now", 0, [Record(codec.encode(asked))], 8), "email")
    assert requests[0].context == {"customer": {"name": ["Ann"]}}
    await sender.ask(*requests)
    await until(lambda: sender.log.deliveries)
