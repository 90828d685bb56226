"""Kafka and PostgreSQL go away and come back: 503 meanwhile, nothing accepted is lost, and no restart is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.integration, pytest.mark.faults]

Until = Callable[..., Awaitable[None]]


@pytest.fixture(scope="session")
def hasty(serve: Callable[..., Any], stack: Any) -> Any:
    """An API that waits only a second for Kafka."""
    return serve(stack.ports.api + 4, ack_timeout_s=1.0)


@pytest.fixture
async def client(hasty: Any, shop: Any) -> AsyncIterator[httpx.AsyncClient]:
    auth = httpx.BasicAuth(shop.write_key, "")
    async with httpx.AsyncClient(base_url=hasty.settings.api_url, auth=auth, timeout=30) as client:
        assert (await client.post("/v1/batch", json={"batch": []})).status_code == 200  # the key is known
        yield client


def _event(n: int) -> dict[str, Any]:
    return {"userId": f"c{n}", "event": "e", "messageId": f"m{n}"}


async def _works(client: httpx.AsyncClient) -> bool:
    """Events of many customers are taken: all partitions work."""
    batch = [{"type": "track", **_event(n)} for n in range(100, 150)]
    return (await client.post("/v1/batch", json={"batch": batch})).status_code == 200


async def test_while_kafka_is_frozen_the_answer_is_503_and_a_repeat_is_safe(
    client: httpx.AsyncClient, stack: Any, taken: Callable[[int], Awaitable[list[Any]]], until: Until
) -> None:
    stack.part("kafka").freeze()
    try:
        answers = await asyncio.gather(*(client.post("/v1/track", json=_event(n)) for n in range(20)))
        ready = await client.get("/readyz")
        live = await client.get("/healthz")
    finally:
        stack.part("kafka").thaw()
    assert {answer.status_code for answer in answers} == {503}
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert int(answers[0].headers["retry-after"]) > 0
    assert "messageId" in answers[0].json()["detail"]
    assert (ready.status_code, "Kafka" in ready.json()["detail"]) == (503, True)
    assert live.status_code == 200
    await until(lambda: _works(client))
    for n in range(20):
        assert (await client.post("/v1/track", json=_event(n))).status_code == 200
    wanted = {f"m{n}" for n in range(20)}
    found: set[str] = set()
    async with asyncio.timeout(20):
        while not wanted <= found:
            found |= {each.event.id for each in await taken(1)}


async def test_after_kafka_was_killed_events_are_taken_again_without_a_restart(
    client: httpx.AsyncClient, stack: Any, until: Until
) -> None:
    await stack.part("kafka").kill()
    for n in range(3):
        assert (await client.post("/v1/track", json=_event(n))).status_code == 503
    await stack.part("kafka").start()
    await until(lambda: _works(client), 120)
    answers = await asyncio.gather(*(client.post("/v1/track", json=_event(n)) for n in range(50)))
    assert {answer.status_code for answer in answers} == {200}  # every partition


async def test_without_postgresql_events_are_taken_and_the_rest_answers_503(
    client: httpx.AsyncClient, hasty: Any, stack: Any, shop: Any, until: Until
) -> None:
    headers = {"Authorization": f"Bearer {shop.admin_token}"}
    await stack.part("postgres").stop()
    try:
        async with httpx.AsyncClient(base_url=hasty.settings.api_url, headers=headers, timeout=30) as admin:
            assert (await client.post("/v1/track", json=_event(1))).status_code == 200
            identify = {"type": "identify", "userId": "c1", "traits": {"x": 1}}
            for body in ({"batch": [identify]}, {"batch": [{"type": "track", **_event(2)}, identify]}):
                answer = await client.post("/v1/batch", json=body)
                assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
            for path in ("/api/journeys", "/readyz"):
                answer = await admin.get(path)
                assert answer.status_code == 503
                assert "PostgreSQL" in answer.json()["detail"]
    finally:
        await stack.part("postgres").start()
    async with httpx.AsyncClient(base_url=hasty.settings.api_url, headers=headers, timeout=30) as admin:

        async def answers() -> bool:
            return (await admin.get("/api/journeys")).status_code == 200

        await until(answers)
        assert (await client.post("/v1/identify", json={"userId": "c1"})).status_code == 200
