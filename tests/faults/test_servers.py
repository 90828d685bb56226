"""Kafka, Connect, PostgreSQL and the sender go away and come back; nothing is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import Counter
from typing import Any

import pytest

from laudstream import topics
from laudstream.cli.stream import Numbered, Stream
from tests.chaos.disk import Ballast, small_database
from tests.integration.kit import Shop, exactly_once, leave, mail_template, message, wait_until

pytestmark = pytest.mark.faults

FEW = 60


async def _greeting(shop: Shop) -> str:
    """A journey of one mail; the event that starts it has its name."""
    buy = shop.name("buy")
    await shop.template(shop.name("hello"), mail_template("Hello"))
    await shop.publish(buy, {"greet": message(shop.name("hello"), "done"), "done": leave("done")})
    return buy


def _items(shop: Shop, buy: str, word: str, count: int = FEW) -> list[dict[str, Any]]:
    """Identify and track of new customers."""
    items: list[dict[str, Any]] = []
    for who in (shop.name(f"{word}{n}") for n in range(count)):
        traits = {"email": shop.email(who)}
        items.append({"type": "identify", "userId": who, "traits": traits, "messageId": f"{who}/identify"})
        items.append({"type": "track", "userId": who, "event": buy, "messageId": f"{who}/track"})
    return items


async def _all_greeted_once(shop: Shop, customers: int, deadline_s: float = 60) -> None:
    """Each customer: one entry, one request, one claim, one mail; and stats that say so."""
    await wait_until(lambda: len(shop.mails()) >= customers, deadline_s, "all mails")
    await shop.handled()
    found = await shop.decisions()
    exactly_once(found)
    assert Counter(d.kind for d in found) == dict.fromkeys(("entered", "message", "moved", "ended"), customers)
    requests = [request.send_id for request in await shop.requests()]
    assert Counter(mail["send_id"] for mail in shop.mails()) == Counter(requests) == Counter(set(requests))

    async def settled() -> bool:
        return await shop.claims() == dict.fromkeys(requests, "sent")

    await wait_until(settled, deadline_s, "all claims are sent")

    async def counted() -> bool:
        stats = await shop.get(f"journeys/{shop.name('buy')}/stats")
        return (stats["entered"], stats["ended"], stats["steps"]["greet"]["sent"]) == (
            customers, {"done": customers}, customers,
        )  # fmt: skip

    await wait_until(counted, deadline_s, "stats of all")
    shop.stack.check()


async def test_kafka_stopped_and_started_loses_and_doubles_nothing(shop: Shop) -> None:
    buy, kafka = await _greeting(shop), shop.stack.part("kafka")
    await shop.batch(_items(shop, buy, "before"))
    during = [Numbered(n, item) for n, item in enumerate(_items(shop, buy, "during"))]
    await kafka.stop()
    sending = asyncio.create_task(Stream(shop.settings, batch_events=20, patience_s=60).send(iter(during)))
    await kafka.start()
    answer = await sending
    assert answer.accepted == len(during)
    await shop.batch(_items(shop, buy, "after"))
    await _all_greeted_once(shop, 3 * FEW)


async def test_a_row_changed_while_connect_is_stopped_arrives_when_it_is_back(shop: Shop) -> None:
    look, ann, connect = shop.name("look"), shop.name("ann"), shop.stack.part("connect")
    branch = {"condition": {"customer.plan": {"equals": "gold"}}, "next": "gold"}
    await shop.publish(
        look, {"plan": {"split": {"branches": [branch], "else": "base"}}, "gold": leave("gold"), "base": leave("base")}
    )
    await shop.identify(ann, plan="base")
    await connect.stop()
    sql = 'UPDATE customers SET attributes = attributes || \'{"plan": "gold"}\' WHERE customer_key = $1'
    assert await shop.pool.execute(sql, shop.key(ann).decode()) == "UPDATE 1"
    await connect.start()

    async def arrived() -> bool:
        return any(r.key == shop.key(ann) and b"gold" in (r.value or b"") for r in await shop.records(topics.ROWS))

    await wait_until(arrived, 60, "the changed row on laudstream.rows")
    await shop.handled(topics.ROWS)
    await shop.track(ann, look)
    assert (await shop.decided(ann, "ended"))["outcome"] == "gold"


async def test_postgresql_stopped_and_started_loses_and_doubles_nothing(shop: Shop) -> None:
    buy, postgres = await _greeting(shop), shop.stack.part("postgres")
    items = _items(shop, buy, "c")
    await shop.batch(item for item in items if item["type"] == "identify")
    await shop.handled()
    await postgres.stop()
    tracked = [Numbered(n, item) for n, item in enumerate(items) if item["type"] == "track"]
    sending = asyncio.create_task(Stream(shop.settings, batch_events=10, patience_s=60).send(iter(tracked)))
    await asyncio.wait({sending}, timeout=2)  # taken now if the key is known to the API, else when it is back
    if sending.done():
        await shop.handled()
        assert len(await shop.requests()) == FEW  # lanes need no PostgreSQL
    await postgres.start()
    assert (await sending).accepted == FEW
    await _all_greeted_once(shop, FEW)


async def test_while_postgresqls_disk_is_full_events_are_taken_rows_refused_with_words_and_the_rest_waits(
    shop: Shop,
) -> None:
    stack = shop.stack
    async with small_database(stack) as why_not:
        if why_not:
            pytest.skip(f"no small disk can be mounted here: {why_not}")
        await shop.pool.expire_connections()
        buy, postgres = await _greeting(shop), stack.part("postgres")
        items = _items(shop, buy, "c")
        await shop.batch(item for item in items if item["type"] == "identify")
        await shop.handled()
        folder = postgres.server.folder
        assert folder is not None
        with Ballast(folder) as ballast:
            numbers = itertools.count()

            async def refused() -> dict[str, Any] | None:
                await asyncio.to_thread(ballast.fill)
                who = shop.name(f"large{next(numbers)}")
                body = {"userId": who, "traits": {"email": shop.email(who), "note": secrets.token_hex(15_000)}}
                answer = await shop.events.post("/v1/identify", json=body)
                if answer.status_code == 200:
                    return None
                assert answer.status_code == 503, answer.text
                assert int(answer.headers["retry-after"]) > 0
                return dict(answer.json())

            said = await wait_until(refused, 60, "a row is refused")
            assert said["title"] == "Try again"
            assert said["detail"].startswith("PostgreSQL"), said
            await shop.batch(item for item in items if item["type"] == "track")  # needs no row
            await shop.handled()
            assert len(await shop.requests()) == FEW  # nor do lanes
            answer = await shop.http.put(f"/api/templates/{shop.name('late')}", json=mail_template("Late"))
            assert answer.status_code in (200, 503), answer.text  # a small row may fit into a page that is there
            again = await wait_until(refused, 60, "a row is refused again")
            assert again["detail"].startswith("PostgreSQL")
        if not postgres.alive:  # it ends where it cannot write its log ahead
            await postgres.start()
        await wait_until(postgres.server.ready, 60, "PostgreSQL is ready")
        await shop.pool.expire_connections()
        await _all_greeted_once(shop, FEW)
        await shop.template(shop.name("late"), mail_template("Late"))  # every lane has it: the control agent goes on


async def test_a_sender_killed_in_mid_delivery_sends_each_mail_once_or_says_unknown_a21(shop: Shop) -> None:
    buy, sender, count = await _greeting(shop), shop.stack.part("senders"), 1500
    for at in range(0, 2 * count, 500):
        await shop.batch(_items(shop, buy, "c", count)[at : at + 500])
    await wait_until(lambda: len(shop.mails()) >= 100, what="the first mails")
    await sender.kill()
    on_the_way = len(shop.mails())
    await sender.start()
    await shop.handled()
    requests = {request.send_id for request in await shop.requests()}
    assert len(requests) == count

    async def settled() -> dict[str, str]:
        claims = await shop.claims()
        return claims if len(claims) == count and set(claims.values()) <= {"sent", "unknown"} else {}

    claims = await wait_until(settled, 60, "every claim has its outcome")
    mails = Counter(mail["send_id"] for mail in shop.mails())
    unknown = {send_id for send_id, state in claims.items() if state == "unknown"}
    assert on_the_way < count, "it was killed too late to prove anything"
    assert max(mails.values()) == 1
    assert claims.keys() == requests
    assert mails.keys() | unknown == requests
    assert len(unknown) <= 64  # at most so many are handed over at a time

    async def shown() -> bool:
        found = await shop.get(f"journeys/{buy}/stats")
        step = found["steps"]["greet"]
        return (step["sent"], step["unknown"]) == (count - len(unknown), len(unknown))

    await wait_until(shown, what="stats show what is unknown")


async def test_who_is_started_while_kafka_and_postgresql_are_away_waits_says_so_and_works_then(shop: Shop) -> None:
    buy, stack = await _greeting(shop), shop.stack
    ours = ("api", "journeys", "senders", "projector")
    servers = [stack.part(name) for name in ("kafka", "postgres")]
    await asyncio.gather(*(stack.part(name).stop() for name in ours))
    await asyncio.gather(*(server.stop() for server in servers))
    starting = [asyncio.create_task(stack.part(name).start()) for name in ours]

    def waits(name: str) -> bool:
        text = stack.part(name).log.read_text() if stack.part(name).alive else ""
        return "waiting_for" in text and "server=Kafka" in text and "does not answer" in text

    await wait_until(lambda: all(map(waits, ours)), 60, "all of them say that they wait")
    assert not any(task.done() for task in starting)
    await servers[0].start()
    with_database = ("api", "senders", "projector")

    def waits_further(name: str) -> bool:
        return "server=PostgreSQL" in stack.part(name).log.read_text()

    await wait_until(lambda: all(map(waits_further, with_database)), 60, "those who need PostgreSQL wait for it too")
    await servers[1].start()
    await asyncio.gather(*starting)
    await shop.pool.expire_connections()
    await shop.batch(_items(shop, buy, "c"))
    await _all_greeted_once(shop, FEW)
