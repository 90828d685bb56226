"""All routes, in one table: the router, the access checks and the OpenAPI document are made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api import (
    censuses,
    customers,
    definitions,
    dry_run,
    experiments,
    groups,
    health,
    inbox,
    ingest,
    journeys,
    messages,
    openapi,
    pages,
    problems,
    segments,
    signals,
    sink,
    stats,
    templates,
    versions,
    workspace,
)
from api.auth import Access
from api.call import Call
from api.items import Alias, Group, Identify, Page, Screen, Track
from api.publishing import Wait, Which
from laudstream.errors import LaudstreamError

Handler: TypeAlias = Callable[[Call], Awaitable[Response]]

OPEN, WRITE, ADMIN = Access.OPEN, Access.WRITE, Access.ADMIN


class Route(NamedTuple):
    method: str
    path: str
    handler: Handler
    access: Access
    answer: Any = None
    """Type of the 200 answer; None: JSON of no fixed type."""
    query: type | None = None
    body: Any = None
    status: int = 200


_JSON = dict[str, Any]

_SEGMENT, _SUBSCRIPTION = "/api/segments/{id}", "/api/subscriptions/{id}"

_JOURNEY, _TEMPLATE, _CUSTOMER = "/api/journeys/{id}", "/api/templates/{id}", "/api/customers/{id:path}"

_GROUP = "/api/groups/{id:path}"

ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/track", ingest.track, WRITE, ingest.Accepted, body=Track),
    Route("POST", "/v1/signal", signals.signal, WRITE, signals.Signalled, body=signals.SignalWish),
    Route("POST", "/v1/batch", ingest.batch, WRITE, ingest.Accepted, body=ingest.Batch),
    Route("POST", "/v1/identify", ingest.identify, WRITE, ingest.Accepted, body=Identify),
    Route("POST", "/v1/group", ingest.group, WRITE, ingest.Accepted, body=Group),
    Route("POST", "/v1/page", ingest.page, WRITE, ingest.Accepted, body=Page),
    Route("POST", "/v1/screen", ingest.screen, WRITE, ingest.Accepted, body=Screen),
    Route("POST", "/v1/alias", ingest.alias, WRITE, ingest.Accepted, body=Alias),
    Route("GET", "/api/workspace", workspace.one, ADMIN, workspace.Workspace),
    Route("GET", "/api/overview", workspace.overview, ADMIN, workspace.Overview),
    Route("GET", "/api/journeys", journeys.all, ADMIN, journeys.JourneyList),
    Route("GET", _JOURNEY, journeys.one, ADMIN, journeys.Journey, Which),
    Route("PUT", _JOURNEY, journeys.save, ADMIN, journeys.Saved, body=_JSON),
    Route("POST", f"{_JOURNEY}/publish", versions.publish, ADMIN, journeys.Moved, versions.Publish),
    Route("POST", f"{_JOURNEY}/pause", journeys.pause, ADMIN, journeys.Moved, Wait),
    Route("POST", f"{_JOURNEY}/resume", journeys.resume, ADMIN, journeys.Moved, Wait),
    Route("POST", f"{_JOURNEY}/drain", journeys.drain, ADMIN, journeys.Moved, Wait),
    Route("POST", f"{_JOURNEY}/stop", journeys.stop, ADMIN, journeys.Moved, Wait),
    Route("GET", f"{_JOURNEY}/versions", versions.all, ADMIN, versions.Versions),
    Route("GET", f"{_JOURNEY}/versions/{{version}}", versions.one, ADMIN, versions.Body),
    Route("POST", f"{_JOURNEY}/restore", versions.restore, ADMIN, journeys.Moved, Wait, versions.Restore),
    Route("POST", f"{_JOURNEY}/promote", versions.promote, ADMIN, journeys.Moved, Wait),
    Route("POST", f"{_JOURNEY}/withdraw", versions.withdraw, ADMIN, journeys.Moved, Wait),
    Route("POST", f"{_JOURNEY}/migrate", versions.migrate, ADMIN, journeys.Moved, Wait, versions.Map),
    Route("POST", f"{_JOURNEY}/dry-run", dry_run.dry_run, ADMIN, dry_run.DryRun, Wait, dry_run.Wish),
    Route("GET", f"{_JOURNEY}/stats", stats.stats, ADMIN, stats.Stats, Which),
    Route("GET", f"{_JOURNEY}/experiments", experiments.all, ADMIN, experiments.Experiments),
    Route(
        "PUT",
        f"{_JOURNEY}/experiments/{{step}}/winner",
        experiments.set_one,
        ADMIN,
        experiments.Won,
        Wait,
        experiments.WinnerWish,
    ),
    Route("GET", "/api/templates", templates.all, ADMIN, templates.TemplateList),
    Route("GET", _TEMPLATE, templates.one, ADMIN, templates.Template),
    Route("PUT", _TEMPLATE, templates.publish, ADMIN, templates.Published, Wait, _JSON),
    Route("POST", f"{_TEMPLATE}/preview", templates.preview, ADMIN, templates.Preview, body=templates.PreviewWish),
    Route("GET", "/api/segments", definitions.all_of(definitions.SEGMENT), ADMIN, definitions.Lines),
    Route("POST", "/api/segments/preview", segments.preview, ADMIN, segments.Preview, body=segments.PreviewWish),
    Route("GET", _SEGMENT, definitions.one_of(definitions.SEGMENT), ADMIN, definitions.Definition),
    Route("PUT", _SEGMENT, definitions.publish_of(definitions.SEGMENT), ADMIN, definitions.Published, Wait, _JSON),
    Route("DELETE", _SEGMENT, definitions.delete_of(definitions.SEGMENT), ADMIN, status=204),
    Route("POST", f"{_SEGMENT}/members", definitions.members, ADMIN, definitions.Members, body=definitions.MembersWish),
    Route("GET", f"{_SEGMENT}/customers", segments.members, ADMIN, segments.MemberPage, segments.MembersQuery),
    Route("POST", "/api/censuses", censuses.take, ADMIN, censuses.Census, censuses.Patience, censuses.CensusWish),
    Route("GET", "/api/censuses/{id}", censuses.one, ADMIN, censuses.Census, censuses.Glance),
    Route("GET", "/api/subscriptions", definitions.all_of(definitions.SUBSCRIPTION), ADMIN, definitions.Lines),
    Route("GET", _SUBSCRIPTION, definitions.one_of(definitions.SUBSCRIPTION), ADMIN, definitions.Definition),
    Route(
        "PUT",
        _SUBSCRIPTION,
        definitions.publish_of(definitions.SUBSCRIPTION),
        ADMIN,
        definitions.Published,
        Wait,
        _JSON,
    ),
    Route("DELETE", _SUBSCRIPTION, definitions.delete_of(definitions.SUBSCRIPTION), ADMIN, status=204),
    Route("GET", "/api/settings", definitions.settings, ADMIN, definitions.Definition),
    Route("PUT", "/api/settings", definitions.set_settings, ADMIN, definitions.Published, Wait, _JSON),
    Route("GET", "/api/customers", customers.all, ADMIN, customers.CustomerPage, customers.CustomerQuery),
    # An id may hold slashes: the longer addresses come first.
    Route("POST", f"{_CUSTOMER}/merge", customers.merge, ADMIN, customers.Merged, body=customers.MergeWish),
    Route("GET", f"{_CUSTOMER}/timeline", customers.timeline, ADMIN, customers.Timeline, customers.TimelineQuery),
    Route("GET", _CUSTOMER, customers.one, ADMIN, customers.Customer),
    Route("DELETE", _CUSTOMER, customers.erase, ADMIN, status=204),
    Route("GET", "/api/groups", groups.all, ADMIN, groups.GroupPage, groups.GroupQuery),
    Route("GET", _GROUP, groups.one, ADMIN, groups.GroupDetails, groups.GroupMembersQuery),
    Route("DELETE", _GROUP, groups.delete, ADMIN, status=204),
    Route("GET", "/api/messages", messages.all, ADMIN, messages.MessagePage, messages.MessageQuery),
    Route("GET", "/api/inbox", inbox.all, ADMIN, inbox.MailPage, inbox.InboxQuery),
    Route("GET", "/api/inbox/{id}", inbox.one, ADMIN, inbox.Mail),
    Route("GET", "/api/sink", sink.all, ADMIN, sink.CallPage, sink.SinkQuery),
    Route("GET", "/api/sink/{id}", sink.one, ADMIN, sink.Received),
    Route("GET", "/api/webhooks/secret", workspace.webhook_secret, ADMIN, workspace.WebhookSecret),
    Route("GET", "/api/schema/journey", journeys.schema, ADMIN, _JSON),
    Route("GET", "/api/openapi.json", openapi.document, ADMIN, _JSON),
    Route("GET", "/healthz", health.live, OPEN, health.Health),
    Route("GET", "/readyz", health.ready, OPEN, health.Health),
)

UI = Route("GET", "/{path:path}", pages.page, OPEN)
"""Everything else; not part of the documented API."""


def starlette_routes() -> Iterator[StarletteRoute]:
    """One route a path, which knows all its methods."""
    paths: dict[str, dict[str, Route]] = {}
    for route in (*ROUTES, UI):
        paths.setdefault(route.path, {})[route.method] = route
    for path, methods in paths.items():
        yield StarletteRoute(path, _endpoint(methods), methods=_ANY, include_in_schema=False)


_ANY = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def _endpoint(methods: dict[str, Route]) -> Callable[[Request], Awaitable[Response]]:
    allowed = ", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))

    async def respond(request: Request) -> Response:
        route = methods.get("GET" if request.method == "HEAD" else request.method)
        if route is None:
            raise HTTPException(405, headers={"Allow": allowed})
        return await answered(route, request.scope, request.receive)

    return respond


async def answered(route: Route, scope: Scope, receive: Receive) -> Response:
    """The only way to a handler: past the check of the key."""
    call = Call(scope, receive)
    if route.access is not OPEN:
        call.workspace = await call.context.keys.workspace(call.header(b"authorization"), route.access)
    return await route.handler(call)


def short_cuts() -> dict[tuple[str, str], ASGIApp]:
    """(method, path) -> application, of the routes that take events: past Starlette's layers, which cost as much
    as all the rest of such a request. Browsers may post from any site, and ask first whether they may."""
    found: dict[tuple[str, str], ASGIApp] = {}
    for route in ROUTES:
        if route.access is WRITE:
            found[route.method, route.path] = _direct(route)
            found["OPTIONS", route.path] = _allowed
    for letter, path in _LETTERS.items():
        for method in ("POST", "OPTIONS"):
            found[method, f"/v1/{letter}"] = found[method, path]
    return found


_LETTERS = {
    "t": "/v1/track", "i": "/v1/identify", "g": "/v1/group", "p": "/v1/page", "s": "/v1/screen", "a": "/v1/alias",
    "b": "/v1/batch",
}  # fmt: skip
"""Segment's library for browsers posts to the first letters."""
_ANY_SITE = (b"access-control-allow-origin", b"*")
_MAY = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "*, Authorization",
    "Access-Control-Max-Age": "86400",
}


async def _allowed(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(status_code=204, headers=_MAY)(scope, receive, send)


def _direct(route: Route) -> ASGIApp:
    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await answered(route, scope, receive)
        except LaudstreamError as error:
            response = problems.of_error(None, error)
        except Exception as error:
            await problems.of_bug(Request(scope), error)(scope, receive, send)
            raise
        response.raw_headers.append(_ANY_SITE)
        await response(scope, receive, send)

    return respond
