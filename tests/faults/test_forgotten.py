"""Kafka forgets a group's offsets that nobody has moved for a week (`offsets.retention.minutes`): lanes that were
stopped for a holiday go on all the same, for their position stands in their changelog."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiokafka.client import AIOKafkaClient, CoordinationType

from laudstream import topics
from laudstream.kafka_encoding import NO_TAGS, Call, Reader, array, text
from laudstream.settings import Settings
from tests.integration.kit import WORKERS, Shop, exactly_once, leave, unbroken, wait_for, wait_until

pytestmark = pytest.mark.faults

NOT_EMPTY = 68
"""NON_EMPTY_GROUP: the group has not noticed yet that its members are gone."""


def delete_group(name: str) -> Call:
    """DeleteGroups v2, to its coordinator. Answer: code. Its offsets go with it, as they do when they expire."""

    def read(r: Reader) -> int:
        r.i32()
        [(_, code, _)] = r.array(lambda: (r.text(), r.i16(), r.tags()))
        return int(code)

    return Call(42, 2, array([text(name)]) + NO_TAGS, read)


async def _forget(settings: Settings, group: str) -> None:
    client = AIOKafkaClient(bootstrap_servers=settings.kafka)
    await client.bootstrap()
    try:
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)

        async def gone() -> bool:
            code = await client.send(node, delete_group(group))
            assert code in (0, NOT_EMPTY), code
            return not code

        await wait_until(gone, 30, "the group has no members, and is deleted")
    finally:
        await client.close()


async def test_lanes_whose_group_was_forgotten_go_on_from_their_last_round(shop: Shop) -> None:
    buy, paid, stack = shop.name("buy"), shop.name("paid"), shop.stack
    steps = {"look": wait_for(paid, "ok", "P1D", "late"), "ok": leave("paid"), "late": leave("late")}
    await shop.publish(buy, steps)
    customers = [shop.name(f"c{n}") for n in range(120)]
    await shop.batch({"type": "track", "userId": who, "event": buy, "messageId": f"{who}/1"} for who in customers)
    await shop.handled()
    before = {lane: rounds[-1].seq for lane, rounds in (await shop.journals()).items()}
    await asyncio.gather(*(stack.part(name).stop() for name in WORKERS))
    await shop.batch({"type": "track", "userId": who, "event": paid, "messageId": f"{who}/2"} for who in customers)
    await _forget(stack.settings, stack.settings.app_id)
    await asyncio.gather(*(stack.part(name).start() for name in WORKERS))
    await shop.handled(topics.EVENTS)
    found = await shop.decisions(buy)
    exactly_once(found)
    assert Counter(d.kind for d in found) == {"entered": 120, "moved": 120, "ended": 120}
    assert {d.outcome for d in found if d.kind == "ended"} == {"paid"}
    journals = await shop.journals()
    unbroken(journals)
    assert all(journals[lane][-1].seq > seq for lane, seq in before.items())
