"""Taking events, against the real API, PostgreSQL and Kafka."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from laudstream.ids import partition_of

pytestmark = pytest.mark.integration

Take = Callable[[int], Awaitable[list[Any]]]


def _pointers(answer: httpx.Response) -> list[str]:
    return [problem["pointer"] for problem in answer.json()["problems"]]


async def test_a_tracked_event_is_in_kafka_when_the_answer_comes(
    site: httpx.AsyncClient, shop: Any, taken: Take
) -> None:
    body = {"userId": "anna", "event": "order_completed", "properties": {"total": 9.5}, "messageId": "m-1"}
    before = int(time.time() * 1000)
    answer = await site.post("/v1/track", json=body)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 1, "rejected": []})
    (found,) = await taken(1)
    assert found.key == f"{shop.id}:anna"
    assert found.partition == partition_of(found.key.encode(), 8)
    event = found.event
    assert (event.id, event.type, event.name, event.properties) == ("m-1", "track", "order_completed", {"total": 9.5})
    assert before <= event.received <= int(time.time() * 1000)
    assert event.timestamp == event.received
    assert event.row is None


async def test_a_batch_keeps_the_order_of_each_customer(site: httpx.AsyncClient, taken: Take) -> None:
    items = [{"type": "track", "userId": f"c{n % 7}", "event": "e", "messageId": f"m{n}"} for n in range(100)]
    answer = await site.post("/v1/batch", json={"batch": items})
    assert answer.json() == {"success": True, "accepted": 100, "rejected": []}
    found = await taken(100)
    for customer in range(7):
        ids = [each.event.id for each in found if each.key.endswith(f":c{customer}")]
        assert ids == [f"m{n}" for n in range(customer, 100, 7)]


async def test_a17_an_identify_carries_the_row_that_it_made(
    site: httpx.AsyncClient, admin: httpx.AsyncClient, taken: Take
) -> None:
    for traits in ({"email": "a@shop.example", "plan": "free"}, {"plan": "pro"}):
        answer = await site.post("/v1/identify", json={"userId": "anna", "traits": traits})
        assert answer.json()["accepted"] == 1
    first, second = (each.event for each in await taken(2))
    assert (first.type, first.name) == ("identify", "")
    assert first.row is not None
    assert second.row is not None
    assert first.row.attributes == {"email": "a@shop.example", "plan": "free"}
    assert second.row.attributes == {"email": "a@shop.example", "plan": "pro"}
    assert second.row.born == first.row.born == first.row.revision < second.row.revision
    shown = (await admin.get("/api/customers/anna")).json()
    assert shown["attributes"] == second.row.attributes
    assert shown["created_at"] == second.row.created_at


async def test_the_same_customer_identified_twice_in_a_batch_gets_both_in_order(
    site: httpx.AsyncClient, taken: Take
) -> None:
    items = [
        {"type": "identify", "userId": "zoe", "traits": {"n": 1}},
        {"type": "identify", "userId": "anna", "traits": {"n": 1}},
        {"type": "track", "userId": "zoe", "event": "between"},
        {"type": "identify", "userId": "zoe", "traits": {"n": 2}},
    ]
    assert (await site.post("/v1/batch", json={"batch": items})).json()["accepted"] == 4
    zoe = [each.event for each in await taken(4) if each.key.endswith(":zoe")]
    assert [(event.type, event.row and event.row.attributes["n"]) for event in zoe] == [
        ("identify", 1),
        ("track", None),
        ("identify", 2),
    ]


async def test_a_customer_who_is_only_tracked_gets_no_row_from_the_api(
    site: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await site.post("/v1/track", json={"userId": "stranger", "event": "e"})
    assert (await admin.get("/api/customers/stranger")).status_code == 404


async def test_r26_a_timestamp_is_corrected_by_sent_at_and_never_after_receipt(
    site: httpx.AsyncClient, taken: Take
) -> None:
    items = [
        {"type": "track", "userId": "a", "event": "slow clock", "timestamp": "2020-01-01T00:00:00Z"},
        {"type": "track", "userId": "a", "event": "future", "timestamp": "2030-01-01T00:00:00+02:00"},
        {
            "type": "track",
            "userId": "a",
            "event": "own",
            "timestamp": "2020-01-01T00:00:00",
            "sentAt": "2020-01-01T00:00:01Z",
        },
    ]
    await site.post("/v1/batch", json={"batch": items, "sentAt": "2020-01-01T01:00:00.250Z"})
    slow, future, own = (each.event for each in await taken(3))
    assert slow.timestamp == slow.received - 3_600_250
    assert future.timestamp == future.received
    assert own.timestamp == own.received - 1_000


async def test_segments_format_is_read_with_what_libraries_add(site: httpx.AsyncClient, taken: Take) -> None:
    item = {
        "anonymousId": "visitor-1",
        "userId": None,
        "event": "Product Viewed",
        "context": {"ip": "::1", "library": {"name": "analytics-node"}, "traits": {"x": 1}},
        "integrations": {"All": True},
        "originalTimestamp": "2020-01-01T00:00:00.000Z",
        "writeKey": "in the body",
        "_metadata": {"nodeVersion": "20"},
        "properties": None,
    }
    assert (await site.post("/v1/track", json=item)).status_code == 200
    assert (await site.post("/v1/track", json={"userId": 12, "event": "e"})).status_code == 200
    assert (await site.post("/v1/page", json={"userId": 12, "name": "Home", "properties": {"u": 1}})).status_code == 200
    assert (await site.post("/v1/screen", json={"userId": 12})).status_code == 200
    found = {each.event.type + each.event.name: each for each in await taken(4)}
    assert found["trackProduct Viewed"].key.endswith(":visitor-1")
    assert len(found["trackProduct Viewed"].event.id) == 36  # a messageId was made
    assert found["tracke"].key.endswith(":12")
    assert found["pageHome"].event.properties == {"u": 1}
    assert "screen" in found


BAD_ITEMS: dict[str, tuple[Any, str]] = {
    "no type": ({"userId": "a", "event": "e"}, "/type"),
    "unknown type": ({"type": "delete", "userId": "a"}, "/type"),
    "not an object": (7, ""),
    "null": (None, ""),
    "no customer": ({"type": "track", "event": "e"}, "/userId"),
    "empty customer": ({"type": "track", "event": "e", "userId": ""}, "/userId"),
    "customer true": ({"type": "track", "event": "e", "userId": True}, "/userId"),
    "customer 1.5": ({"type": "track", "event": "e", "userId": 1.5}, "/userId"),
    "customer list": ({"type": "track", "event": "e", "userId": ["a"]}, "/userId"),
    "customer with NUL": ({"type": "track", "event": "e", "userId": "a\0b"}, "/userId"),
    "customer with a line break": ({"type": "track", "event": "e", "userId": "a\nb"}, "/userId"),
    "anonymous with a tab": ({"type": "track", "event": "e", "anonymousId": "a\tb"}, "/anonymousId"),
    "customer too long": ({"type": "track", "event": "e", "userId": "a" * 201}, "/userId"),
    "no event": ({"type": "track", "userId": "a"}, "/event"),
    "empty event": ({"type": "track", "userId": "a", "event": ""}, "/event"),
    "event with NUL": ({"type": "track", "userId": "a", "event": "e\0"}, "/event"),
    "event a number": ({"type": "track", "userId": "a", "event": 5}, "/event"),
    "messageId too long": ({"type": "track", "userId": "a", "event": "e", "messageId": "m" * 201}, "/messageId"),
    "bad timestamp": ({"type": "track", "userId": "a", "event": "e", "timestamp": "yesterday"}, "/timestamp"),
    "timestamp a number": ({"type": "track", "userId": "a", "event": "e", "timestamp": 1}, "/timestamp"),
    "properties a list": ({"type": "track", "userId": "a", "event": "e", "properties": []}, "/properties"),
    "traits text": ({"type": "identify", "userId": "a", "traits": "x"}, "/traits"),
    "huge number": ({"type": "track", "userId": "a", "event": "e", "properties": {"a": [1, 2**63]}}, "/properties/a/1"),
    "NUL in a value": ({"type": "identify", "userId": "a", "traits": {"x/y": {"z": "\0"}}}, "/traits/x~1y/z"),
    "NUL in a name": ({"type": "identify", "userId": "a", "traits": {"\0": 1}}, "/traits/\0"),
    "too large": ({"type": "track", "userId": "a", "event": "e", "properties": {"x": "y" * 33_000}}, ""),
}


@pytest.mark.parametrize("case", BAD_ITEMS)
async def test_a_bad_item_is_named_and_the_good_ones_are_taken(case: str, site: httpx.AsyncClient, taken: Take) -> None:
    bad, pointer = BAD_ITEMS[case]
    good = {"type": "track", "userId": "good", "event": "e"}
    answer = await site.post("/v1/batch", json={"batch": [good, bad, good]})
    said = answer.json()
    assert (answer.status_code, said["success"], said["accepted"]) == (200, False, 2)
    (rejected,) = said["rejected"]
    assert rejected["index"] == 1
    assert [problem["pointer"] for problem in rejected["problems"]] == [f"/batch/1{pointer}"]
    assert all(problem["message"] for problem in rejected["problems"])
    assert len(await taken(2)) == 2


@pytest.mark.parametrize("case", [case for case in BAD_ITEMS if case not in ("no type", "unknown type", "null")])
async def test_a_bad_single_event_is_refused_with_a_pointer(case: str, site: httpx.AsyncClient) -> None:
    bad, pointer = BAD_ITEMS[case]
    kind = bad["type"] if isinstance(bad, dict) else "track"
    answer = await site.post(f"/v1/{kind}", json=bad)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert _pointers(answer) == [pointer]


NO_JSON: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "(byte 0)"),
    "text": (b"hello", "(byte 0)"),
    "cut off": (b'{"batch": [{"type": "track"', "(byte 27)"),
    "trailing comma": (b'{"batch": [1,]}', "(byte 13)"),
    "NaN": (b'{"batch": [{"x": NaN}]}', "(byte 17)"),
    "Infinity": (b'{"batch": [], "sentAt": -Infinity}', "(byte 25)"),
    "byte order mark": (b"\xef\xbb\xbf{}", "(byte 0)"),
    "UTF-16": ('{"batch": []}'.encode("utf-16"), "(byte 0)"),
    "two documents": (b'{"batch": []} {}', "(byte 15)"),
    "lone surrogate": (b'{"batch": [{"type": "track", "userId": "\\ud800"}]}', "byte"),
    "single quotes": (b"{'batch': []}", "(byte 1)"),
    "form": (b"batch=1", "(byte 0)"),
}


@pytest.mark.parametrize("case", NO_JSON)
async def test_what_is_no_json_is_refused_as_a_whole_with_its_place(case: str, site: httpx.AsyncClient) -> None:
    body, place = NO_JSON[case]
    answer = await site.post("/v1/batch", content=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert place in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [(b"[]", ""), (b"{}", "/batch"), (b'{"batch": {}}', "/batch"), (b'{"batch": [], "sentAt": 1}', "/sentAt")],
)
async def test_json_of_another_shape_is_refused_with_a_pointer(
    body: bytes, pointer: str, site: httpx.AsyncClient
) -> None:
    answer = await site.post("/v1/batch", content=body)
    assert answer.status_code == 422
    assert _pointers(answer) == [pointer]


async def test_what_is_not_utf8_rejects_its_item_only(site: httpx.AsyncClient) -> None:
    good = b'{"type":"track","userId":"a","event":"e"}'
    bad = b'{"type":"track","userId":"a","event":"\xff"}'
    answer = await site.post("/v1/batch", content=b'{"batch":[' + good + b"," + bad + b"]}")
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    assert answer.json()["rejected"][0]["problems"][0]["pointer"] == "/batch/1"


@pytest.mark.parametrize("depth", [21, 5_000, 100_000])
async def test_deep_nesting_is_a_problem_not_a_crash(depth: int, site: httpx.AsyncClient) -> None:
    deep = b"[" * depth + b"]" * depth
    body = b'{"batch":[{"type":"track","userId":"a","event":"e","properties":{"x":' + deep + b"}}]}"
    answer = await site.post("/v1/batch", content=body)
    assert answer.status_code in (200, 422)
    assert "nested" in answer.text or "larger" in answer.text


async def test_an_empty_batch_is_no_error(site: httpx.AsyncClient) -> None:
    assert (await site.post("/v1/batch", json={"batch": []})).json() == {"success": True, "accepted": 0, "rejected": []}


async def test_attributes_beyond_64_kb_reject_the_identify_and_keep_the_row(
    site: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    items = [{"type": "identify", "userId": "big", "traits": {f"a{n}": "x" * 31_000}} for n in range(3)]
    other = {"type": "identify", "userId": "aaa", "traits": {"x": 1}}
    answer = await site.post("/v1/batch", json={"batch": [*items, other]})
    assert [each["index"] for each in answer.json()["rejected"]] == [2]
    assert answer.json()["rejected"][0]["problems"][0]["pointer"] == "/batch/2/traits"
    assert set((await admin.get("/api/customers/big")).json()["attributes"]) == {"a0", "a1"}
    single = await site.post("/v1/identify", json=items[2])
    assert (single.status_code, _pointers(single)) == (422, ["/traits"])


async def test_an_oversize_body_is_refused_before_it_is_read(site: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 64 << 20:
            sent += 64 << 10
            yield b" " * (64 << 10)

    declared = await site.post("/v1/batch", content=b" " * ((1 << 20) + 1))
    assert (declared.status_code, declared.headers["content-type"]) == (413, "application/problem+json")
    try:
        chunked = await site.post("/v1/batch", content=endless())
        assert chunked.status_code == 413
    except (httpx.WriteError, httpx.ReadError):
        pass  # the server has hung up: it need not read on
    assert sent < 32 << 20


async def test_a_compressed_body_is_refused(site: httpx.AsyncClient) -> None:
    answer = await site.post("/v1/batch", content=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415
