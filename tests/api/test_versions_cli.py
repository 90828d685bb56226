"""`laudstream journeys plan|versions|publish --share|restore|promote|withdraw|migrate|drain`, against the real API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from click.testing import CliRunner, Result

from laudstream.cli.apply import apply
from laudstream.cli.journeys import journeys
from laudstream.errors import Invalid, Refused, Unavailable
from tests.api.test_journeys import P, _lanes_read
from tests.api.test_versions import _count, body, draft, orders, published

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

Cli = Callable[..., Awaitable[Result]]


@pytest.fixture
def cli(api: Any, shop: Any) -> Cli:
    """Runs `laudstream journeys …` as the shop."""
    env = {"LAUDSTREAM_API_URL": api.settings.api_url, "LAUDSTREAM_API_TOKEN": shop.admin_token}

    async def run(*arguments: object) -> Result:
        found = await asyncio.to_thread(CliRunner(env=env).invoke, journeys, [str(each) for each in arguments])
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found

    return run


def file_of(folder: Path, made: dict[str, Any]) -> Path:
    path = folder / "cart.yaml"
    path.write_text(yaml.safe_dump(made))
    return path


async def _answered(owner: Pool, shop: Any, asking: asyncio.Task[Result], cells: list[list[Any]]) -> Result:
    """Lanes answer what the command asks for."""
    while not any(row[0] == "count" for row in await orders(owner, shop)):
        assert not asking.done(), asking.result().output
    await _count(owner, shop, [cells, *[[]] * (P - 1)])
    return await asking


async def test_r48_plan_says_who_is_where_and_what_the_file_does_to_them(
    admin: httpx.AsyncClient, owner: Pool, shop: Any, cli: Cli, tmp_path: Path
) -> None:
    await published(admin, body("old"), body())
    path = file_of(tmp_path, body("wait", migrate={"look": "wait", "old": "exit"}))
    lane = [[2, "look", False, 1234, 1200], [1, "old", False, 5, 5], [1, "done", True, 1, 1]]
    found = json.loads((await _answered(owner, shop, asyncio.create_task(cli("plan", path, "--json")), lane)).output)
    rows = [(row["version"], row["step"], row["to"], row["people"], row["change"]) for row in found["cells"]]
    assert rows == [(1, "done", "stay", 1, "same"), (1, "old", "exit", 5, "gone"), (2, "look", "wait", 1200, "gone")]
    assert (found["live_version"], found["same"]) == (2, False)
    assert found["total"] == {"move": 1234, "exit": 5, "stay": 0, "parked": 1}

    await owner.execute("DELETE FROM control_outbox WHERE workspace_id = $1 AND kind = 'count'", shop.id)
    said = (await _answered(owner, shop, asyncio.create_task(cli("plan", path)), lane)).output
    assert "a new version takes entries in the place of version 2" in said
    assert "1,234 runs move, 5 end as migrated, 0 stay, 1 stay parked" in said
    assert "→ wait" in said


async def test_plan_of_what_nobody_is_in_and_of_lanes_that_do_not_answer(
    admin: httpx.AsyncClient, cli: Cli, tmp_path: Path
) -> None:
    path = file_of(tmp_path, body())
    assert "never published: nobody is in it" in (await cli("plan", path)).output
    await published(admin)
    with pytest.raises(Unavailable, match="only 0 lanes have counted"):
        await cli("plan", path, "--wait", 1)
    bad = file_of(tmp_path, body(migrate={"look": "nowhere"}))
    with pytest.raises(Invalid) as error:
        await cli("plan", bad)
    assert "there is no step 'nowhere' in this version" in error.value.problems[0].message


async def test_r48_from_a_trial_to_a_promotion_and_back(
    admin: httpx.AsyncClient, owner: Pool, shop: Any, cli: Cli
) -> None:
    await published(admin)
    await draft(admin, body("wait"))
    assert "version 2 on trial with 10 %" in (await cli("publish", "cart", "--share", 10, "--wait", 0)).output
    assert "version 2 is on trial with 10 %" in (await cli("show", "cart")).output
    assert "2 (10 %)" in (await cli("list")).output
    assert "trial 10 %" in (await cli("versions", "cart")).output
    await cli("withdraw", "cart", "--wait", 0)
    with pytest.raises(Refused, match="no version on trial"):
        await cli("promote", "cart", "--wait", 0)
    await draft(admin, body("wait", name="Again"))
    await cli("publish", "cart", "--share", 5, "--wait", 0)
    await cli("promote", "cart", "--wait", 0)
    await cli("restore", "cart", 1, "--move", "wait=look", "--wait", 0)
    lines = json.loads((await cli("versions", "cart", "--json")).output)["versions"]
    assert [(line["version"], line["state"]) for line in lines] == [
        (4, "live"), (3, "past"), (2, "past"), (1, "past"),
    ]  # fmt: skip
    assert yaml.safe_load((await cli("versions", "cart", 4)).output)["migrate"] == {"wait": "look"}
    assert (await orders(owner, shop))[-1][:3] == ("migration", 1, "live")


async def test_r48_migrate_moves_only_without_dry_run(
    admin: httpx.AsyncClient, owner: Pool, shop: Any, cli: Cli
) -> None:
    await published(admin, body(), body("wait"))
    lane = [[1, "look", False, 3, 3], [2, "wait", False, 9, 9]]
    asking = asyncio.create_task(cli("migrate", "cart", "--move", "look=wait", "--dry-run", "--json"))
    cells = json.loads((await _answered(owner, shop, asking, lane)).output)["cells"]
    assert [(cell["version"], cell["step"], cell["to"], cell["runs"]) for cell in cells] == [(1, "look", "wait", 3)]
    assert not [row for row in await orders(owner, shop) if row[0] == "migration"]
    await cli("migrate", "cart", "--move", "look=wait", "--wait", 0)
    assert (await orders(owner, shop))[-1][4] == {"to": 2, "steps": {"look": "wait"}}
    for wrong in ("look", "=x", "look="):
        with pytest.raises(Invalid, match="is no move"):
            await cli("migrate", "cart", "--move", wrong)
    with pytest.raises(Invalid, match="nobody to move"):
        await cli("migrate", "cart")


async def test_r49_drain_and_resume(admin: httpx.AsyncClient, owner: Pool, shop: Any, cli: Cli) -> None:
    await published(admin)
    await _lanes_read(owner)
    assert "cart  draining" in (await cli("drain", "cart", "--wait", 0)).output
    await cli("resume", "cart", "--wait", 0)
    assert [row[2] for row in await orders(owner, shop)] == ["live", "draining", "live"]


async def test_r48_apply_does_not_end_a_trial_unless_it_is_told_to(
    admin: httpx.AsyncClient, shop: Any, api: Any, cli: Cli, tmp_path: Path
) -> None:
    env = {"LAUDSTREAM_API_URL": api.settings.api_url, "LAUDSTREAM_API_TOKEN": shop.admin_token}

    async def applied(*more: str) -> Result:
        runner = CliRunner(env=env)
        return await asyncio.to_thread(runner.invoke, apply, [str(tmp_path), *more], catch_exceptions=False)

    await published(admin, body("old"))
    await draft(admin, body("tried"))
    await cli("publish", "cart", "--share", 10, "--wait", 0)
    file_of(tmp_path, body("old"))
    assert "unchanged" in (await applied()).output
    path = file_of(tmp_path, body("newer"))
    (tmp_path / "hello.yaml").write_text("channel: email\nsubject: Hi\nhtml: <p>Hi</p>\n")
    with pytest.raises(Refused, match="a journey has a version on trial; nothing was changed") as refused:
        await applied()
    (problem,) = refused.value.problems
    assert problem.pointer == f"{path}:1"
    assert "version 2 is on trial with 10 %" in problem.message
    assert all(word in problem.fix for word in ("journeys promote cart", "withdraw cart", "--draft", "--end-trial"))
    assert (await admin.get("/api/templates/hello")).status_code == 404, "nothing of it was applied"
    assert "draft" not in (await admin.get("/api/journeys/cart")).json()
    assert "updated" in (await applied("--draft")).output
    shown = (await admin.get("/api/journeys/cart")).json()
    assert (shown["trial"], shown["live_version"]) == ({"version": 2, "share": 10.0}, 1)
    with pytest.raises(Refused):  # the draft that is saved now would be published for all
        await applied()
    assert "published" in (await applied("--end-trial")).output
    shown = (await admin.get("/api/journeys/cart")).json()
    assert (shown.get("trial"), shown["live_version"]) == (None, 3)
