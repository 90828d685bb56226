"""At the very end: what all other tests made the lanes do is run again from the journal, and must come out the same."""

from __future__ import annotations

import asyncio

import pytest

from agents.definitions import Definitions
from agents.lanes.replay import replay_partition
from laudstream import topics
from tests.integration import poison
from tests.integration.kit import Shop, unbroken

pytestmark = pytest.mark.integration


async def test_a_replay_of_every_partition_gives_every_digest_of_the_journal_a13(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.handled(topics.ROWS, topics.DELIVERIES, topics.EVENTS)
    poison.install(monkeypatch.setitem, poison.UNREAD)
    unbroken(await shop.journals())
    definitions = Definitions(shop.settings)
    await definitions.start()
    try:
        partitions = range(shop.settings.partitions)
        async with asyncio.timeout(120):
            results = [await replay_partition(shop.settings, p, definitions) for p in partitions]
    finally:
        await definitions.stop()
    assert not [result.first for result in results if result.mismatches]
    assert all(result.rounds > 0 for result in results)
    assert sum(result.decisions for result in results) >= len(await shop.records(topics.DECISIONS))
