"""The webhook sender: claims in a real PostgreSQL, calls to a real HTTP server; deliveries in a list."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from agents.sending.claims import Claims
from agents.sending.guard import Guard, Resolver
from agents.sending.http import MAX_ANSWER
from agents.sending.publisher import Publisher
from agents.sending.pump import Pump
from agents.webhook import WebhookSender
from laudstream.channels.webhook import Call, read
from laudstream.messages.request import SendRequest
from laudstream.settings import Settings
from tests.agents.sending.test_email import Clock, Log
from tests.agents.sending.test_guard import Names
from tests.database import free_port

TIMEOUT_S = 0.6
HERE = "127.0.0.1/32"


class Endpoint:
    """A real server that does what the path says.

    /say/N answers N · /later answers 429 with Retry-After: 7 · /slow never answers · /cut hangs up · /endless never
    stops answering · /away redirects to /ok · all others 200
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.calls: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections = 0
        self.repented = False
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, asked: web.Request) -> web.StreamResponse:
        self.calls.append((asked.method, asked.raw_path, dict(asked.headers), await asked.read()))
        word, _, rest = asked.match_info["path"].partition("/")
        if self.repented:
            return web.Response(text="kept")
        if word == "say":
            return web.Response(status=int(rest), text="said\r\nso")
        if word == "later":
            return web.Response(status=429, headers={"Retry-After": "7"})
        if word == "away":
            return web.Response(status=302, headers={"Location": "/ok"})
        if word == "slow":
            await asyncio.sleep(30)
        if word == "cut" and asked.transport is not None:
            asked.transport.abort()
        if word == "endless":
            return await self._endless(asked)
        return web.Response(text="kept")

    async def _endless(self, asked: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(asked)
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.write(b"x" * 8192)
        return answer


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    made = Endpoint()
    await made.open()
    yield made
    await made.close()


class Sender:
    """What agents.webhook.WebhookSender is, with a list for Kafka and a clock for the test."""

    def __init__(self, shop: Any, endpoint: Endpoint, connections: int = 4) -> None:
        self.shop, self.log, self.clock = shop, Log(), Clock()
        self.body_of: dict[str, Any] = {"headers": {"X-Shop": "{{ customer.id }}"}, "body": {"id": "{{ message.id }}"}}
        self.base = f"http://127.0.0.1:{endpoint.port}"
        settings = Settings(webhook_networks=HERE, webhook_timeout_s=TIMEOUT_S, webhook_secret="topsecret")
        self.sender = WebhookSender(settings, self, self.clock)
        lease = timedelta(seconds=2 * TIMEOUT_S + 20)
        self.claims = Claims(shop.pool, f"webhook-{shop.id}", f"sender-{id(self)}", lease)
        self.publisher = Publisher(self.log, self.claims, self.clock)
        self.pump = Pump(
            self.claims, self.publisher, self.sender.prepare, self.sender.connect, self.sender.judge, self.clock,
            connections=connections, timeout_s=TIMEOUT_S, room=50,
        )  # fmt: skip

    def body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        base = "" if "://" in id else self.base
        return {"channel": "webhook", "url": f"{base}{id}", **self.body_of}

    def request(self, path: str = "/ok", **more: Any) -> SendRequest:
        at = int(self.clock().timestamp() * 1000)
        given = {"template": path, "context": {"customer": {"id": "c1"}}, **more}
        return self.shop.request(at, channel="webhook", to="", **given)

    async def ask(self, *requests: SendRequest) -> None:
        claimed, refused = await self.claims.claim(requests, self.clock())
        self.pump.put(claimed)
        self.publisher.put(refused)

    async def start(self) -> None:
        self.sender.caller.start()
        self._publishing = asyncio.create_task(self.publisher.run())
        await self.pump.start()

    async def stop(self) -> None:
        await self.pump.stop(1.0)
        self._publishing.cancel()
        await asyncio.gather(self._publishing, return_exceptions=True)
        await self.sender.caller.stop()


@pytest.fixture
async def sender(shop: Any, endpoint: Endpoint) -> AsyncIterator[Sender]:
    made = Sender(shop, endpoint)
    await made.start()
    yield made
    await made.stop()


async def test_a_request_becomes_one_call_with_its_id_and_a_delivery(
    sender: Sender, endpoint: Endpoint, until: Any
) -> None:
    request = sender.request("/ok?x=1")
    await sender.ask(request)
    await until(lambda: sender.log.deliveries)
    ((method, path, headers, body),) = endpoint.calls
    assert (method, path, body) == ("POST", "/ok?x=1", b'{"id":"%b"}' % request.send_id.encode())
    assert (headers["Idempotency-Key"], headers["X-Shop"]) == (request.send_id, "c1")
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-signature"].startswith("v1,")
    assert "topsecret" not in str(headers)
    (delivery,) = sender.log.deliveries
    assert (delivery.kind, delivery.channel, delivery.detail) == ("sent", "webhook", "200 OK kept")


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/say/404", ("failed", "rejected")),
        ("/away", ("failed", "rejected")),
        ("/slow", ("unknown", "")),
        ("/cut", ("unknown", "")),
        ("/say/504", ("unknown", "")),
        ("/endless", ("sent", "")),
    ],
)
async def test_what_the_endpoint_does_is_what_the_delivery_says(
    sender: Sender, endpoint: Endpoint, until: Any, path: str, outcome: tuple[str, str]
) -> None:
    """Marketing: at most once (A21)."""
    await sender.ask(sender.request(path))
    await until(lambda: sender.log.deliveries)
    assert sender.log.kinds == [outcome]
    sender.clock.ahead = timedelta(minutes=10)
    await sender.ask(sender.request())
    await until(lambda: len(sender.log.deliveries) == 2)
    assert [called for _, called, _, _ in endpoint.calls] == [path, "/ok"], "nothing was followed or tried again"
    assert len(sender.log.deliveries[0].detail) < MAX_ANSWER


@pytest.mark.parametrize(("path", "seconds"), [("/say/503", 5), ("/say/408", 5), ("/say/409", 5), ("/later", 7)])
async def test_what_cannot_be_taken_now_is_tried_again_when_the_endpoint_says(
    sender: Sender, endpoint: Endpoint, until: Any, path: str, seconds: int
) -> None:
    request = sender.request(path)
    await sender.ask(request)

    async def parked() -> bool:
        row = (await sender.shop.rows())[request.send_id]
        if row["owner"] is not None or row["tries"] != 1:
            return False
        return abs((row["next_try_at"] - sender.clock()).total_seconds() - seconds) < 2

    await until(parked)
    endpoint.repented = True
    sender.clock.ahead = timedelta(seconds=seconds + 1)
    await until(lambda: sender.log.deliveries)
    assert sender.log.kinds == [("sent", "")]
    assert len({headers["Idempotency-Key"] for _, _, headers, _ in endpoint.calls}) == 1


async def test_a_channel_that_fails_at_an_answer_costs_one_message_and_no_connection_for_good(
    sender: Sender, endpoint: Endpoint, until: Any
) -> None:
    """Each such answer ended the task of a connection, which nobody saw; without one nothing was sent any more."""
    judge = sender.pump._read

    def fails(answer: Any) -> Any:
        if answer.code == 418:
            raise OverflowError("signed integer is greater than maximum")
        return judge(answer)

    sender.pump._read = fails
    await sender.ask(*(sender.request("/say/418") for _ in range(sender.pump._count)))
    await until(lambda: len(sender.log.deliveries) == sender.pump._count)
    await sender.ask(sender.request())
    await until(lambda: len(sender.log.deliveries) == sender.pump._count + 1)
    assert sender.log.kinds == [("unknown", "")] * sender.pump._count + [("sent", "")]
    assert "OverflowError" in sender.log.deliveries[0].detail


async def test_an_endpoint_that_is_away_is_tried_again_and_nothing_is_lost(
    sender: Sender, endpoint: Endpoint, until: Any
) -> None:
    await endpoint.close()
    await sender.ask(sender.request())
    await until(lambda: sender.pump._done or not sender.pump._busy)
    assert sender.log.deliveries == []
    await endpoint.open()
    sender.clock.ahead = timedelta(seconds=6)
    await until(lambda: sender.log.deliveries)
    assert sender.log.kinds == [("sent", "")]


@pytest.mark.parametrize("path", ["/slow", "/cut"])
async def test_a_transactional_call_of_unknown_fate_is_made_again(
    sender: Sender, endpoint: Endpoint, until: Any, path: str
) -> None:
    await sender.ask(sender.request(path, on_unknown="retry", message_class="transactional"))
    await until(lambda: len(endpoint.calls) == 1)
    endpoint.repented = True
    sender.clock.ahead = timedelta(seconds=6)
    await until(lambda: sender.log.deliveries)
    assert sender.log.kinds == [("sent", "")]
    first, second = ([headers["Idempotency-Key"], body] for _, _, headers, body in endpoint.calls)
    assert first == second


async def test_a_place_that_is_silent_holds_up_nobody_else(sender: Sender, endpoint: Endpoint, until: Any) -> None:
    again = {"on_unknown": "retry", "message_class": "transactional"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        await sender.ask(*(sender.request(f"{url}{n}", **again) for n in range(40)))
        fast = [sender.request(**again) for _ in range(20)]
        await sender.ask(*fast)
        await until(lambda: len(sender.log.deliveries) == 20, 5 * TIMEOUT_S)  # without a rest: 40 / 4 time-outs
    assert {delivery.send_id for delivery in sender.log.deliveries} == {one.send_id for one in fast}


HOSTILE = [
    "http://169.254.169.254/latest/meta-data/", "http://127.0.0.2:{port}/", "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.2]:{port}/", "http://localhost:{port}/", "http://10.0.0.1/", "http://0.0.0.0:{port}/",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
async def test_an_address_that_is_not_public_is_never_called(
    sender: Sender, endpoint: Endpoint, until: Any, url: str
) -> None:
    sender.sender.caller._guard._allowed = ()
    await sender.ask(sender.request(url.format(port=endpoint.port)))
    await until(lambda: sender.log.deliveries)
    (delivery,) = sender.log.deliveries
    assert (delivery.kind, delivery.reason) == ("failed", "rejected")
    assert "webhooks may not go there" in delivery.detail
    assert endpoint.calls == []


async def test_a_name_that_leads_elsewhere_a_moment_later_leads_nowhere(endpoint: Endpoint) -> None:
    """DNS rebinding: the first answer is public, the one that is connected to would not be."""
    from agents.sending.http import Caller
    from agents.sending.places import Places

    names: Any = Names("127.0.0.1")

    class Careless(Resolver):
        async def resolve(self, *asked: Any, **more: Any) -> Any:
            return await names.resolve(*asked)

    caller = Caller(Guard(), Places(), TIMEOUT_S, Careless(Guard(), names))
    caller.start()
    try:
        answer = await caller.deliver(Call("POST", f"http://rebind.example:{endpoint.port}/", (), b"", "rebind"))
    finally:
        await caller.stop()
    assert (answer.code, answer.at) == (0, "refused")
    assert "loopback" in answer.text
    assert endpoint.calls == []


async def test_a_header_that_says_more_never_leaves(endpoint: Endpoint, sender: Sender) -> None:
    """Were one to come past the template, the wire refuses it."""
    caller = sender.sender.caller
    for headers in ((("X-A", "a\r\nX-B: b"),), (("X-A\r\nX-B", "b"),)):
        answer = await caller.deliver(Call("POST", f"{sender.base}/ok", headers, b"", "here"))
        assert answer.code == 0
        assert read(answer, sender.clock()).kind == "failed"
    assert endpoint.calls == []


async def test_a_sender_that_is_cut_off_in_the_middle_leaves_what_its_class_says(
    shop: Any, endpoint: Endpoint, until: Any
) -> None:
    """kill -9 on the wire: marketing is `unknown`, transactional is made again (A21)."""
    first = Sender(shop, endpoint)
    first.sender.caller.start()
    requests = {
        policy: first.request("/ok", on_unknown=policy, message_class=kind)
        for policy, kind in (("hold", "marketing"), ("retry", "transactional"))
    }
    claimed, _ = await first.claims.claim(list(requests.values()), first.clock())
    granted, _ = await first.claims.hand_over(claimed, first.clock())
    for claim in granted:
        await first.sender.caller.deliver(first.sender.prepare(claim.request))
    await first.sender.caller.stop()  # and never says what came of them
    second = Sender(shop, endpoint)
    second.clock.ahead = timedelta(minutes=1)
    await second.start()
    await until(lambda: len(second.log.deliveries) == 2)
    await second.stop()
    kinds = {delivery.send_id: delivery.kind for delivery in second.log.deliveries}
    assert kinds == {requests["hold"].send_id: "unknown", requests["retry"].send_id: "sent"}
    calls = Counter(headers["Idempotency-Key"] for _, _, headers, _ in endpoint.calls)
    assert calls == {requests["hold"].send_id: 1, requests["retry"].send_id: 2}
