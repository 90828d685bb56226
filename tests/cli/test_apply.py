"""`laudstream apply`: checked before anything is changed, and the same files twice change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from laudstream.cli.files import load
from laudstream.errors import Invalid
from tests.cli.applying import JOURNEY, written


async def test_templates_go_before_the_journeys_that_need_them(shop: Any, folder: Path) -> None:
    assert await shop.changes(folder) == ["welcome created", "hello created"]
    assert shop.workspace.asked == ["put templates welcome", "put journeys hello", "publish hello"]
    assert shop.workspace.journeys["hello"]["status"] == "live"


async def test_the_same_files_again(shop: Any, folder: Path) -> None:
    await shop.apply(folder)
    shop.workspace.asked.clear()
    assert await shop.changes(folder) == ["welcome unchanged", "hello unchanged"]
    assert shop.workspace.asked == []
    journey = folder / "journeys/hello.yaml"
    journey.write_text(journey.read_text().replace("Hello", "Hello again"))
    assert await shop.changes(folder) == ["welcome unchanged", "hello updated"]
    assert shop.workspace.journeys["hello"]["live_version"] == 2


async def test_a_draft_is_saved_and_later_published(shop: Any, folder: Path) -> None:
    assert await shop.changes(folder, "--draft") == ["welcome created", "hello created"]
    assert shop.workspace.journeys["hello"]["status"] == "draft"
    assert await shop.changes(folder, "--draft") == ["welcome unchanged", "hello unchanged"]
    assert await shop.changes(folder) == ["welcome unchanged", "hello published"]
    assert shop.workspace.journeys["hello"]["status"] == "live"


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        (
            "journeys/bad.yaml",
            JOURNEY.replace("exit:", "exist:").replace("id: hello", "id: bad"),
            "bad.yaml:8 /steps/done",
        ),
        ("journeys/bad.yaml", "id: bad\nentry: [\n", "bad.yaml:3"),
        ("journeys/bad.json", '{"id": "bad",\n "entry": }', "bad.json:2"),
        ("templates/bad.yaml", "channel: email\nsubject: Hi\nhtml: '{{ customer.'\n", "bad.yaml:3 /html"),
        ("templates/bad.yaml", "channel: email\nsubject: Hi\nsubject: Ho\nhtml: x\n", "bad.yaml:3"),
        ("journeys/bad.yaml", JOURNEY, "hello.yaml:1 /id"),
        ("bad.yaml", "colour: red\n", "bad.yaml:1"),
        ("bad.yaml", "- 1\n", "bad.yaml:1"),
        ("bad.yaml", b"\xff\xfe\x00", "bad.yaml"),
        ("journeys/bad.yaml", "kind: segment\nid: bad\n", "bad.yaml:1"),
        ("journeys/bad.yaml", "kind: signal\nid: bad\n", "bad.yaml:1"),
        ("bad.yaml", "id: bad\nmanual: perhaps\n", "bad.yaml:2 /manual"),
        ("bad.yaml", "id: bad\nchannel: fax\nopt_in: implied\n", "bad.yaml:2 /channel"),
        ("bad.yaml", "time_zone: Mars\n", "bad.yaml:1 /time_zone"),
        ("bad.yaml", "id: bad\ncondition: {segment: nobody}\n", "bad.yaml:2 /condition/segment"),
        ("bad.yaml", "id: bad\ncondition: {segment: bad}\n", "bad.yaml:2 /condition"),
    ],
)
async def test_one_bad_file_and_nothing_is_sent(
    shop: Any, folder: Path, name: str, content: str | bytes, place: str
) -> None:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    result = await shop.apply(folder)
    assert isinstance(result.exception, Invalid)
    assert any(place in problem.pointer for problem in result.exception.problems), result.exception.problems
    assert shop.workspace.asked == []


async def test_a_template_that_is_nowhere_stops_everything(shop: Any, folder: Path) -> None:
    (folder / "templates/welcome.yaml").unlink()
    result = await shop.apply(folder)
    assert isinstance(result.exception, Invalid)
    assert "hello.yaml:7 /steps/greet/message/template" in result.exception.problems[0].pointer
    assert shop.workspace.asked == []
    shop.workspace.templates["welcome"] = {"id": "welcome", "live_version": 1, "body": {}}
    assert await shop.changes(folder) == ["hello created"]


async def test_what_the_api_refuses_is_shown_with_its_line(shop: Any, folder: Path) -> None:
    journey = folder / "journeys/hello.yaml"
    journey.write_text(journey.read_text().replace("name: Hello", "name: refused"))
    result = await shop.apply(journey.parent, "--draft")
    assert isinstance(result.exception, Invalid)  # its template is missing
    result = await shop.apply(folder)
    assert isinstance(result.exception, Invalid)
    assert result.exception.problems[0].pointer.endswith("hello.yaml:2 /name")
    assert result.exception.problems[0].fix == "choose another"


async def test_a_journey_that_was_paused_stays_paused(shop: Any, folder: Path) -> None:
    await shop.apply(folder)
    shop.workspace.journeys["hello"]["status"] = "paused"
    journey = folder / "journeys/hello.yaml"
    journey.write_text(journey.read_text().replace("Hello", "Hello again"))
    assert await shop.changes(folder) == ["welcome unchanged", "hello updated"]
    assert shop.workspace.journeys["hello"]["status"] == "paused"
    assert shop.workspace.journeys["hello"]["draft"]["name"] == "Hello again"


async def test_waiting_in_vain_is_an_error(shop: Any, folder: Path) -> None:
    shop.workspace.status = "publishing"
    assert (await shop.apply(folder)).exit_code == 0
    journey = folder / "journeys/hello.yaml"
    journey.write_text(journey.read_text().replace("Hello", "Hello again"))
    assert (await shop.apply(folder, "--wait")).exit_code == 1


def test_yaml_scalars_are_the_text_they_look_like(tmp_path: Path) -> None:
    path = tmp_path / "journeys" / "j.yaml"
    path.parent.mkdir()
    path.write_text("steps: {on: 21:00, no: yes, day: 2024-02-03, n: 007, f: 1e3, t: true, e: }\n")
    (item,) = load(path)
    assert item.id == "j"
    assert item.body["steps"] == {
        "on": "21:00",
        "no": "yes",
        "day": "2024-02-03",
        "n": 7,
        "f": 1000.0,
        "t": True,
        "e": None,
    }


async def test_several_paths_are_applied_together_and_a_workspace_has_its_settings_once(
    shop: Any, folder: Path
) -> None:
    assert await shop.changes(folder / "templates", folder / "journeys", folder) == ["welcome created", "hello created"]
    written(folder)
    (folder / "more.yaml").write_text("time_zone: UTC\n")
    result = await shop.apply(folder)
    assert isinstance(result.exception, Invalid)
    assert "a workspace has its settings in one file" in result.exception.problems[0].fix
