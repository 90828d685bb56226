"""A census on the real stack: exact over events, while workers restart, and as the segment says afterwards (A10)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from laudstream.cli.segments import segments
from laudstream.settings import environment
from tests.integration.kit import PUBLISH_WAIT_S, WORKERS, Shop, restarted, wait_until

pytestmark = pytest.mark.integration

CUSTOMERS, TWICE = 600, 230


async def counted(shop: Shop, condition: dict[str, Any]) -> dict[str, Any]:
    """The answer of a census when it is done."""
    response = await shop.http.post("/api/censuses", json={"condition": condition}, params={"wait": 0.2})
    assert response.status_code == 200, response.text
    first: dict[str, Any] = response.json()

    async def done() -> dict[str, Any] | None:
        answer = await shop.get(f"censuses/{first['id']}", wait=5)
        return answer if answer["done"] else None

    return dict(await wait_until(done, 60, "every lane has counted"))


async def test_a_census_counts_what_customers_did_and_so_does_the_segment_that_is_published_then(
    shop: Shop, tmp_path: Path
) -> None:
    buy, regulars = shop.name("buy"), shop.name("regulars")
    customers = [shop.name(f"c{n}") for n in range(CUSTOMERS)]
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in customers)
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in customers[:TWICE])
    await shop.handled()
    condition = {"event": {"name": buy, "at_least": 2, "within": "P7D"}}

    census = asyncio.create_task(counted(shop, condition))
    await restarted(shop.stack, *WORKERS)
    answer = await census
    assert (answer["matching"], answer["failed"], answer["unseen"]) == (TWICE, 0, [])
    assert answer["looked_at"] >= CUSTOMERS
    assert {one["id"] for one in answer["sample"]} <= set(customers[:TWICE])
    assert len(answer["sample"]) == 10
    assert answer["sample"][0]["looked_at"][f"event:{buy}"]["count"] == 2
    preview = (await shop.http.post("/api/segments/preview", json={"condition": condition})).json()
    assert preview["unknown"] == [f"event:{buy}"]

    file = tmp_path / "regulars.yaml"
    file.write_text(yaml.safe_dump({"kind": "segment", "id": regulars, "condition": condition}))
    runner = CliRunner(env={**environment(shop.settings)})
    said = await asyncio.to_thread(runner.invoke, segments, ["count", str(file)])
    assert said.exit_code == 0, said.output
    assert f"{regulars}: {TWICE:,} of " in said.output

    response = await shop.http.put(
        f"/api/segments/{regulars}", json={"condition": condition}, params={"wait": PUBLISH_WAIT_S}
    )
    assert response.status_code == 200, response.text

    async def members() -> bool:
        return bool((await shop.get(f"segments/{regulars}/customers", limit=1))["count"] == TWICE)

    await wait_until(members, 60, "the segment has as many members")
    said = await asyncio.to_thread(runner.invoke, segments, ["count", regulars])
    assert f"{regulars}: {TWICE:,} of " in said.output
