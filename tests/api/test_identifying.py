"""Visitors become customers over HTTP: identify calls with both ids."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.api.merging import ACCEPTED, People, track

pytestmark = pytest.mark.integration

Take = Callable[[int], Awaitable[list[Any]]]


async def test_an_identify_with_both_ids_carries_the_merged_row(
    site: httpx.AsyncClient, people: People, taken: Take
) -> None:
    await people.add("visitor", False, seen="/prices", plan="free")
    body = {"userId": "ann", "anonymousId": "visitor", "traits": {"plan": "gold"}}
    assert (await site.post("/v1/identify", json=body)).json() == ACCEPTED
    [event] = await taken(1)
    assert event.event.row.attributes == {"seen": "/prices", "plan": "gold"}
    assert event.event.properties == {"plan": "gold"}  # and the rest is what the merge made (R35)
    [(number,)] = await people.of("identities", "revision")
    assert event.event.row.revision > number
    assert (await people.row("ann"))["known"]  # type: ignore[index]


async def test_an_identify_again_changes_no_identity(site: httpx.AsyncClient, people: People) -> None:
    body = {"userId": "ann", "anonymousId": "visitor"}
    await site.post("/v1/identify", json=body)
    before = await people.of("identities", "alias", "root", "revision")
    batch = [{"type": "identify", **body}] * 20 + [track("ann", anonymousId="visitor")]
    assert (await site.post("/v1/batch", json={"batch": batch})).json()["accepted"] == 21
    assert await people.of("identities", "alias", "root", "revision") == before


async def test_an_identify_leaves_alone_whom_somebody_identified_and_goes_on(
    site: httpx.AsyncClient, people: People, taken: Take
) -> None:
    await site.post("/v1/identify", json={"userId": "bob"})
    await site.post("/v1/identify", json={"userId": "carl", "anonymousId": "device"})
    for known in ("bob", "device"):
        answer = await site.post("/v1/identify", json={"userId": "ann", "anonymousId": known, "traits": {"x": 1}})
        assert answer.json() == ACCEPTED
    assert await people.aliases() == {"device": "carl"}
    assert sum(each.key.endswith(":ann") for each in await taken(4)) == 2


async def test_of_a_visitor_of_two_customers_the_first_gets_it(site: httpx.AsyncClient, people: People) -> None:
    await people.add("v", False, x=1)
    batch = [{"type": "identify", "userId": user, "anonymousId": "v"} for user in ("ann", "bob")]
    assert (await site.post("/v1/batch", json={"batch": batch})).json()["accepted"] == 2
    assert await people.aliases() == {"v": "ann"}
    assert (await people.attributes("ann"), await people.attributes("bob")) == ({"x": 1}, {})


async def test_who_is_identified_in_a_batch_is_known_to_what_stands_behind(
    site: httpx.AsyncClient, people: People
) -> None:
    batch = [
        {"type": "identify", "userId": "ann", "traits": {"x": 1}},
        {"type": "identify", "userId": "bob", "anonymousId": "ann", "traits": {"x": 2}},
        {"type": "alias", "userId": "bob", "previousId": "ann"},
        {"type": "alias", "userId": "ann", "previousId": "ann"},
        {"type": "alias", "userId": "carl", "previousId": "v"},
        {"type": "identify", "userId": "v"},
        {"type": "alias", "userId": "carl", "previousId": "v"},
    ]
    said = (await site.post("/v1/batch", json={"batch": batch})).json()
    assert [each["index"] for each in said["rejected"]] == [2]
    assert await people.aliases() == {"v": "carl"}
    assert (await people.attributes("ann"), await people.attributes("bob")) == ({"x": 1}, {"x": 2})


async def test_a_track_with_both_ids_merges_nobody(site: httpx.AsyncClient, people: People, taken: Take) -> None:
    batch = [
        {"type": kind, "userId": "ann", "anonymousId": "v", **({"event": "e"} if kind == "track" else {})}
        for kind in ("track", "page", "screen")
    ]
    assert (await site.post("/v1/batch", json={"batch": batch})).json()["accepted"] == 3
    assert await people.aliases() == {}
    assert {each.key for each in await taken(3)} == {f"{people.workspace}:ann"}


@pytest.mark.parametrize("visitor", ["ann", "a\tb", "!quota/j", "", "v" * 201])
async def test_an_identify_with_an_odd_visitor_merges_nobody(
    visitor: str, site: httpx.AsyncClient, people: People
) -> None:
    answer = await site.post("/v1/identify", json={"userId": "ann", "anonymousId": visitor})
    assert answer.status_code == (422 if len(visitor) > 200 else 200)
    assert await people.aliases() == {}


async def test_many_at_once_who_identify_the_same_new_visitors_all_get_their_answer(
    site: httpx.AsyncClient, people: People
) -> None:
    numbers = [*range(20)]
    batches = [
        [{"type": "identify", "userId": f"u{n}", "anonymousId": f"v{n}", "traits": {f"t{k}": n}} for n in order]
        + [{"type": "identify", "anonymousId": f"v{n}", "traits": {f"s{k}": n}} for n in reversed(order)]
        for k in range(12)
        for order in [numbers[k:] + numbers[:k] if k % 2 else numbers[::-1]]
    ]
    answers = await asyncio.gather(*(site.post("/v1/batch", json={"batch": batch}) for batch in batches))
    assert {(answer.status_code, answer.json()["accepted"]) for answer in answers} == {(200, 40)}
    assert await people.aliases() == {f"v{n}": f"u{n}" for n in numbers}
    assert await people.of("customers", "customer_id", "known") == sorted((f"u{n}", True) for n in numbers)
    traits = {f"{kind}{k}" for k in range(12) for kind in "ts"}
    assert [set(attributes) for (attributes,) in await people.of("customers", "attributes")] == [traits] * 20
