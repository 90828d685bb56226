"""A partition of a running stack, kept as a golden history, and `laudstream replay` as a shell sees it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from laudstream.settings import environment
from tests.golden import history, recorder
from tests.integration.kit import Shop, leave

pytestmark = pytest.mark.integration


async def _play(shop: Shop) -> int:
    """Some rounds of one partition, which is returned."""
    buy, ann = shop.name("buy"), shop.name("ann")
    again = [{"event": {"name": buy}, "reentry": "always"}]
    await shop.publish(buy, {"rest": {"delay": {"for": "PT1S"}, "next": "done"}, "done": leave("done")}, entry=again)
    for _ in range(3):
        await shop.track(ann, buy, text="ä")
        await shop.handled()
    await shop.decided(ann, "ended")
    return shop.partition(ann)


async def test_a_recorded_partition_gives_the_same_digests_from_its_file(shop: Shop, tmp_path: Path) -> None:
    partition = await _play(shop)
    path = tmp_path / "h"
    history.write(path, await recorder.record(shop.settings, partition, "what a test did"))
    kept = history.read(path)
    result = kept.replay(0)[0].result
    assert not result.mismatches, result.first
    assert kept.rounds[-1].journal.seq == result.rounds >= 4


async def _replay(shop: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "laudstream", "replay", *arguments]
    env = environment(shop.settings)
    return await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, env=env, check=False)


async def test_replay_compares_from_a_round_on_and_says_what_it_found(shop: Shop) -> None:
    partition = str(await _play(shop))
    said = await _replay(shop, "-p", partition, "--from", "3")
    assert said.returncode == 0, said.stderr
    rounds = re.search(rf"partition {partition}: rounds=(\d+) \(2 before them only run\) .* same", said.stdout)
    last = said.stdout.splitlines()[-1]
    assert rounds
    assert last.startswith(f"replay: same partitions=1 rounds={rounds[1]} ")
    said = await _replay(shop, "-p", partition, "--from", "1000000")
    assert (said.returncode, "replay: nothing to compare" in said.stdout) == (1, True)
    assert (await _replay(shop, "-p", "99")).returncode == 2
