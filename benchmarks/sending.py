"""Mails per second of one email sender: requests in, mails in the inbox, deliveries in Kafka.

Starts PostgreSQL, Kafka and the SMTP inbox, each in a process of its own. The stream's part is left out:
batches of 500 requests go straight to `apply`. Every mail is rendered, claimed, marked, sent, settled and published,
and the inbox is counted at the end. `parts_us` says what the steps that are pure CPU cost alone; `cpu_us` is all CPU
of the sender process per mail.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from agents.email import EmailSender, Letterhead
from agents.sending import smtp
from agents.streams import Batch, Step
from laudstream.channels.email import build
from laudstream.errors import Unavailable
from laudstream.ids import derive
from laudstream.local import inbox_store
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from laudstream.messages import template
from laudstream.messages.request import SendRequest
from laudstream.postgres import connect
from laudstream.records import codec
from laudstream.settings import Settings, environment

PORTS = 33000
WORKSPACE = "benchsending"
BATCH = 500
BODY = {
    "channel": "email",
    "subject": 'Welcome, {{ customer.first_name | default: "music lover" }}',
    "html": '<p>Hello {{ customer.first_name | default: "music lover" }},</p>\n<p>thank you for your first order of '
    '{{ entry.cds | default: "a few" }} CDs.\n   We are glad that you are here.</p>\n<p>Your record shop</p>\n',
}


class Record(NamedTuple):
    value: bytes
    key: bytes
    offset: int


class Templates:
    def body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        return BODY


def request(run: str, number: int) -> SendRequest:
    customer = f"customer-{number % 1000}"
    now = int(time.time() * 1000)
    return SendRequest(
        send_id=derive("send", run, number), workspace=WORKSPACE, customer=customer, channel="email",
        message_class="marketing", journey="bench", version=1, run=derive("run", run, number), step="mail", visit=1,
        attempt=1, template="welcome", template_version=1, to=f"{customer}@shop.example", requested_at=now,
        send_before=now + 86_400_000, context={"customer": {"first_name": "Ann"}, "entry": {"cds": 3}},
    )  # fmt: skip


async def prepare(settings: Settings) -> None:
    pool = await connect(settings.database_url)
    await pool.execute(
        "INSERT INTO workspaces (workspace_id, name) VALUES ($1, 'Benchmark') ON CONFLICT DO NOTHING", WORKSPACE
    )
    await pool.execute(
        "INSERT INTO customers (workspace_id, customer_id) SELECT $1, 'customer-' || n FROM generate_series(0, 999) n "
        "ON CONFLICT DO NOTHING", WORKSPACE,
    )  # fmt: skip
    await pool.execute("DELETE FROM stream_positions WHERE stream = 'senders:email' AND partition = 999")
    await pool.close()


@contextlib.asynccontextmanager
async def inbox(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "laudstream.local.inbox", env={**os.environ, **environment(settings)}, stdout=sys.stderr
    )
    try:
        async with asyncio.timeout(30):
            await _answers(smtp.server(settings.smtp_url))
        yield process
    finally:
        process.terminate()
        await process.wait()


async def _answers(to: smtp.Server) -> None:
    while True:
        try:
            await (await smtp.Connection.open(to, 5.0)).close()
        except Unavailable:
            await asyncio.sleep(0.05)
        else:
            return


def parts(count: int = 2000) -> dict[str, float]:
    """Microseconds a mail of the steps that are pure CPU."""
    asked = [request("parts", number) for number in range(count)]
    values = [codec.encode(each) for each in asked]
    letterhead = Letterhead(Templates(), "Shop <hello@shop.example>")
    letterhead.mail(asked[0])
    compiled = template.compile(BODY)
    rendered = template.render(compiled, asked[0].context)
    out = {}
    for name, work in (
        ("decode", lambda at: codec.request(values[at])),
        ("render", lambda at: template.render(compiled, asked[at].context)),
        ("build", lambda at: build(asked[at], rendered, "Shop <hello@shop.example>")),
        ("mail", lambda at: letterhead.mail(asked[at])),
    ):
        begin = time.process_time()
        for at in range(count):
            work(at)
        out[name] = round((time.process_time() - begin) / count * 1e6, 1)
    return out


async def run(settings: Settings, mails: int) -> dict[str, Any]:
    await prepare(settings)
    name = os.urandom(4).hex()
    values = [codec.encode(request(name, number)) for number in range(mails)]
    sender = EmailSender(settings, Templates())
    async with inbox(settings) as box:
        await sender.start()
        begin, cpu = time.perf_counter(), time.process_time()
        expected: int | None = None
        for start in range(0, mails, BATCH):
            some = [Record(value, b"", start + at) for at, value in enumerate(values[start : start + BATCH])]
            batch = Batch(sender.topics[1], 999, some, start + len(some))
            await sender.apply([Step(batch, expected)])
            expected = batch.next_offset
        while inbox_store.count(settings.inbox_db)[1] < mails and box.returncode is None:  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.05)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        await sender.stop()
        counted = inbox_store.count(settings.inbox_db)
    return {
        "correct": counted == (mails, mails),
        "mails": mails, "in_inbox": counted[0], "distinct": counted[1], "seconds": round(seconds, 2),
        "mails_per_second": round(mails / seconds), "cpu_us": round(cpu / mails * 1e6), "parts_us": parts(),
        "connections": settings.send_connections, "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": os.getloadavg()[0],
    }  # fmt: skip


def measure(*, quick: bool) -> dict[str, Any]:
    return uvloop.run(_measure(5_000 if quick else 20_000))


async def _measure(mails: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user
        async with Stack(Path(folder) / "stack", ports=Ports.above(PORTS), parts=("migrations", "topics")) as stack:
            return await run(stack.settings, mails)
