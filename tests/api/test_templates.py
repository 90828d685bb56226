"""Templates, against the real API and PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

BODY = {
    "channel": "email",
    "subject": "Hello {{ customer.first_name }}",
    "html": "<p>{{ entry.cart.total | default: 0 }} {{ customer.city }}</p>",
}


async def test_a_template_is_a_new_version_at_once_and_the_same_text_makes_none(
    admin: httpx.AsyncClient, owner: Pool, shop: Any
) -> None:
    first = (await admin.put("/api/templates/hello", json=BODY)).json()
    assert (first["version"], first["changed"], first["status"]) == (1, True, "publishing")
    assert first["requires"] == ["customer.city", "customer.first_name"]
    again = (await admin.put("/api/templates/hello", json={**BODY, "requires": ["whatever"]})).json()
    assert (again["version"], again["changed"]) == (1, False)
    other = (await admin.put("/api/templates/hello", json={**BODY, "subject": "Hi"})).json()
    assert (other["version"], other["changed"], other["requires"]) == (2, True, ["customer.city"])
    orders = await owner.fetch("SELECT * FROM control_outbox WHERE workspace_id = $1 ORDER BY outbox_id", shop.id)
    assert [(row["kind"], row["id"], row["version"], row["status"]) for row in orders] == [
        ("template", "hello", 1, "live"),
        ("template", "hello", 2, "live"),
    ]
    assert orders[1]["body"]["requires"] == ["customer.city"]
    shown = (await admin.get("/api/templates/hello")).json()
    assert (shown["live_version"], shown["body"]["subject"], shown["requires"]) == (2, "Hi", ["customer.city"])
    assert [each["version"] for each in shown["versions"]] == [2, 1]
    (line,) = (await admin.get("/api/templates")).json()["templates"]
    assert (line["id"], line["subject"], line["live_version"], line["requires"]) == (
        "hello",
        "Hi",
        2,
        ["customer.city"],
    )


async def test_two_versions_at_once_get_different_numbers(admin: httpx.AsyncClient) -> None:
    wishes = [admin.put("/api/templates/hello", json={**BODY, "subject": f"Hi {n}"}) for n in range(6)]
    answers = [answer.json() for answer in await asyncio.gather(*wishes)]
    assert sorted(answer["version"] for answer in answers) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({**BODY, "subject": "{{ custmer.name }}"}, "/subject"),
        ({**BODY, "html": "{% if %}"}, "/html"),
        ({**BODY, "html": ""}, "/html"),
        ({"subject": "x"}, "/html"),
        ({**BODY, "channel": "pigeon"}, "/channel"),
        ({**BODY, "colour": "red"}, "/colour"),
        ({**BODY, "id": "other"}, "/id"),
        ({**BODY, "from": "a@b.example\nBcc: all@shop.example"}, "/from"),
    ],
)
async def test_a_template_that_is_wrong_is_pointed_at_and_not_saved(
    body: dict[str, Any], pointer: str, admin: httpx.AsyncClient
) -> None:
    answer = await admin.put("/api/templates/hello", json=body)
    assert answer.status_code == 422
    assert pointer in [problem["pointer"] for problem in answer.json()["problems"]]
    assert (await admin.get("/api/templates/hello")).status_code == 404


@pytest.mark.parametrize("id", ["a b", "ä", "-x", "a:b", "a@2", "x" * 101])
async def test_an_id_that_is_none_is_refused(id: str, admin: httpx.AsyncClient) -> None:
    assert (await admin.put(f"/api/templates/{id}", json=BODY)).status_code == 422


async def test_a_preview_is_what_a_customer_would_get(site: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    await admin.put("/api/templates/hello", json=BODY)
    await site.post("/v1/identify", json={"userId": "anna", "traits": {"first_name": "<Anna>"}})
    shown = (await admin.post("/api/templates/hello/preview", json={"customer_id": "anna"})).json()
    assert (shown["subject"], shown["missing"]) == ("Hello <Anna>", ["customer.city"])
    context = {"customer": {"first_name": "Bo", "city": "<Ulm>"}, "entry": {"cart": {"total": 5}}}
    shown = (await admin.post("/api/templates/hello/preview", json={"context": context})).json()
    assert (shown["subject"], shown["html"], shown["missing"]) == ("Hello Bo", "<p>5 &lt;Ulm&gt;</p>", [])
    draft = {"context": context, "body": {**BODY, "subject": "New"}}
    assert (await admin.post("/api/templates/unsaved/preview", json=draft)).json()["subject"] == "New"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("hello", {"customer_id": "nobody"}, 404),
        ("nothing", {}, 404),
        ("hello", {"customer": "anna"}, 422),
        ("hello", {"context": []}, 422),
        ("hello", {"body": {"subject": "{{"}}, 422),
        ("hello", {"customer_id": "a\0"}, 422),
    ],
)
async def test_a_preview_of_what_is_not_there(path: str, body: Any, status: int, admin: httpx.AsyncClient) -> None:
    await admin.put("/api/templates/hello", json=BODY)
    answer = await admin.post(f"/api/templates/{path}/preview", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


HOOK = {"channel": "webhook", "url": "https://shop.example/{{ entry.order }}", "body": {"city": "{{ customer.city }}"}}


async def test_a_webhook_is_a_template_with_a_preview_of_its_own(admin: httpx.AsyncClient) -> None:
    made = (await admin.put("/api/templates/call", json=HOOK)).json()
    assert (made["version"], made["requires"]) == (1, ["customer.city", "entry.order"])
    (line,) = (await admin.get("/api/templates")).json()["templates"]
    assert (line["channel"], line["subject"]) == ("webhook", HOOK["url"])
    context = {"entry": {"order": "a/b"}, "customer": {"city": "Ulm"}}
    shown = (await admin.post("/api/templates/call/preview", json={"context": context})).json()
    assert shown == {
        "channel": "webhook", "missing": [], "method": "POST", "url": "https://shop.example/a%2Fb",
        "headers": [["Content-Type", "application/json"]], "body": '{"city":"Ulm"}',
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"url": "file:///etc/passwd"}, "/url"),
        ({"headers": {"X": "a\r\nB: c"}}, "/headers/X"),
        ({"html": "x"}, "/html"),
    ],
)
async def test_a_webhook_that_is_wrong_is_pointed_at(more: Any, pointer: str, admin: httpx.AsyncClient) -> None:
    answer = await admin.put("/api/templates/call", json={**HOOK, **more})
    assert [problem["pointer"] for problem in answer.json()["problems"]] == [pointer]


async def test_a_template_keeps_its_channel(admin: httpx.AsyncClient) -> None:
    """Journeys name it for that channel."""
    assert (await admin.put("/api/templates/call", json=HOOK)).status_code == 200
    answer = await admin.put("/api/templates/call", json=BODY)
    assert (answer.status_code, "webhook" in answer.json()["detail"]) == (409, True)


async def test_r20_a_step_names_a_template_of_its_channel(admin: httpx.AsyncClient) -> None:
    await admin.put("/api/templates/call", json=HOOK)
    for channel, status in (("email", 422), ("webhook", 200)):
        body = {
            "id": "j", "name": "j", "entry": [{"event": {"name": "go"}}], "start": "say",
            "steps": {"say": {"message": {"channel": channel, "template": "call"}, "next": "out"},
                      "out": {"exit": {"outcome": "done"}}},
        }  # fmt: skip
        assert (await admin.put("/api/journeys/j", json=body)).status_code == 200
        answer = await admin.post("/api/journeys/j/publish")
        assert answer.status_code == status, answer.text
        if status == 422:
            assert answer.json()["problems"][0]["pointer"] == "/steps/say/message/template"
