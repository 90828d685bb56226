"""What somebody with the keys of another workspace tries at each route, and what comes of it (tenancy)."""

from __future__ import annotations

from typing import Any, NamedTuple

MARK = "ofthefirst"
"""In whatever the first workspace has: ids, names, values."""
ANN, BEN, CART, MAIL, GOLD, HAND, NEWS, ACME = (
    f"{name}-{MARK}" for name in ("ann", "ben", "cart", "mail", "gold", "hand", "news", "acme")
)

TEMPLATE = {"name": MARK, "subject": MARK, "html": f"<p>{MARK} {{{{ customer.plan }}}}</p>"}
SEGMENT = {"name": MARK, "condition": {"customer.plan": {"equals": MARK}}}
BY_HAND = {"name": MARK, "manual": True}
SUBSCRIPTION = {"name": MARK, "channel": "email"}
JOURNEY: dict[str, Any] = {
    "name": MARK,
    "entry": [{"event": {"name": f"go {MARK}"}}],
    "goal": {"event": {"name": "buy"}, "within": "P1D"},
    "start": "test",
    "steps": {
        "test": {
            "experiment": {"arms": {"a": 50, "b": 50}, "winner": {"metric": "goal", "minimum": 50, "hold_rest": True}},
            "next": {"a": "mail", "b": "done"},
        },
        "mail": {"message": {"channel": "email", "template": MAIL}, "next": "done"},
        "done": {"exit": {"outcome": "done"}},
    },
}
PLAIN = {"entry": [{"event": {"name": "go"}}], "start": "done", "steps": {"done": {"exit": {"outcome": "done"}}}}


ANY = 0


class Try(NamedTuple):
    """One request. `{census}` and `{order}` are numbers that the first workspace has got."""

    address: str
    body: Any = None
    status: int = 404
    """Of the answer to the stranger; ANY: no matter which."""
    shows: bool = False
    """The first workspace finds its own here."""
    names: bool = False
    """The answer says an id of the request again."""


def _track(**more: Any) -> dict[str, Any]:
    return {"userId": ANN, "event": "theirs", **more}


_J, _T, _C, _G = f"/api/journeys/{CART}", f"/api/templates/{MAIL}", f"/api/customers/{ANN}", f"/api/groups/{ACME}"
_S, _H, _N = f"/api/segments/{GOLD}", f"/api/segments/{HAND}", f"/api/subscriptions/{NEWS}"
_WITH_MARK = {"condition": SEGMENT["condition"]}

TRIES: dict[tuple[str, str], list[Try]] = {
    ("POST", "/v1/track"): [Try("/v1/track", _track(), 200)],
    ("POST", "/v1/signal"): [Try("/v1/signal", {"event": f"go {MARK}"}, 200)],
    ("POST", "/v1/batch"): [Try("/v1/batch", {"batch": [{"type": "track", **_track()}]}, 200)],
    ("POST", "/v1/identify"): [
        Try("/v1/identify", {"userId": ANN, "anonymousId": BEN, "traits": {"plan": "theirs"}}, 200)
    ],
    ("POST", "/v1/group"): [Try("/v1/group", {"userId": ANN, "groupId": ACME, "traits": {"plan": "theirs"}}, 200)],
    ("POST", "/v1/page"): [Try("/v1/page", {"userId": ANN, "name": "theirs"}, 200)],
    ("POST", "/v1/screen"): [Try("/v1/screen", {"userId": ANN, "name": "theirs"}, 200)],
    ("POST", "/v1/alias"): [Try("/v1/alias", {"previousId": BEN, "userId": ANN}, 200)],
    ("GET", "/api/workspace"): [Try("/api/workspace", None, 200, shows=True)],
    ("GET", "/api/overview"): [Try("/api/overview", None, 200)],
    ("GET", "/api/journeys"): [Try("/api/journeys", None, 200, shows=True)],
    ("GET", "/api/journeys/{id}"): [Try(_J, shows=True), Try(f"{_J}?version=1", shows=True)],
    ("PUT", "/api/journeys/{id}"): [
        Try(_J, PLAIN, 200, names=True), Try("/api/journeys/own", JOURNEY, 200, names=True),
    ],
    ("POST", "/api/journeys/{id}/publish"): [Try(f"{_J}/publish"), Try(f"{_J}/publish?share=10")],
    ("POST", "/api/journeys/{id}/pause"): [Try(f"{_J}/pause")],
    ("POST", "/api/journeys/{id}/resume"): [Try(f"{_J}/resume")],
    ("POST", "/api/journeys/{id}/drain"): [Try(f"{_J}/drain")],
    ("POST", "/api/journeys/{id}/stop"): [Try(f"{_J}/stop")],
    ("GET", "/api/journeys/{id}/versions"): [Try(f"{_J}/versions")],
    ("GET", "/api/journeys/{id}/versions/{version}"): [Try(f"{_J}/versions/1", shows=True)],
    ("POST", "/api/journeys/{id}/restore"): [Try(f"{_J}/restore", {"version": 1})],
    ("POST", "/api/journeys/{id}/promote"): [Try(f"{_J}/promote")],
    ("POST", "/api/journeys/{id}/withdraw"): [Try(f"{_J}/withdraw")],
    ("POST", "/api/journeys/{id}/migrate"): [Try(f"{_J}/migrate", {"steps": {"mail": "exit"}})],
    ("POST", "/api/journeys/{id}/dry-run"): [
        Try(f"{_J}/dry-run", {}), Try(f"{_J}/dry-run", {"order": "{order}"}),
    ],
    ("GET", "/api/journeys/{id}/stats"): [Try(f"{_J}/stats"), Try(f"{_J}/stats?version=1")],
    ("GET", "/api/journeys/{id}/experiments"): [Try(f"{_J}/experiments", shows=True)],
    ("PUT", "/api/journeys/{id}/experiments/{step}/winner"): [Try(f"{_J}/experiments/test/winner", {"arm": "a"})],
    ("GET", "/api/templates"): [Try("/api/templates", None, 200, shows=True)],
    ("GET", "/api/templates/{id}"): [Try(_T, shows=True)],
    ("PUT", "/api/templates/{id}"): [Try(_T, {"subject": "theirs", "html": "<p>theirs</p>"}, 200, names=True)],
    ("POST", "/api/templates/{id}/preview"): [
        Try(f"{_T}/preview", {"customer_id": ANN}, shows=True),
        Try("/api/templates/own/preview", {"customer_id": ANN, "body": {"subject": "x", "html": "x"}}),
    ],
    ("GET", "/api/segments"): [Try("/api/segments", None, 200, shows=True)],
    ("POST", "/api/segments/preview"): [Try("/api/segments/preview", _WITH_MARK, 200, shows=True)],
    ("GET", "/api/segments/{id}"): [Try(_S, shows=True), Try(_H, shows=True)],
    ("PUT", "/api/segments/{id}"): [Try(_S, {"condition": {"customer.plan": {"equals": "x"}}}, 200, names=True)],
    ("DELETE", "/api/segments/{id}"): [Try(_S), Try(_H)],
    ("POST", "/api/segments/{id}/members"): [Try(f"{_H}/members", {"add": [BEN], "remove": [ANN]})],
    ("GET", "/api/segments/{id}/customers"): [Try(f"{_H}/customers", shows=True), Try(f"{_S}/customers", shows=True)],
    ("POST", "/api/censuses"): [Try("/api/censuses?wait=0", _WITH_MARK, 200)],
    ("GET", "/api/censuses/{id}"): [Try("/api/censuses/{census}", shows=True)],
    ("GET", "/api/subscriptions"): [Try("/api/subscriptions", None, 200, shows=True)],
    ("GET", "/api/subscriptions/{id}"): [Try(_N, shows=True)],
    ("PUT", "/api/subscriptions/{id}"): [Try(_N, {"name": "theirs", "channel": "email"}, 200, names=True)],
    ("DELETE", "/api/subscriptions/{id}"): [Try(_N)],
    ("GET", "/api/settings"): [Try("/api/settings", None, 200)],
    ("PUT", "/api/settings"): [Try("/api/settings", {"time_zone": "Asia/Tokyo"}, 200)],
    ("GET", "/api/customers"): [
        Try("/api/customers", None, 200, shows=True), Try("/api/customers?query=ann", None, 200, shows=True),
    ],
    ("POST", "/api/customers/{id:path}/merge"): [
        Try(f"{_C}/merge", {"into": BEN}), Try("/api/customers/own/merge", {"into": ANN}),
        Try(f"{_C}/merge", {"into": "own"}),
    ],
    ("GET", "/api/customers/{id:path}/timeline"): [
        Try(f"{_C}/timeline", shows=True), Try(f"/api/customers/old-{MARK}/timeline", shows=True),
    ],
    ("GET", "/api/customers/{id:path}"): [Try(_C, shows=True), Try(f"/api/customers/old-{MARK}", shows=True)],
    ("DELETE", "/api/customers/{id:path}"): [Try(_C, status=202), Try(f"/api/customers/old-{MARK}", status=202)],
    ("GET", "/api/groups"): [
        Try("/api/groups", None, 200, shows=True), Try("/api/groups?query=acme", None, 200, shows=True),
    ],
    ("GET", "/api/groups/{id:path}"): [Try(_G, shows=True)],
    ("DELETE", "/api/groups/{id:path}"): [Try(_G)],
    ("GET", "/api/messages"): [
        Try("/api/messages", None, 200, shows=True), Try(f"/api/messages?customer={ANN}", None, 200, shows=True),
    ],
    ("GET", "/api/webhooks/secret"): [Try("/api/webhooks/secret", None, 200)],
    ("GET", "/api/schema/journey"): [Try("/api/schema/journey", None, 200)],
    ("GET", "/api/schema/segment"): [Try("/api/schema/segment", None, 200)],
    ("POST", "/api/check/journey"): [Try("/api/check/journey", {"id": CART, **JOURNEY}, 200, names=True)],
    ("GET", "/api/openapi.json"): [Try("/api/openapi.json", None, 200)],
    ("GET", "/healthz"): [Try("/healthz", None, 200)],
    ("GET", "/readyz"): [Try("/readyz", None, 200)],
    # Of the machine, not of a workspace, and in development only; none is there, but perhaps its file, empty.
    ("GET", "/api/inbox"): [Try("/api/inbox?query=nobody&after=WzBd", status=ANY)],
    ("GET", "/api/inbox/{id}"): [Try("/api/inbox/1")],
    ("GET", "/api/sink"): [Try("/api/sink")],
    ("GET", "/api/sink/{id}"): [Try("/api/sink/1")],
}  # fmt: skip
