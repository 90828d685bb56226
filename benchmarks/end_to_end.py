"""S4: HTTP track → journey → mail received, open loop at 200 events/s; start-up time and memory of the whole stack.

Latency runs from the instant an event was due to be posted to the instant the inbox has stored the mail, so a slow
answer makes its successors late too. All runs on one machine, the client among it. The first seconds of load find a
JVM that still compiles; they are told apart as `warming_up`. Gate: every event, those too, has exactly one mail.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import httpx
import msgspec
import uvloop

from benchmarks.report import cpu_seconds, cuts
from laudstream.local import proc
from laudstream.local.ports import Ports
from laudstream.local.stack import Report, Stack
from laudstream.settings import Settings

PORTS = 32000
RATE = 200
WARM_UP_S = 10
CUSTOMERS = 1000
CONNECTIONS = 64
PATIENCE_S = 60

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


class Posted(NamedTuple):
    due: list[int]
    """When each event was to be posted, ms."""
    answered: list[float]
    """From then to the answer, ms."""


def measure(*, quick: bool) -> dict[str, Any]:
    return uvloop.run(_measure(15 if quick else 60))


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
            before: dict[str, float] = {}

            async def warm() -> None:
                await asyncio.sleep(WARM_UP_S)
                before.update(_cpu(stack))

            warming = asyncio.create_task(warm())
            posted = await _post(stack.settings, RATE * (WARM_UP_S + seconds))
            await warming
            client = cpu_seconds(os.getpid())  # what follows is reading
            late = await asyncio.to_thread(_latencies, stack.settings.inbox_db, posted.due)
            used = {name: spent - before[name] for name, spent in {**_cpu(stack), "client": client}.items()}
            after = {name: size >> 20 for name, size in stack.memory().items()}
    cold, events = RATE * WARM_UP_S, RATE * seconds
    correct = len(late) == len(posted.due)
    warm_late = late[cold:] if correct else []
    return {
        "correct": correct,
        "rate_per_s": RATE,
        "events": len(posted.due),
        "mails": len(late),
        "post_ms": cuts(posted.answered[cold:]),
        "track_to_mail_ms": cuts(warm_late),
        "track_to_mail_ms_by_third": [cuts(part)["p50"] for part in _thirds(warm_late)],
        "warming_up": {"seconds": WARM_UP_S, "track_to_mail_ms": cuts(late[:cold])},
        "cpu_ms_per_event": {name: round(spent * 1000 / events, 2) for name, spent in used.items()},
        "cores_used": round(sum(used.values()) / seconds, 2),
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


async def _post(settings: Settings, count: int) -> Posted:
    """Post `count` events on schedule, each by itself, whether or not those before it are answered.

    aiohttp, not httpx: with a thousand requests under way httpx's pool took a whole core, which is to be measured
    here least of all.
    """
    encode = msgspec.json.Encoder().encode
    url, headers = f"{settings.api_url}/v1/track", {"content-type": "application/json"}
    answered = [0.0] * count
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        auth=aiohttp.BasicAuth(settings.write_key, ""),
        timeout=aiohttp.ClientTimeout(total=PATIENCE_S),
        raise_for_status=True,
    ) as client:
        began = time.time() + 0.5
        due = [int((began + n / RATE) * 1000) for n in range(count)]

        async def one(n: int) -> None:
            body = {
                "userId": f"c{n % CUSTOMERS}",
                "event": "purchase",
                "properties": {"amount": n},
                "messageId": f"e{n}",
            }
            async with client.post(url, data=encode(body), headers=headers) as answer:
                await answer.read()
            answered[n] = time.time() * 1000 - due[n]

        async with asyncio.TaskGroup() as requests:
            for n in range(count):
                pause = due[n] / 1000 - time.time()
                if pause > 0:
                    await asyncio.sleep(pause)
                requests.create_task(one(n))
    return Posted(due, answered)


def _latencies(inbox: str, due: list[int]) -> list[float]:
    """Milliseconds from due to received, by the number that each mail's body carries; waits a while for all.

    Empty if there is a mail too many.
    """
    received: dict[int, int] = {}
    mails = last = 0
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with closing(sqlite3.connect(f"file:{inbox}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT id, received_at, raw FROM mails WHERE id > ? ORDER BY id", (last,))
            for id, at, raw in rows:
                last, mails = id, mails + 1
                received[int(raw.split(b"<p>")[1].split(b"</p>")[0])] = at
        if len(received) == len(due):
            break
        time.sleep(0.2)
    return [float(received[n] - due[n]) for n in sorted(received)] if mails == len(received) else []


def _cpu(stack: Stack) -> dict[str, float]:
    """CPU seconds so far of each part with its children, and of ourselves."""
    used = {"client": cpu_seconds(os.getpid())}
    for name, child in stack.children.items():
        used[name] = sum(map(cpu_seconds, (child.pid, *proc.children(child.pid))))
    return used


def _thirds(values: Sequence[float]) -> list[Sequence[float]]:
    third = len(values) // 3
    return [values[:third], values[third : 2 * third], values[2 * third :]]
