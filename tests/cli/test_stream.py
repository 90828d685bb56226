"""Streaming events through the API: order, retries, refusals."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from laudstream.cli.events import finish, from_csv, from_json_lines
from laudstream.cli.stream import Numbered, Stream
from laudstream.errors import Invalid, LaudstreamError, Unavailable
from laudstream.settings import Settings


def purchases(customers: int = 40, each: int = 50) -> list[Numbered]:
    """Events of many customers, interleaved."""
    lines = count(1)
    return [
        Numbered(line, {"type": "track", "userId": f"c{customer}", "event": "bought", "messageId": f"f-{line}", "n": n})
        for n in range(each)
        for customer, line in zip(range(customers), lines, strict=False)
    ]


def settings_for(url: str) -> Settings:
    return Settings(api_url=url, write_key="wk_test")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def assert_in_order(log: Any, customers: int, each: int) -> None:
    orders = defaultdict(list)
    for event in log.events.values():
        orders[event["userId"]].append(event["n"])
    assert len(orders) == customers
    assert all(order == list(range(each)) for order in orders.values())


async def test_each_customers_events_arrive_once_and_in_the_order_of_the_file(serving: Any, batch_log: Any) -> None:
    log, done = batch_log(), []
    async with serving(log.app) as url:
        streamed = await Stream(settings_for(url), progress=done.append, batch_events=20).send(purchases())
    assert (streamed.accepted, streamed.rejected, streamed.retries) == (2000, [], 0)
    assert sum(done) == 2000
    assert log.largest == 20
    assert log.keys == {"Basic d2tfdGVzdDo="}
    assert_in_order(log, 40, 50)


async def test_failures_are_tried_again_with_the_same_ids_and_order_is_kept(serving: Any, batch_log: Any) -> None:
    log = batch_log(*[503, "lost", 429, "lost", 502] * 4)
    async with serving(log.app) as url:
        streamed = await Stream(settings_for(url), batch_events=20).send(purchases(20, 20))
    assert streamed.accepted == 400
    assert streamed.retries == 20
    assert_in_order(log, 20, 20)


async def test_a_server_that_comes_back_gets_what_it_missed(serving: Any, batch_log: Any) -> None:
    log, port = batch_log(), free_port()
    stream = Stream(settings_for(f"http://127.0.0.1:{port}"), batch_events=20)
    sending = asyncio.create_task(stream.send(purchases(20, 20)))
    async with asyncio.timeout(10):
        while not stream.result.retries:
            await asyncio.wait({sending}, timeout=0.01)
    async with serving(log.app, port):
        assert (await sending).accepted == 400
    assert_in_order(log, 20, 20)


async def test_where_nobody_listens_the_error_says_what_to_do() -> None:
    with pytest.raises(Unavailable, match="laudstream up"):
        await Stream(settings_for(f"http://127.0.0.1:{free_port()}"), patience_s=0.3).send(purchases(1, 1))


async def test_a_server_that_stays_away_is_named(serving: Any, batch_log: Any) -> None:
    log = batch_log(*[503] * 1000)
    async with serving(log.app) as url:
        with pytest.raises(Unavailable, match="503"):
            await Stream(settings_for(url), patience_s=0.3).send(purchases(1, 1))


@pytest.mark.parametrize(("status", "error"), [(401, Invalid), (422, Invalid), (400, Invalid)])
async def test_a_request_that_is_refused_as_a_whole_ends_the_stream(
    status: int, error: type[LaudstreamError], serving: Any, batch_log: Any
) -> None:
    log = batch_log(status)
    async with serving(log.app) as url:
        with pytest.raises(error):
            await Stream(settings_for(url)).send(purchases(20, 2))
    assert log.requests <= 8


async def test_refused_items_are_named_by_their_line(serving: Any, batch_log: Any) -> None:
    events = purchases(3, 3)
    events[4].event["userId"] = ""
    async with serving(batch_log().app) as url:
        streamed = await Stream(settings_for(url)).send(events)
    assert streamed.accepted == 8
    assert [refusal.line for refusal in streamed.rejected] == [events[4].line]
    assert "userId is missing" in streamed.rejected[0].reason


async def test_batches_that_are_too_large_are_halved_in_order(serving: Any, batch_log: Any) -> None:
    log = batch_log()
    log.max_bytes = 1000
    events = purchases(2, 30)
    events[-1].event["properties"] = {"text": "x" * 2000}
    async with serving(log.app) as url:
        streamed = await Stream(settings_for(url)).send(events)
    assert streamed.accepted == 59
    assert [refusal.line for refusal in streamed.rejected] == [events[-1].line]
    orders = [event["n"] for event in log.events.values() if event["userId"] == "c0"]
    assert orders == list(range(30))


def test_json_lines_become_events_and_bad_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"userId": "a", "event": "bought", "timestamp": "2024-01-01T00:00:00Z", "messageId": "theirs"}\n'
        b"\n"
        b'{"userId": "a", "traits": {"plan": "free"}}\n'
        b"{broken\n"
        b"[1]\n"
        b'{"userId": "b\xff"}\n'
        b'{"type": "page", "userId": "b", "name": "home", "sentAt": "2024-01-01T00:00:00Z"}\n'
    )
    refused: list = []
    events = list(finish(from_json_lines(path, refused), "history", keep_times=False))
    assert [(line, event["messageId"], event["type"]) for line, event in events] == [
        (1, "history-1", "track"),
        (3, "history-3", "identify"),
        (7, "history-7", "page"),
    ]
    assert not any({"timestamp", "sentAt"} & event.keys() for _, event in events)
    assert [row.line for row in refused] == [4, 5, 6]


def test_csv_rows_become_events_with_typed_properties(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("customer_id,what,total,timestamp\n07,bought,12.50,2024-01-01T00:00:00Z\n08,returned,3,\n,x,1,\n")
    refused: list = []
    lines, rows = from_csv(path, "", "what", "", (), refused)
    assert list(finish(lines, "orders", keep_times=True)) == [
        Numbered(2, {"type": "track", "userId": "07", "event": "bought", "timestamp": "2024-01-01T00:00:00Z",
                     "properties": {"total": 12.5}, "messageId": "orders-2"}),
        Numbered(3, {"type": "track", "userId": "08", "event": "returned", "properties": {"total": 3},
                     "messageId": "orders-3"}),
    ]  # fmt: skip
    assert rows == 3
    assert [row.line for row in refused] == [4]
    with pytest.raises(Invalid):
        from_csv(path, "", "", "", (), [])
