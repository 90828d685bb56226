"""Whatever is sent, the API answers in its own words and stays up."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.integration

_scalar = (
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats() | st.text(max_size=30) | st.just("\0")
)
_json = st.recursive(
    _scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_item = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["track", "page", "screen", "identify", "alias", "group", ""]) | _scalar,
        "userId": st.text(max_size=250) | _scalar,
        "anonymousId": st.text(max_size=5) | _scalar,
        "previousId": st.text(max_size=250) | _scalar,
        "groupId": st.text(max_size=5) | _scalar,
        "event": st.text(max_size=250) | _scalar,
        "name": _scalar,
        "messageId": st.text(max_size=250) | _scalar,
        "timestamp": st.datetimes().map(str) | _scalar,
        "sentAt": st.datetimes().map(lambda at: at.isoformat() + "Z") | _scalar,
        "properties": _json,
        "traits": st.dictionaries(st.text(max_size=8), _json, max_size=3) | _json,
        "context": _json,
    },
)
_body = st.one_of(
    st.builds(lambda items, sent: {"batch": items, "sentAt": sent}, st.lists(_item | _json, max_size=6), _scalar),
    st.builds(lambda items: {"batch": items}, st.lists(_item, max_size=6)),
    _json,
).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200)


@pytest.fixture
def http(api: Any, shop: Any) -> Any:
    with httpx.Client(base_url=api.settings.api_url, auth=(shop.write_key, ""), timeout=30) as client:
        yield client


@given(body=_body)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_batch_makes_an_internal_error(body: bytes, http: httpx.Client) -> None:
    answer = http.post("/v1/batch", content=body)
    assert answer.status_code in (200, 400, 422), (body, answer.text)
    said = answer.json()
    if answer.status_code == 200:
        assert said["success"] == (not said["rejected"])
        assert said["accepted"] + len(said["rejected"]) == len(json.loads(body)["batch"])
        assert all(each["problems"] for each in said["rejected"])
    else:
        assert answer.headers["content-type"] == "application/problem+json"


_one_id = st.text(max_size=250) | st.sampled_from(["!quota/j", "a"]) | _scalar


@given(body=st.fixed_dictionaries({}, optional={"userId": _one_id, "previousId": _one_id, "anonymousId": _one_id}))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_alias_makes_an_internal_error(body: dict[str, Any], http: httpx.Client, shop: Any) -> None:
    answer = http.post("/v1/alias", content=json.dumps(body))
    assert answer.status_code in (200, 400, 422), (body, answer.text)
    wish = json.dumps({"into": body.get("userId")})
    answer = http.post("/api/customers/a/merge", content=wish, auth=(shop.admin_token, ""))
    assert answer.status_code in (200, 400, 404, 422), (body, answer.text)


_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(
    id=_names,
    query=st.dictionaries(st.sampled_from(["query", "after", "before", "limit", "wait", "status", "x"]), _names),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_address_makes_an_internal_error(id: str, query: dict[str, str], http: httpx.Client, shop: Any) -> None:
    from urllib.parse import quote

    for path in (
        "customers",
        "customers/{}",
        "customers/{}/timeline",
        "messages",
        "journeys/{}",
        "templates/{}",
        "inbox/{}",
    ):
        answer = http.get(f"/api/{path.format(quote(id, safe=''))}", params=query, auth=(shop.admin_token, ""))
        assert answer.status_code in (200, 404, 422), (path, id, query, answer.text)


@given(
    body=st.dictionaries(
        st.sampled_from(["id", "name", "subject", "html", "text", "from", "steps", "start", "entry"]), _json
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_definition_makes_an_internal_error(body: dict[str, Any], http: httpx.Client, shop: Any) -> None:
    for path in ("journeys", "templates"):
        answer = http.put(f"/api/{path}/x", content=json.dumps(body), auth=(shop.admin_token, ""))
        assert answer.status_code in (200, 400, 422), (path, body, answer.text)
