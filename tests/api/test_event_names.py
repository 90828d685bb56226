"""Who writes the name of an event that nobody has ever sent into a journey hears of it (R60)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from api import event_names
from api.event_names import MOST_NAMES, EventNames
from laudstream.postgres import connect, tenancy

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

Until = Callable[..., Awaitable[None]]
POINTER = "/entry/0/event/name"

pytestmark = pytest.mark.integration


@pytest.fixture
async def pool(stack: Any) -> AsyncIterator[Pool]:
    """In the role of the API."""
    found = await connect(stack.settings.api_dsn, max_size=2)
    yield found
    await found.close()


def journey(event: str, **steps: Any) -> dict[str, Any]:
    start = next(iter(steps), "done")
    body = {"id": "j", "entry": [{"event": {"name": event}}], "start": start}
    return {**body, "steps": {**steps, "done": {"exit": {"outcome": "done"}}}}


async def doubted(admin: httpx.AsyncClient, event: str) -> bool:
    saved = await admin.put("/api/journeys/j", json=journey(event))
    assert saved.status_code == 200, saved.text
    return any(warning["pointer"] == POINTER for warning in saved.json()["warnings"])


async def test_r60_an_event_that_nobody_has_sent_is_doubted_once_events_are_known(
    admin: httpx.AsyncClient, site: httpx.AsyncClient, until: Until
) -> None:
    assert not await doubted(admin, "Order Completed")  # nothing was sent: nothing is known
    await site.post("/v1/track", json={"userId": "ann", "event": "Order Completed"})
    items = [{"type": "track", "userId": "ann", "event": name} for name in ("Cart Viewed", "Cart Left")]
    await site.post("/v1/batch", json={"batch": [*items, {"type": "page", "userId": "ann", "name": "Home"}]})

    async def all_known() -> bool:
        return not any([await doubted(admin, name) for name in ("Order Completed", "Cart Viewed", "Cart Left")])

    async def told() -> bool:
        return await doubted(admin, "order completed")

    await until(told)
    await until(all_known)
    assert await doubted(admin, "Home")  # a page is no event that an entry hears


async def test_r60_what_a_live_journey_emits_is_no_doubt(
    admin: httpx.AsyncClient, site: httpx.AsyncClient, until: Until
) -> None:
    emits = {**journey("go", say={"emit": {"event": "vip"}, "next": "done"}), "id": "says"}
    assert (await admin.put("/api/journeys/says", json=emits)).status_code == 200
    await site.post("/v1/track", json={"userId": "ann", "event": "go"})

    async def told() -> bool:
        return await doubted(admin, "vip")

    await until(told)  # it is a draft yet
    published = await admin.post("/api/journeys/says/publish")
    assert published.status_code in (200, 202), published.text
    assert not await doubted(admin, "vip")


async def test_names_are_of_their_workspace_and_bounded(pool: Pool, new_shop: Any) -> None:
    here, other = (await new_shop()).id, (await new_shop()).id

    async def known(workspace: str) -> frozenset[str] | None:
        async with tenancy.workspace(pool, workspace) as connection:
            return await event_names.known(connection, workspace)

    names = EventNames(pool)
    names.took(here, {"a", "b"})
    names.took(here, {"a"})
    names.took(other, {"c"})
    await names.stop()
    assert (await known(here), await known(other)) == ({"a", "b"}, {"c"})
    again = EventNames(pool)  # another process, or this one after a start
    for n in range(3):
        again.took(here, {f"n{n}x{k}" for k in range(MOST_NAMES // 2)})
    await again.stop()
    assert await known(here) is None  # too many to judge
    async with tenancy.workspace(pool, here) as connection:
        assert await connection.fetchval("SELECT count(*) FROM event_names") == MOST_NAMES


async def test_names_that_could_not_be_written_are_new_when_they_come_again(pool: Pool, new_shop: Any) -> None:
    workspace = (await new_shop()).id
    names = EventNames(pool)
    names.took("no workspace of that name", {"a"})  # PostgreSQL refuses it
    await names.stop()
    names.took(workspace, {"a"})
    names.took(workspace, {"b"})
    await names.stop()
    async with tenancy.workspace(pool, workspace) as connection:
        assert await event_names.known(connection, workspace) == {"a", "b"}
