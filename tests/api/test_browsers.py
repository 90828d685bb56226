"""Events that a browser posts from a page of another site."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration

SITE = {"Origin": "https://shop.example"}
ASKED = {
    **SITE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type",
}  # fmt: skip
ANY_SITE = "access-control-allow-origin"
CALLS: dict[str, dict[str, Any]] = {
    "t": {"event": "e"},
    "i": {"traits": {"plan": "gold"}},
    "g": {"groupId": "acme"},
    "p": {"name": "Prices"},
    "s": {"name": "Welcome"},
    "a": {"previousId": "v"},
    "b": {"batch": [{"type": "track", "userId": "ann", "event": "e"}]},
}


async def test_a_browser_may_post_events_and_nothing_else(site: httpx.AsyncClient) -> None:
    asked = await site.options("/v1/t", headers=ASKED)
    assert (asked.status_code, asked.headers[ANY_SITE]) == (204, "*")
    assert "authorization" in asked.headers["access-control-allow-headers"].lower()
    other = await site.options("/api/customers/ann/merge", headers=ASKED)
    assert (other.status_code, ANY_SITE in other.headers) == (405, False)
    assert ANY_SITE not in (await site.get("/api/customers", headers=SITE)).headers


@pytest.mark.parametrize("letter", CALLS)
async def test_the_first_letters_are_addresses_too(site: httpx.AsyncClient, letter: str) -> None:
    body = CALLS[letter] if letter == "b" else {"userId": "ann", **CALLS[letter]}
    taken = await site.post(f"/v1/{letter}", json=body, headers=SITE)
    assert taken.json() == {"success": True, "accepted": 1, "rejected": []}
    assert taken.headers[ANY_SITE] == "*"


async def test_a_browser_can_read_why_it_was_refused(site: httpx.AsyncClient) -> None:
    wrong = await site.post("/v1/t", json={"event": "e"}, headers=SITE)
    assert (wrong.status_code, wrong.headers[ANY_SITE]) == (422, "*")
    unknown = await site.post("/v1/t", json={}, headers=SITE, auth=("wk_nobody", ""))
    assert (unknown.status_code, unknown.headers[ANY_SITE]) == (401, "*")
