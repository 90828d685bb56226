"""`laudstream customers show|merge|delete`, against the real API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from laudstream.cli.main import cli
from laudstream.settings import environment
from tests.api.merging import People

pytestmark = pytest.mark.integration

Cli = Callable[..., Awaitable[Result]]


@pytest.fixture
def laudstream(api: Any, shop: Any) -> Cli:
    """Runs `laudstream customers …` as the shop."""
    environ = environment(msgspec.structs.replace(api.settings, api_token=shop.admin_token))

    async def run(*words: str, given: str = "") -> Result:
        return await asyncio.to_thread(CliRunner(env=environ).invoke, cli, ["customers", *words], input=given)

    return run


async def test_it_merges_two_and_asks_before(laudstream: Cli, people: People) -> None:
    for id in ("a/b", "ann"):
        await people.add(id)
    asked = await laudstream("merge", "a/b", "ann", given="n\n")
    assert (asked.exit_code, await people.aliases()) == (1, {})
    done = await laudstream("merge", "a/b", "ann", "--yes")
    assert done.output == "a/b and ann are ann now\n"
    assert await people.aliases() == {"a/b": "ann"}
    assert (await laudstream("merge", "a/b", "ann", "--yes")).output == "both were ann already\n"
    assert "there is no customer nobody" in str((await laudstream("merge", "nobody", "ann", "--yes")).exception)


async def test_it_shows_under_any_id_who_somebody_is(laudstream: Cli, people: People, site: httpx.AsyncClient) -> None:
    await people.add("ann", address={"city": "Wien"})
    before = (await laudstream("show", "ann")).output
    assert '{"city":"Wien"}' in before
    assert "also known as" not in before
    for n in range(1, 12):
        await site.post("/v1/alias", json={"previousId": f"v{n}", "userId": "ann"})
    shown = (await laudstream("show", "v1")).output
    assert "customer ann" in shown
    assert "also known as v11, v10, v9, v8, v7, v6, v5, v4 and 3 more" in shown


async def test_it_deletes_by_any_id_and_asks_before(laudstream: Cli, people: People, site: httpx.AsyncClient) -> None:
    await people.add("ann")
    await site.post("/v1/alias", json={"previousId": "a/b", "userId": "ann"})
    asked = await laudstream("delete", "a/b", given="n\n")
    assert (asked.exit_code, await people.aliases()) == (1, {"a/b": "ann"})
    assert "ann, also known as a/b, and all that is known" in asked.output
    done = await laudstream("delete", "a/b", "--yes")
    assert done.output == "ann is deleted\n"
    assert (await people.aliases(), await people.of("customers", "customer_id")) == ({}, [])
    assert "there is no customer ann" in str((await laudstream("delete", "ann", "--yes")).exception)
