"""Places in lists are opaque, and whoever makes one up gets an answer that says so."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration

MADE_UP = [
    "x", "é", "W10", "bnVsbA", "[", *(
        urlsafe_b64encode(text.encode()).decode().rstrip("=")
        for text in (
            "[]", "[1]", '["a"]', '["\\u0000"]', "[99999999999999999999999]", '[9223372036854775808,"a"]',
            '[1,"\\u0000"]', '[1,"\\ud800"]', '["\\ud800"]', '[-9223372036854775808,"a"]', '[1e300,"a"]',
            '[9223372036854775807,"a","b"]', "[9223372036854775807,9223372036854775807]",
            '[9223372036854775807,1,"a"]', '[1,"a",1,9,0]', '[1,"a",0,9,0]', '[1,"a",-5,2,3]',
            '[9223372036854775808,"a",1,0,0]', '[1,"\\u0000",1,0,0]', '[1,"a",1,99999999999999999999,0]',
            '[1,"a",9223372036854775807,0,0]', '[253402300799999999,"a"]', '[-62135596800000000,"a"]',
            '["a","b"]', '["",""]', '[[[[[[1]]]]]]',
        )
    ),
]  # fmt: skip


async def test_no_place_that_was_made_up_is_an_error_of_ours(site: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    await site.post("/v1/identify", json={"userId": "anna", "traits": {"plan": "pro"}})
    await site.post("/v1/group", json={"userId": "anna", "groupId": "acme"})
    assert (await admin.put("/api/segments/pros", json={"condition": {"customer.plan": {"equals": "pro"}}})).is_success
    wrong: list[tuple[str, str, object]] = []
    for made in MADE_UP:
        for path in (
            "customers?after=", "customers/anna/timeline?before=", "segments/pros/customers?after=", "groups?after=",
            "groups/acme?after=", "messages?after=", "messages?before=", "inbox?after=", "inbox?before=", "sink?after=",
            "sink?before=",
        ):  # fmt: skip
            try:
                answer = await admin.get(f"/api/{path}{made}")
            except httpx.HTTPError as error:
                wrong.append((path, made, repr(error)))
                continue
            if answer.status_code not in (200, 404, 422):
                wrong.append((path, made, answer.status_code))
        wish: dict[str, Any] = {"condition": {"customer.plan": {"equals": "pro"}}, "after": made}
        try:
            answer = await admin.post("/api/segments/preview", json=wish)
        except httpx.HTTPError as error:
            wrong.append(("preview", made, repr(error)))
            continue
        if answer.status_code not in (200, 422):
            wrong.append(("preview", made, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))


async def test_a_preview_does_not_go_on_from_more_matches_than_customers(admin: httpx.AsyncClient) -> None:
    for told in ([1, "a", 1, 9, 0], [1, "a", 1, 1, 1], [1, "a", 5, -1, 0]):
        made = urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
        answer = await admin.post("/api/segments/preview", json={"condition": {"bucket": HALF}, "after": made})
        assert answer.status_code == 422


HALF = {"salt": "x", "from": 0, "to": 50}


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999999", "1e3", "%00", "x", "9223372036854775808"])
async def test_no_number_of_a_version_is_an_error_of_ours(number: str, admin: httpx.AsyncClient) -> None:
    for path in (f"versions/{number}", f"?version={number}", f"stats?version={number}"):
        answer = await admin.get(f"/api/journeys/j/{path}".replace("/?", "?"))
        assert answer.status_code in (404, 422), (path, answer.text)
    for path in ("restore", "dry-run"):
        body = f'{{"version": {number if number.lstrip("-").isdigit() else 1}}}'
        answer = await admin.post(f"/api/journeys/j/{path}", content=body)
        assert answer.status_code in (404, 409, 422), (path, answer.text)
