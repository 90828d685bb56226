"""Journey workers die in mid-stream; nothing is lost, nothing happens twice."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from laudstream import topics
from laudstream.cli.stream import Numbered, Stream
from tests.integration.kit import (
    WORKERS,
    Shop,
    exactly_once,
    leave,
    mail_template,
    message,
    unbroken,
    wait_for,
    wait_until,
)

pytestmark = pytest.mark.faults

SEED = 20_140_611
CUSTOMERS, EVENTS, REPEATED, KILLS = 6_000, 20_000, 400, 6
DISK_LOST_AT = 3


def _events(shop: Shop, name: str) -> list[dict[str, Any]]:
    """Each customer's first event, then events of random customers; some are sent twice, far apart."""
    chance = random.Random(SEED)
    who = [shop.name(f"c{n}") for n in range(CUSTOMERS)]
    order = who + chance.choices(who, k=EVENTS - CUSTOMERS)
    chance.shuffle(order)
    events = [
        {"type": "track", "userId": each, "event": name, "messageId": f"{shop.prefix}/{n}"}
        for n, each in enumerate(order)
    ]
    return events + chance.sample(events, REPEATED)


async def _arrive(shop: Shop) -> None:
    """All customers, with addresses, in PostgreSQL and from there in the lanes."""
    await shop.pool.execute(
        """INSERT INTO customers (workspace_id, customer_id, customer_key, attributes)
        SELECT $1, $2 || n, '', jsonb_build_object('email', $2 || n || '@example.org')
        FROM generate_series(0, $3::int - 1) AS n""",
        shop.workspace, shop.name("c"), CUSTOMERS,
    )  # fmt: skip
    prefix = shop.key(shop.name("c"))

    async def there() -> bool:
        return sum(r.key.startswith(prefix) for r in await shop.records(topics.ROWS) if r.key) >= CUSTOMERS

    await wait_until(there, 60, "all rows on laudstream.rows")
    await shop.handled(topics.ROWS)


async def test_six_kills_in_mid_stream_leave_every_count_exact(shop: Shop) -> None:
    buy = shop.name("buy")
    await shop.template(shop.name("welcome"), mail_template("Welcome"))
    await shop.publish(
        buy,
        {
            "greet": message(shop.name("welcome"), "look"),
            "look": wait_for(buy, "done", "P1D", "late"),
            "done": leave("again"),
            "late": leave("late"),
        },
    )
    await _arrive(shop)
    events = _events(shop, buy)
    taken = 0

    def count(events: int) -> None:
        nonlocal taken
        taken += events

    gate = asyncio.Event()
    stream = asyncio.create_task(_stream(shop, events, gate, count))
    await _kill(shop, lambda: taken, gate)
    await stream
    await shop.handled()
    await _agree(shop, buy, events)


async def _stream(shop: Shop, events: list[dict[str, Any]], gate: asyncio.Event, count: Any) -> None:
    """A seventh of the events, then the next as soon as the gate opens."""
    size = -(-len(events) // (KILLS + 1))
    for part in range(KILLS + 1):
        if part:
            await gate.wait()
            gate.clear()
        lines: Iterator[Numbered] = (
            Numbered(n, event) for n, event in enumerate(events[part * size : (part + 1) * size])
        )
        answer = await Stream(shop.settings, progress=count, batch_events=50).send(lines)
        assert not answer.rejected


async def _kill(shop: Shop, taken: Any, gate: asyncio.Event) -> None:
    """kill -9 at a seeded place within each seventh, while its events are on their way."""
    chance = random.Random(SEED)
    part = (EVENTS + REPEATED) // (KILLS + 1)
    for number in range(KILLS):
        at = number * part + chance.randrange(part // 10, part // 2)
        await wait_until(lambda at=at: taken() >= at, 60, f"{at} events are taken")
        victim = shop.stack.part(WORKERS[chance.randrange(2)] if number else WORKERS[0])
        await victim.kill()
        if number == DISK_LOST_AT:
            shutil.rmtree(shop.stack.data / "worker" / victim.name)
        gate.set()
        await victim.start()


async def _agree(shop: Shop, buy: str, events: list[dict[str, Any]]) -> None:
    """Every figure by arithmetic on what was sent."""
    sent = Counter(event["userId"] for event in {event["messageId"]: event for event in events}.values())
    decided = await shop.decisions(buy)
    exactly_once(decided)
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for decision in decided:
        kinds[decision.customer][decision.kind] += 1
    for who, times in sent.items():
        again = int(times > 1)
        expected = {"entered": 1, "message": 1, "moved": 1 + again, "ended": again, "not_entered": times - 1}
        assert +kinds[who] == +Counter(expected), who
    unbroken(await shop.journals())
    requests = [request.send_id for request in await shop.requests()]
    assert len(requests) == len(set(requests)) == CUSTOMERS
    await wait_until(lambda: len(shop.mails()) >= CUSTOMERS, 60, "all mails")
    claims = await wait_until(lambda: _settled(shop), 60, "all claims are settled")
    assert claims.keys() == set(requests)
    assert Counter(mail["send_id"] for mail in shop.mails()) == Counter(requests)
    stats = await wait_until(lambda: _counted(shop, buy), what="stats with all entries")
    assert stats["ended"] == {"again": sum(times > 1 for times in sent.values())}
    assert stats["not_entered"] == {"reentry": EVENTS - CUSTOMERS}


async def _settled(shop: Shop) -> dict[str, str]:
    claims = await shop.claims()
    return claims if set(claims.values()) == {"sent"} else {}


async def _counted(shop: Shop, buy: str) -> dict[str, Any]:
    found = await shop.get(f"journeys/{buy}/stats")
    refused = sum(found["not_entered"].values())  # each later event meets the entry too, also the one that ends a run
    return found if (found["entered"], refused) == (CUSTOMERS, EVENTS - CUSTOMERS) else {}
