"""Who starts while a server is away waits for it and says so."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from laudstream import away
from laudstream.errors import Invalid, Unavailable
from laudstream.local.ports import free_base
from laudstream.settings import Settings
from tests.local.conftest import WaitUntil


class Server:
    """Away for the first `tries` questions."""

    def __init__(self, tries: int) -> None:
        self.tries = tries

    async def __call__(self) -> str:
        self.tries -= 1
        if self.tries >= 0:
            raise Unavailable("nobody at home")
        return "here"


async def test_a_server_that_is_away_is_waited_for_and_the_log_says_which_and_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(away, "PAUSE_S", 0.0)
    with capture_logs() as logs:
        assert await away.answer("Kafka", Server(5)) == "here"
    assert [(line["event"], line["server"]) for line in logs] == [("waiting_for", "Kafka"), ("answers", "Kafka")]
    assert (logs[0]["error"], logs[0]["seconds"]) == ("nobody at home", 0)


async def test_it_is_said_again_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(away, "PAUSE_S", 0.0)
    monkeypatch.setattr(away, "SAY_S", 0.0)
    with capture_logs() as logs:
        await away.answer("Kafka", Server(3))
    assert [line["event"] for line in logs] == ["waiting_for"] * 3 + ["answers"]


async def test_a_server_that_is_there_is_not_worth_a_word() -> None:
    with capture_logs() as logs:
        assert await away.answer("Kafka", Server(0)) == "here"
    assert logs == []


async def test_what_a_server_refuses_is_not_waited_for() -> None:
    async def ask() -> None:
        raise Invalid("no such role")

    with pytest.raises(Invalid, match="no such role"):
        await away.answer("PostgreSQL", ask)


async def test_nobody_at_the_address_of_kafka_is_a_reason_to_wait(wait_until: WaitUntil) -> None:
    address = f"127.0.0.1:{free_base() + 1}"
    with capture_logs() as logs:
        waiting = asyncio.create_task(away.servers(Settings(kafka=address)))
        await wait_until(lambda: logs or waiting.done())
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert logs[0]["server"] == "Kafka"
    assert f"Kafka does not answer at {address}" in logs[0]["error"]
