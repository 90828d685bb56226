"""What tests of `laudstream apply` share: files, and a workspace that they are applied to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

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
"""A file of each kind, beside those two."""


def written(folder: Path) -> Path:
    for name, content in KINDS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return folder


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
