"""How fast the API takes events: `python -m benchmarks.ingest [seconds]`; needs Kafka, PostgreSQL and a workspace.

Method: the API runs in a process of its own with the settings of the environment; a load process keeps
`CONNECTIONS` connections busy with requests made beforehand (each waits for its answer, so every event counted was
acknowledged by Kafka). "Per core" divides by the CPU seconds of the API process, since broker and load share
the machine. Customers and messageIds differ between requests.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import httpx
import msgspec

from laudstream import settings as configuration
from laudstream.settings import Settings, environment

CONNECTIONS = 64
BATCH = 100
SERVE = "from api.app import serve\nfrom laudstream.settings import load\nserve(load())"


class Result(NamedTuple):
    requests: int
    events: int
    seconds: float
    cpu_seconds: float
    p50_ms: float
    p99_ms: float

    def as_dict(self) -> dict[str, float]:
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


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(port: int, pid: int, requests: list[bytes], events: int, seconds: float) -> Result:
    asyncio.run(load(port, requests, 1.0))  # warm
    cpu, started = cpu_seconds(pid), monotonic()
    times = sorted(asyncio.run(load(port, requests, seconds)))
    took, used, many = monotonic() - started, cpu_seconds(pid) - cpu, len(times)
    return Result(many, many * events, took, used, times[many // 2] * 1e3, times[many * 99 // 100] * 1e3)


def ingest(settings: Settings, seconds: float = 5.0) -> dict[str, dict[str, float]]:
    """Figures of single events and of batches; needs `write_key` in the settings."""
    process = subprocess.Popen([sys.executable, "-c", SERVE], env={**os.environ, **environment(settings)})
    try:
        _until_ready(f"http://127.0.0.1:{settings.api_port}/readyz")
        single = [request("/v1/track", msgspec.json.encode(event(n)), settings.write_key) for n in range(20_000)]
        numbers = iter(range(20_000, 10**9))
        batches = [[event(next(numbers)) for _ in range(BATCH)] for _ in range(500)]
        batch = [request("/v1/batch", msgspec.json.encode({"batch": each}), settings.write_key) for each in batches]
        return {
            "single": measure(settings.api_port, process.pid, single, 1, seconds).as_dict(),
            f"batches of {BATCH}": measure(settings.api_port, process.pid, batch, BATCH, seconds).as_dict(),
        }
    finally:
        process.terminate()
        process.wait()


def _until_ready(url: str, patience_s: float = 20.0) -> None:
    deadline = monotonic() + patience_s
    while True:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        if monotonic() > deadline:
            raise TimeoutError(f"{url} is not ready")


if __name__ == "__main__":
    print(json.dumps(ingest(configuration.load(), float(sys.argv[1]) if len(sys.argv) > 1 else 5.0), indent=2))
