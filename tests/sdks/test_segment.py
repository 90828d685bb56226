"""Segment's own libraries against the real stack: what they send is taken, and means what docs/identity.md says."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from laudstream import topics
from laudstream.records import codec
from tests.integration.kit import Shop, leave, wait_for, wait_until

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
LIBRARIES = {
    "browser": ("node", str(HERE / "by_browser.mjs")),
    "node": ("node", str(HERE / "by_node.mjs")),
    "python": (sys.executable, str(HERE / "by_python.py")),
}


async def _made(shop: Shop, library: str, *calls: tuple[str, dict[str, Any]], key: str = "") -> tuple[int | None, str]:
    """The library makes these calls, in one batch if it can: how it ended, and what it complained of."""
    given = {"url": shop.settings.api_url, "key": key or shop.settings.write_key, "calls": calls}
    process = await asyncio.create_subprocess_exec(
        *LIBRARIES[library], json.dumps(given), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(30):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said.decode()


@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_visitor_signs_in_by_segments_library(shop: Shop, library: str) -> None:
    visitor, phone, ada, acme = (shop.name(word) for word in ("visitor", "phone", "ada", "acme"))
    journey = shop.name("journey")
    await shop.publish(
        journey, {"look": wait_for("buy", "done", "P1D", "late"), "done": leave("bought"), "late": leave("late")}
    )
    before = await _made(
        shop,
        library,
        ("track", {"anonymousId": visitor, "event": journey, "properties": {"from": "a poster"}}),
        ("page", {"anonymousId": visitor, "name": "Prices", "properties": {"path": "/prices"}}),
        ("screen", {"anonymousId": phone, "name": "Welcome"}),
    )
    assert before == (0, "")
    await shop.decided(visitor, "entered", journey=journey)
    after = await _made(
        shop,
        library,
        ("identify", {"userId": ada, "anonymousId": visitor, "traits": {"plan": "gold"}}),
        ("track", {"userId": ada, "event": "buy", "properties": {"amount": 40}}),
        ("alias", {"previousId": phone, "userId": ada}),
        ("group", {"userId": ada, "groupId": acme, "traits": {"seats": 12}}),
    )
    assert after == (0, "")
    customer = await shop.get(f"customers/{phone}")
    assert (customer["id"], customer["aliases"]) == (ada, [phone, visitor])
    assert customer["attributes"] == {"plan": "gold", "group": {"id": acme, "seats": 12}}
    await shop.decided(ada, "ended", journey=journey, outcome="bought")
    sent = await _events(shop, visitor, phone, ada)
    assert sorted((event.type, event.name) for event in sent) == sorted([
        ("track", journey), ("page", "Prices"), ("screen", "Welcome"), ("identify", ""), ("track", "buy"),
        ("alias", ""), ("group", ""),
    ])  # fmt: skip
    assert next(event.properties["path"] for event in sent if event.type == "page") == "/prices"


@pytest.mark.parametrize("library", LIBRARIES)
async def test_segments_library_hears_of_a_key_that_is_none(shop: Shop, library: str) -> None:
    track = ("track", {"userId": shop.name("ada"), "event": "x"})
    ended, said = await _made(shop, library, track, key="wk_nobody")
    assert ended == 1
    assert "401" in said or "Key needed" in said


async def _events(shop: Shop, *customers: str) -> list[Any]:
    keys = {shop.key(customer) for customer in customers}

    async def found() -> list[Any]:
        return [codec.event(record.value) for record in await shop.records(topics.EVENTS) if record.key in keys]

    return list(await wait_until(found, what="events"))
