"""How fast the API takes events: single requests and batches, beside an empty ASGI app on the same server.

Method: a fresh PostgreSQL and Kafka; the API in a process of its own; this process keeps `CONNECTIONS` connections busy
with requests made beforehand, each of which waits for its answer, so that every event counted was acknowledged by
Kafka. At the end the log must hold exactly the acknowledged events. "Per CPU second" divides by the CPU time of the
API process, since broker and load share the machine. Customers and messageIds differ between requests.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from base64 import b64encode
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import httpx
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.report import cpu_seconds
from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.settings import Settings, environment
from laudstream.topics import EVENTS

CONNECTIONS = 64
BATCH = 100
SERVE = "from api.app import serve\nfrom laudstream.settings import load\nserve(load())"
EMPTY = """
import sys, uvicorn
BODY = b'{"success":true,"accepted":1,"rejected":[]}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
async def app(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", lifespan="off", log_level="error")
"""


class Result(NamedTuple):
    requests: int
    events: int
    seconds: float
    cpu_seconds: float
    p50_ms: float
    p99_ms: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "requests_per_second": round(self.requests / self.seconds),
            "events_per_second": round(self.events / self.seconds),
            "events_per_cpu_second": round(self.events / self.cpu_seconds),
            "cpu_us_per_event": round(self.cpu_seconds / self.events * 1e6, 2),
            "p50_ms": round(self.p50_ms, 2),
            "p99_ms": round(self.p99_ms, 2),
        }


def event(number: int) -> dict[str, object]:
    return {
        "type": "track",
        "userId": f"customer-{number * 7919 % 20_000}",
        "event": "order_completed",
        "messageId": f"bench-{number}",
        "properties": {"order": f"o-{number}", "amount": 23.5, "quantity": 2, "currency": "EUR"},
    }


def request(path: str, body: bytes, key: str) -> bytes:
    login = b64encode(f"{key}:".encode()).decode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Client(asyncio.Protocol):
    """One connection: sends the next request as soon as the answer before is there."""

    def __init__(self, requests: itertools.cycle[bytes], deadline: float, times: list[float]) -> None:
        self.requests, self.deadline, self.times = requests, deadline, times
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.sent_at = monotonic()
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.seen += data
        if not self.seen.endswith(b"}"):
            return
        if not self.seen.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(RuntimeError(self.seen.decode()))
            self.transport.close()
            return
        self.seen = b""
        self.times.append(monotonic() - self.sent_at)
        if monotonic() < self.deadline:
            self.send()
        else:
            self.done.set_result(None)
            self.transport.close()


async def load(port: int, requests: list[bytes], seconds: float) -> list[float]:
    """Seconds that each request took."""
    times: list[float] = []
    wheel = itertools.cycle(requests)
    deadline = monotonic() + seconds
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Client(wheel, deadline, times), "127.0.0.1", port)
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(client.done for _, client in made))
    return times


def _run(port: int, pid: int, requests: list[bytes], events: int, seconds: float) -> tuple[Result, int]:
    """The result, and how many events were acknowledged, the warm-up's among them."""
    warm = len(asyncio.run(load(port, requests, 1.0)))
    cpu, started = cpu_seconds(pid), monotonic()
    times = sorted(asyncio.run(load(port, requests, seconds)))
    took, used, many = monotonic() - started, cpu_seconds(pid) - cpu, len(times)
    result = Result(many, many * events, took, used, times[many // 2] * 1e3, times[many * 99 // 100] * 1e3)
    return result, (warm + many) * events


def measure(*, quick: bool) -> dict[str, Any]:
    seconds, rounds = (3.0, 1) if quick else (10.0, 3)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user
        stack = Stack(Path(folder) / "stack", ports=Ports.above(free_base()), parts=("workspace", "topics"))
        asyncio.run(stack.start())
        try:
            runs = _api(stack.settings, seconds, rounds)
            acknowledged = sum(run.pop("acknowledged") for found in runs.values() for run in found)
            kept = asyncio.run(_kept(stack.settings))
            runs["empty_asgi_app"] = [_empty(stack.settings, seconds) for _ in range(rounds)]
        finally:
            asyncio.run(stack.stop())
    rows = {
        name: {field: statistics.median(run[field] for run in found) for field in found[0]}
        for name, found in runs.items()
    }
    return {"correct": kept == acknowledged, "events_acknowledged": acknowledged, "events_kept": kept, "runs": rows}


def _api(settings: Settings, seconds: float, rounds: int) -> dict[str, list[dict[str, Any]]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE], env={**os.environ, **environment(settings)}, stderr=subprocess.DEVNULL
    )
    runs: dict[str, list[dict[str, Any]]] = {}
    try:
        _until_ready(f"http://127.0.0.1:{settings.api_port}/readyz")
        for name, many, requests in (
            ("single", 1, _singles(settings)),
            (f"batches_of_{BATCH}", BATCH, _batches(settings)),
        ):
            for _ in range(rounds):
                result, acknowledged = _run(settings.api_port, process.pid, requests, many, seconds)
                runs.setdefault(name, []).append({**result.as_dict(), "acknowledged": acknowledged})
    finally:
        process.terminate()
        process.wait()
    return runs


def _singles(settings: Settings) -> list[bytes]:
    return [request("/v1/track", msgspec.json.encode(event(n)), settings.write_key) for n in range(20_000)]


def _batches(settings: Settings) -> list[bytes]:
    batches = ([event(n * BATCH + k) for k in range(BATCH)] for n in range(500))
    return [request("/v1/batch", msgspec.json.encode({"batch": each}), settings.write_key) for each in batches]


def _empty(settings: Settings, seconds: float) -> dict[str, float]:
    process = subprocess.Popen([sys.executable, "-c", EMPTY, str(settings.api_port)])
    try:
        _until_ready(f"http://127.0.0.1:{settings.api_port}/")
        return _run(settings.api_port, process.pid, _singles(settings), 1, seconds)[0].as_dict()
    finally:
        process.terminate()
        process.wait()


async def _kept(settings: Settings) -> int:
    """Records in the log of events."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(EVENTS, p) for p in range(settings.partitions)])
        return sum(ends.values())
    finally:
        await consumer.stop()


def _until_ready(url: str, patience_s: float = 30.0) -> None:
    deadline = monotonic() + patience_s
    while True:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        if monotonic() > deadline:
            raise TimeoutError(f"{url} is not ready")
