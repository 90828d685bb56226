"""S4: HTTP track → journey → mail received, open loop at 200 events/s; start-up time and memory of the whole stack.

Latency runs from the instant an event was due to be posted to the instant the inbox has stored the mail, so a slow
answer makes its successors late too. Gate: every event has exactly one mail.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec

from laudstream.local.ports import Ports
from laudstream.local.stack import Report, Stack
from laudstream.settings import Settings

PORTS = 32000
RATE = 200
CUSTOMERS = 1000

TEMPLATE = {"id": "hello", "channel": "email", "subject": "Hello", "html": "<p>{{ entry.amount }}</p>"}
JOURNEY = {
    "id": "answer",
    "name": "Answer each purchase",
    "entry": [{"event": {"name": "purchase"}, "reentry": "always"}],
    "start": "hello",
    "steps": {
        "hello": {"message": {"channel": "email", "template": "hello"}, "next": "done"},
        "done": {"exit": {"outcome": "answered"}},
    },
}


def measure(*, quick: bool) -> dict[str, Any]:
    return asyncio.run(_measure(15 if quick else 60))


async def _measure(seconds: int) -> dict[str, Any]:
    parts: dict[str, float] = {}

    def note(report: Report) -> None:
        if report.event == "ready":
            parts[report.name] = round(report.seconds, 2)

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        began = time.monotonic()
        async with Stack(Path(folder) / "stack", ports=Ports.above(PORTS), report=note) as stack:
            up = time.monotonic() - began
            idle = {name: size >> 20 for name, size in stack.memory().items()}
            await _prepare(stack.settings)
            due = await _post(stack.settings, RATE * seconds)
            late = await asyncio.to_thread(_latencies, stack.settings.inbox_db, due)
            after = {name: size >> 20 for name, size in stack.memory().items()}
    cuts = statistics.quantiles(late, n=1000) if len(late) > 1 else [0.0] * 999
    return {
        "correct": len(late) == len(due),
        "rate_per_s": RATE,
        "events": len(due),
        "mails": len(late),
        "track_to_mail_ms": {"p50": round(cuts[499], 1), "p90": round(cuts[899], 1), "p99": round(cuts[989], 1)},
        "up_seconds": round(up, 1),
        "up_seconds_by_part": parts,
        "rss_mb_idle": idle,
        "rss_mb_after": after,
    }


async def _prepare(settings: Settings) -> None:
    """Template, journey and customers, all seen by the lanes."""
    headers = {"Authorization": f"Bearer {settings.api_token}"}
    async with httpx.AsyncClient(base_url=settings.api_url, headers=headers, timeout=60) as client:
        for request in (
            client.build_request("PUT", "/api/templates/hello", params={"wait": 20}, json=TEMPLATE),
            client.build_request("PUT", "/api/journeys/answer", json=JOURNEY),
            client.build_request("POST", "/api/journeys/answer/publish", params={"wait": 20}),
        ):
            (await client.send(request)).raise_for_status()
    known = [
        {"type": "identify", "userId": f"c{n}", "traits": {"email": f"c{n}@shop.example"}} for n in range(CUSTOMERS)
    ]
    async with httpx.AsyncClient(base_url=settings.api_url, auth=(settings.write_key, ""), timeout=60) as client:
        for at in range(0, CUSTOMERS, 100):
            (await client.post("/v1/batch", json={"batch": known[at : at + 100]})).raise_for_status()


async def _post(settings: Settings, count: int) -> list[int]:
    """Post `count` events on schedule; returns when each was due, ms."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    encode = msgspec.json.Encoder().encode
    async with httpx.AsyncClient(
        base_url=settings.api_url, auth=(settings.write_key, ""), limits=limits, timeout=30
    ) as client:
        began = time.time() + 0.5
        due = [int((began + n / RATE) * 1000) for n in range(count)]

        async def one(n: int) -> None:
            await asyncio.sleep(due[n] / 1000 - time.time())
            body = {
                "userId": f"c{n % CUSTOMERS}",
                "event": "purchase",
                "properties": {"amount": n},
                "messageId": f"e{n}",
            }
            answer = await client.post("/v1/track", content=encode(body), headers={"content-type": "application/json"})
            answer.raise_for_status()

        await asyncio.gather(*(one(n) for n in range(count)))
    return due


def _latencies(inbox: str, due: list[int]) -> list[float]:
    """Milliseconds from due to received, by the number that each mail's body carries; waits up to 60 s for all."""
    received: dict[int, int] = {}
    deadline = time.monotonic() + 60
    while len(received) < len(due) and time.monotonic() < deadline:
        with closing(sqlite3.connect(f"file:{inbox}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT received_at, raw FROM mails").fetchall()
        if len(rows) > len(due):
            return []
        received = {int(raw.split(b"<p>")[1].split(b"</p>")[0]): at for at, raw in rows}
        time.sleep(0.2)
    return [float(received[n] - due[n]) for n in received]
