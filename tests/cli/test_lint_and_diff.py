"""`laudstream journeys lint` and `diff`, `segments` and `subscriptions`: checks offline, and what is live."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laudstream.cli.diff import difference
from laudstream.cli.journeys import journeys
from laudstream.cli.segments import segments
from laudstream.cli.subscriptions import subscriptions
from laudstream.errors import Invalid, NotFound

JOURNEY = """\
id: hello
entry:
  - event: {name: bought}
start: day
steps:
  day: {delay: {for: P1D}, next: greet}
  greet: {message: {channel: email, template: welcome, subscription: news}, next: done}
  done: {exit: {outcome: greeted}}
"""


def linted(*paths: Path) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(journeys, ["lint", *map(str, paths), "--json"])
    return result.exit_code, json.loads(result.output)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# lint


def test_r60_problems_are_named_with_file_and_line_and_end_with_1(tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.yaml", JOURNEY.replace("next: greet}", "next: nowhere}"))
    broken = write(tmp_path / "broken.yaml", "id: [\n")
    code, found = linted(bad)
    assert (code, found["doubts"]) == (1, [])
    assert f"{bad}:6 /steps/day/next" in found["problems"][0]["place"]
    assert "use one of: day, greet, done" in found["problems"][0]["fix"]
    code, found = linted(tmp_path)
    assert code == 1
    assert str(broken) in found["problems"][0]["place"]
    said = CliRunner().invoke(journeys, ["lint", str(bad)])
    assert "problem: " in said.output
    assert re.search(r"^1 definition, (1 problem|[2-9] problems), 0 doubts$", said.output, re.MULTILINE)


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"\\udfff": 1}', '["x", {"a": ["\\ude00"]}]'])
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_r60_half_a_character_is_refused_with_its_file(tmp_path: Path, text: str, suffix: str) -> None:
    file = write(tmp_path / f"a.{suffix}", text)
    code, found = linted(file)
    assert code == 1
    assert found["problems"][0]["place"] == f"{file}:1"
    assert "half a character" in found["problems"][0]["message"]


def test_r60_aliases_that_go_round_or_grow_beyond_measure_are_refused(tmp_path: Path) -> None:
    tenfold = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 8))
    for text, said in (
        ("condition: &c {all: [*c]}\n", "names what it stands in"),
        ("steps: {s: {update: {set: {x: &x [1, {y: *x}]}}}}\n", "names what it stands in"),
        (f"a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n{tenfold}", "becomes more than 1,048,576 values"),
    ):
        code, found = linted(write(tmp_path / "a.yaml", text))
        assert code == 1
        assert said in found["problems"][0]["message"]
    twice = JOURNEY.replace(
        "{for: P1D}, next: greet}", "&day {for: P1D}, next: more}\n  more: {delay: *day, next: greet}"
    )
    code, found = linted(write(tmp_path / "a.yaml", twice))
    assert (code, found["problems"]) == (0, [])


def test_r60_doubts_and_what_is_elsewhere_stop_nothing(tmp_path: Path) -> None:
    text = JOURNEY.replace("{for: P1D}", "{until: {date: customer.renews_on}}")
    text = text.replace("{name: bought}", "{name: bought}\n    where: {segment: vip}")
    journey = write(tmp_path / "hello.yaml", text)
    code, found = linted(journey)
    assert code == 0
    assert {each["place"].rpartition(" ")[2] for each in found["doubts"]} == {
        "/steps/day/delay/if_past", "/entry/0/where/segment", "/steps/greet/message/template",
        "/steps/greet/message/subscription",
    }  # fmt: skip
    write(tmp_path / "vip.yaml", "manual: true\n")
    write(tmp_path / "news.yaml", "channel: email\nopt_in: implied\n")
    write(tmp_path / "welcome.yaml", "channel: email\nsubject: Hi\nhtml: <p>Hi</p>\n")
    code, found = linted(tmp_path)
    assert (code, [each["place"].rpartition(" ")[2] for each in found["doubts"]]) == (0, ["/steps/day/delay/if_past"])


def test_segments_in_a_circle_are_a_problem_and_one_that_is_elsewhere_a_doubt(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "condition: {segment: b}\n")
    write(tmp_path / "b.yaml", "condition: {segment: c}\n")
    code, found = linted(tmp_path)
    assert (code, len(found["doubts"])) == (0, 1)
    assert "there is no segment 'c'" in found["doubts"][0]["message"]
    write(tmp_path / "c.yaml", "condition: {segment: a}\n")
    code, found = linted(tmp_path)
    assert (code, found["doubts"]) == (1, [])
    assert all("in a circle" in each["message"] for each in found["problems"])


# diff


def test_a_difference_names_steps_and_places() -> None:
    live = {
        "id": "j",
        "settings": {"holdout": 5},
        "exit": [{"event": {"name": "x"}}],
        "steps": {"a": {"delay": {"for": "PT1H"}, "next": "b"}, "b": {"exit": {"outcome": "c"}}},
    }
    file = {
        "id": "j",
        "settings": {"holdout": 5, "priority": 3},
        "exit": [],
        "steps": {"a": {"delay": {"for": "PT2H"}, "next": "z"}, "z": {"exit": {"outcome": "c"}}},
    }
    found = difference(live, file)
    assert (found.added, found.removed) == (["z"], ["b"])
    assert [(each.pointer, each.live, each.file) for each in found.changed["a"]] == [
        ("/delay/for", "PT1H", "PT2H"), ("/next", "b", "z"),
    ]  # fmt: skip
    assert [(each.pointer, each.kind) for each in found.other] == [
        ("/settings/priority", "added"), ("/exit/0", "removed"),
    ]  # fmt: skip
    assert not difference(live, {name: live[name] for name in sorted(live)})
    assert difference({"a": 1, "steps": {}}, {"a": True, "steps": {}})


class Live:
    """A workspace that has what it is given; `members` are the wishes that came."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.members: list[dict[str, list[str]]] = []
        self.counted: list[Any] = []
        """Conditions that were to be counted, and waits in between."""
        self.app = Starlette(
            routes=[
                Route("/api/segments/{id}/members", self.change, methods=["POST"]),
                Route("/api/censuses", self.count, methods=["POST"]),
                Route("/api/censuses/7", self.count),
                Route("/api/{kind}", self.all),
                Route("/api/{kind}/{id}", self.one),
            ]
        )

    async def all(self, request: Request) -> Response:
        return JSONResponse({"items": list(self.things.values())})

    async def one(self, request: Request) -> Response:
        there = self.things.get(request.path_params["id"])
        return JSONResponse(there) if there else JSONResponse({"title": "Not found", "detail": "none"}, 404)

    async def count(self, request: Request) -> Response:
        """Lane by lane: the third time all three have counted."""
        self.counted.append((await request.json())["condition"] if request.method == "POST" else request.url.query)
        lanes = len(self.counted)
        sample = [
            {"id": "ann", "email": "ann@example.org", "looked_at": {}},
            {"id": "bob", "email": None, "looked_at": {}},
        ]
        return JSONResponse({"id": 7, "done": lanes == 3, "lanes": lanes, "of": 3, "looked_at": 1_000 * lanes,
                             "matching": 500 * lanes, "failed": 1, "unseen": ["message:opened"],
                             "sample": sample})  # fmt: skip

    async def change(self, request: Request) -> Response:
        wish = await request.json()
        self.members.append(wish)
        unknown = [id for id in (*wish.get("add", ()), *wish.get("remove", ())) if id.startswith("nobody")]
        return JSONResponse({"added": len(wish.get("add", ())), "removed": len(wish.get("remove", ())),
                             "unknown": unknown})  # fmt: skip


@pytest.fixture
def shop(serving: Any) -> Any:
    class Shop:
        live = Live()

        async def run(self, command: Any, *arguments: object) -> Result:
            async with serving(self.live.app) as url:
                environ = {"LAUDSTREAM_API_URL": url, "LAUDSTREAM_API_TOKEN": "t"}
                return await asyncio.to_thread(CliRunner(env=environ).invoke, command, [str(a) for a in arguments])

    return Shop()


async def test_diff_compares_a_file_with_what_is_live(shop: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "hello.yaml", JOURNEY)
    result = await shop.run(journeys, "diff", file)
    assert "hello is not live: all of it is new" in result.output
    assert "+ step greet: " in result.output
    body = json.loads((await shop.run(journeys, "diff", file, "--json")).output)
    assert (body["live_version"], body["added"]) == (None, ["day", "greet", "done"])
    live = {
        "id": "hello",
        "entry": [{"event": {"name": "bought"}}],
        "start": "day",
        "steps": {
            "day": {"delay": {"for": "P2D"}, "next": "done"},
            "old": {"exit": {"outcome": "x"}},
            "done": {"exit": {"outcome": "greeted"}},
        },
    }
    shop.live.things["hello"] = {"id": "hello", "live_version": 4, "body": live}
    said = (await shop.run(journeys, "diff", file)).output.splitlines()
    assert said[0] == f"hello: version 4, which is live, against {file}"
    assert said[2:] == [
        '- step old: {"exit": {"outcome": "x"}}', "~ step day", '    ~ /delay/for: "P2D" → "P1D"',
        '    ~ /next: "done" → "greet"',
    ]  # fmt: skip
    write(file, json.dumps(live | {"steps": {name: live["steps"][name] for name in ("day", "done")}}))  # type: ignore[index]
    assert (await shop.run(journeys, "diff", file)).output.splitlines()[1:] == [
        '- step old: {"exit": {"outcome": "x"}}'
    ]


async def test_segments_and_subscriptions_are_listed_and_shown(shop: Any) -> None:
    line = {"status": "live", "live_version": 2, "problem": None}
    shop.live.things = {
        "vip": {"id": "vip", "name": "Best", "body": {"id": "vip", "manual": True}, **line},
        "news": {"id": "news", "name": "news", "body": {"id": "news", "channel": "email"}, **line},
    }
    result = await shop.run(segments, "list")
    assert result.exit_code == 0, result.exception
    listed = result.output
    assert "manual" in listed
    assert "condition" in listed
    assert (await shop.run(segments, "show", "vip")).output == "vip  Best  live  version 2\nid: vip\nmanual: true\n"
    assert "explicit" in (await shop.run(subscriptions, "list")).output
    assert "channel: email" in (await shop.run(subscriptions, "show", "news")).output
    assert len(json.loads((await shop.run(segments, "list", "--json")).output)["items"]) == 2


async def test_a_count_waits_for_all_lanes_and_says_what_it_leaves_out(shop: Any, tmp_path: Path) -> None:
    condition = {"event": {"name": "buy"}}
    shop.live.things = {"vip": {"id": "vip", "body": {"id": "vip", "manual": True}}}
    file = write(tmp_path / "buyers.yaml", "kind: segment\ncondition:\n  event: {name: buy}\n")
    result = await shop.run(segments, "count", file)
    assert result.exit_code == 0, result.exception
    assert result.output.splitlines()[-5:] == [
        "buyers: 1,500 of 3,000 customers (50.0 %)", "  1 could not be asked, and are not in it",
        "  counted from a publish on only: message:opened", "  ann  ann@example.org", "  bob",
    ]  # fmt: skip
    assert shop.live.counted == [condition, "wait=5", "wait=5"]
    assert isinstance((await shop.run(segments, "count", "vip")).exception, Invalid), "it is manual"
    assert isinstance((await shop.run(segments, "count", "nowhere")).exception, NotFound)
    shop.live.things["vip"]["body"] = {"id": "vip", "condition": condition}
    shop.live.counted.clear()
    answer = json.loads((await shop.run(segments, "count", "vip", "--json")).stdout)
    assert (answer["vip"]["matching"], shop.live.counted[0]) == (1_500, condition)


async def test_members_come_from_files_in_slices_each_once(shop: Any, tmp_path: Path) -> None:
    add = write(tmp_path / "add.txt", "".join(f"c{n}\n" for n in range(1_500)) + "\nc0\n")
    remove = write(tmp_path / "remove.txt", "\ufeffgone\n")
    result = await shop.run(segments, "members", "vip", "--add", add, "--remove", remove)
    assert (result.exit_code, result.output) == (0, "vip: 1,500 added, 1 removed, 0 unknown\n")
    assert [len(wish.get("add", ())) for wish in shop.live.members] == [1_000, 500, 0]
    assert shop.live.members[2] == {"remove": ["gone"]}
    write(add, "nobody-1\nann\n")
    result = await shop.run(segments, "members", "vip", "--add", add)
    assert (result.exit_code, "ids of nobody: nobody-1" in result.output) == (1, True)
    write(remove, "ann\n")
    shop.live.members.clear()
    for arguments in ((), ("--add", add, "--remove", remove)):
        assert isinstance((await shop.run(segments, "members", "vip", *arguments)).exception, Invalid)
    assert shop.live.members == []
