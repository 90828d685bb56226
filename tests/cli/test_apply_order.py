"""`laudstream apply` goes by what names what: in the files, and in the workspace (R20)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from laudstream.errors import Invalid
from tests.cli.applying import JOURNEY, TEMPLATE, written


async def test_r20_a_journey_goes_after_those_that_it_enters_and_a_circle_is_saved_first(
    shop: Any, tmp_path: Path
) -> None:
    def calling(id: str, other: str) -> None:
        step = f"  say: {{emit: {{enter: {other}}}, next: done}}\n"
        body = JOURNEY.replace("id: hello", f"id: {id}").replace("start: greet", "start: say")
        greet = next(line for line in body.splitlines() if line.startswith("  greet"))
        (tmp_path / f"{id}.yaml").write_text(body.replace(greet + "\n", step))

    calling("a", "b")
    (tmp_path / "b.yaml").write_text(JOURNEY.replace("id: hello", "id: b"))
    (tmp_path / "welcome.yaml").write_text(f"kind: template\nid: welcome\n{TEMPLATE}")
    assert await shop.changes(tmp_path) == ["welcome created", "b created", "a created"]
    calling("b", "a")
    shop.workspace.journeys.clear()
    shop.workspace.asked.clear()
    await shop.changes(tmp_path)
    assert shop.workspace.asked == ["put journeys b", "put journeys a", "publish a", "publish b"]
    (tmp_path / "a.yaml").unlink()
    shop.workspace.journeys.clear()
    result = await shop.apply(tmp_path)
    assert "there is no journey 'a'" in str(getattr(result.exception, "problems", result.output))


async def test_r20_every_kind_goes_after_what_it_names_and_the_same_again_changes_nothing(
    shop: Any, folder: Path
) -> None:
    written(folder)
    names = ["workspace", "news", "leads", "b", "a", "welcome", "hello"]
    assert await shop.changes(folder) == [f"{name} created" for name in names]
    assert shop.workspace.asked == [
        "put settings", "put subscriptions news", "put segments leads", "put segments b", "put segments a",
        "put templates welcome", "put journeys hello", "publish hello",
    ]  # fmt: skip
    assert shop.workspace.segments["leads"]["body"] == {"id": "leads", "manual": True}
    assert shop.workspace.settings["body"] == {"time_zone": "Europe/Berlin"}
    assert await shop.changes(folder) == [f"{name} unchanged" for name in names]
    (folder / "segments/b.yaml").write_text("condition: {none: [{segment: leads}]}\n")
    assert "b updated" in await shop.changes(folder)


async def test_a_1_that_becomes_true_in_a_file_is_a_change(shop: Any, folder: Path) -> None:
    written(folder)
    for value in ("1", "true", "1"):
        (folder / "segments/b.yaml").write_text(f"condition: {{customer.vip: {{equals: {value}}}}}\n")
        journey = f"id: asks\nentry: [{{event: {{name: go}}, where: {{event.n: {{equals: {value}}}}}}}]\n"
        (folder / "asks.yaml").write_text(journey + "start: done\nsteps: {done: {exit: {outcome: done}}}\n")
        changed = await shop.changes(folder)
        assert not {"b unchanged", "asks unchanged"} & set(changed), changed
        assert {"b unchanged", "asks unchanged"} <= set(await shop.changes(folder))


@pytest.mark.parametrize(
    ("gone", "place", "message"),
    [
        ("segments/a.yaml", "hello.yaml:4 /entry/0/segment/id", "there is no segment 'a'"),
        ("segments/leads.yaml", "b.yaml:1 /condition/segment", "there is no segment 'leads'"),
        ("subscriptions/news.yaml", "hello.yaml:7 /steps/greet/message/subscription", "no subscription 'news'"),
    ],
)
async def test_r20_what_is_named_is_in_the_files_or_in_the_workspace(
    shop: Any, folder: Path, gone: str, place: str, message: str
) -> None:
    await shop.apply(written(folder))
    (folder / gone).unlink()
    assert all(line.endswith("unchanged") for line in await shop.changes(folder))  # the workspace has it
    kind, _, file = gone.partition("/")
    getattr(shop.workspace, kind).pop(file.removesuffix(".yaml"))
    shop.workspace.asked.clear()
    result = await shop.apply(folder)
    assert isinstance(result.exception, Invalid)
    (problem,) = result.exception.problems
    assert place in problem.pointer
    assert message in problem.message
    assert shop.workspace.asked == []


async def test_segments_in_a_circle_over_files_and_workspace_change_nothing(shop: Any, folder: Path) -> None:
    await shop.apply(written(folder))
    for file in ("a.yaml", "leads.yaml"):
        (folder / "segments" / file).unlink()
    (folder / "segments/b.yaml").write_text("condition: {segment: a}\n")
    shop.workspace.asked.clear()
    result = await shop.apply(folder)
    assert isinstance(result.exception, Invalid)
    assert "in a circle: b -> a -> b" in result.exception.problems[0].message
    assert shop.workspace.asked == []
