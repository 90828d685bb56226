"""`laudstream apply`: checked before anything is changed, and the same files twice change nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from laudstream.cli.apply import apply
from laudstream.cli.files import load
from laudstream.errors import Invalid

TEMPLATE = "channel: email\nsubject: Hello {{ customer.name }}\nhtml: <p>Hi</p>\n"
JOURNEY = """\
id: hello
name: Hello
entry:
  - event: {name: bought}
start: greet
steps:
  greet: {message: {channel: email, template: welcome}, next: done}
  done: {exit: {outcome: greeted}}
"""


class Workspace:
    """Journeys and templates in memory, behind the API's routes; `asked` is every change that was asked for."""

    def __init__(self) -> None:
        self.journeys: dict[str, dict[str, Any]] = {}
        self.templates: dict[str, dict[str, Any]] = {}
        self.segments: dict[str, dict[str, Any]] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.settings: dict[str, Any] = {}
        self.asked: list[str] = []
        self.status = "live"
        self.app = Starlette(
            routes=[
                Route("/api/templates", self.list_templates),
                Route("/api/journeys", self.list_journeys),
                Route("/api/segments", self.list_others),
                Route("/api/subscriptions", self.list_others),
                Route("/api/settings", self.get_settings, methods=["GET"]),
                Route("/api/settings", self.put_settings, methods=["PUT"]),
                Route("/api/{kind}/{id}", self.get, methods=["GET"]),
                Route("/api/{kind}/{id}", self.put, methods=["PUT"]),
                Route("/api/journeys/{id}/publish", self.publish, methods=["POST"]),
            ]
        )

    async def list_templates(self, request: Request) -> Response:
        return JSONResponse({"templates": [{"id": id, "channel": "email", "requires": []} for id in self.templates]})

    async def list_journeys(self, request: Request) -> Response:
        return JSONResponse({"journeys": [{"id": id} for id in self.journeys]})

    async def list_others(self, request: Request) -> Response:
        return JSONResponse({"items": list(getattr(self, request.url.path.rpartition("/")[2]).values())})

    async def get_settings(self, request: Request) -> Response:
        return JSONResponse(self.settings) if self.settings else JSONResponse({"title": "Not found"}, 404)

    async def put_settings(self, request: Request) -> Response:
        self.asked.append("put settings")
        self.settings = self._next(self.settings, "workspace", await request.json())
        return JSONResponse(self.settings | {"version": self.settings["live_version"]})

    def _next(self, there: dict[str, Any], id: str, body: dict[str, Any]) -> dict[str, Any]:
        return {"id": id, "live_version": there.get("live_version", 0) + 1, "body": body, "status": self.status}

    async def get(self, request: Request) -> Response:
        there = getattr(self, request.path_params["kind"]).get(request.path_params["id"])
        return JSONResponse(there) if there else JSONResponse({"title": "Not found", "detail": "none"}, 404)

    async def put(self, request: Request) -> Response:
        kind, id = request.path_params["kind"], request.path_params["id"]
        self.asked.append(f"put {kind} {id}")
        body = await request.json()
        if body.get("name") == "refused":
            problem = {"pointer": "/name", "message": "is taken", "fix": "choose another"}
            return JSONResponse({"title": "Not valid", "detail": "journey", "problems": [problem]}, 422)
        if kind == "templates":
            version = self.templates.get(id, {"live_version": 0})["live_version"] + 1
            there = {"id": id, "live_version": version, "body": body | {"id": id}, "status": self.status}
            self.templates[id] = there
            return JSONResponse(there | {"version": version})
        if kind in ("segments", "subscriptions"):
            others = getattr(self, kind)
            others[id] = self._next(others.get(id, {}), id, body)
            return JSONResponse(others[id] | {"version": others[id]["live_version"]})
        there = self.journeys.setdefault(id, {"id": id, "live_version": None, "status": "draft", "body": None})
        there["draft"] = body
        return JSONResponse(there)

    async def publish(self, request: Request) -> Response:
        there = self.journeys[request.path_params["id"]]
        self.asked.append(f"publish {there['id']}")
        there.update(live_version=(there["live_version"] or 0) + 1, status=self.status, body=there.pop("draft"))
        return JSONResponse({"version": there["live_version"], "status": there["status"]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (("journeys/hello.yaml", JOURNEY), ("templates/welcome.yaml", TEMPLATE)):
        path = tmp_path / "all" / name
        path.parent.mkdir(parents=True)
        path.write_text(content)
    return tmp_path / "all"


@pytest.fixture
def shop(serving: Any) -> Any:
    """Runs `laudstream apply` with arguments against a workspace; the value has both."""

    class Shop:
        workspace = Workspace()

        async def apply(self, *arguments: str | Path) -> Result:
            async with serving(self.workspace.app) as url:
                environ = {"LAUDSTREAM_API_URL": url, "LAUDSTREAM_API_TOKEN": "t"}
                return await asyncio.to_thread(CliRunner(env=environ).invoke, apply, [str(a) for a in arguments])

        async def changes(self, *arguments: str | Path) -> list[str]:
            result = await self.apply(*arguments, "--json")
            assert result.exit_code == 0, result.output
            return [f"{row['id']} {row['change']}" for row in json.loads(result.output)]

    return Shop()


async def test_templates_go_before_the_journeys_that_need_them(shop: Any, folder: Path) -> None:
    assert await shop.changes(folder) == ["welcome created", "hello created"]
    assert shop.workspace.asked == ["put templates welcome", "put journeys hello", "publish hello"]
    assert shop.workspace.journeys["hello"]["status"] == "live"


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


KINDS = {
    "settings.yaml": "time_zone: Europe/Berlin\n",
    "subscriptions/news.yaml": "channel: email\nopt_in: implied\n",
    "segments/a.yaml": "condition: {segment: b, customer.plan: {equals: pro}}\n",
    "segments/b.yaml": "condition: {segment: leads}\n",
    "segments/leads.yaml": "manual: true\n",
    "journeys/hello.yaml": JOURNEY.replace("event: {name: bought}", "segment: {id: a}").replace(
        "template: welcome", "template: welcome, subscription: news"
    ),
}


def written(folder: Path) -> Path:
    for name, content in KINDS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return folder


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


async def test_several_paths_are_applied_together_and_a_workspace_has_its_settings_once(
    shop: Any, folder: Path
) -> None:
    assert await shop.changes(folder / "templates", folder / "journeys", folder) == ["welcome created", "hello created"]
    written(folder)
    (folder / "more.yaml").write_text("time_zone: UTC\n")
    result = await shop.apply(folder)
    assert isinstance(result.exception, Invalid)
    assert "a workspace has its settings in one file" in result.exception.problems[0].fix
