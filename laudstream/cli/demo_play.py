"""The demo's acts on a stack that is up: import, publish, wait for CDC, stream, wait for the mails, count, replay."""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import msgspec

from laudstream import topics
from laudstream.cli import apply, customers
from laudstream.cli.client import Client
from laudstream.cli.demo_board import Board, Moment
from laudstream.cli.demo_figures import JOURNEY, Found, Replayed, Requests
from laudstream.cli.files import load
from laudstream.cli.stream import Numbered, Stream
from laudstream.errors import Unavailable
from laudstream.journey.naming import templates_of
from laudstream.local import cdnow, inbox_store
from laudstream.local.cdnow import Figures, Purchase
from laudstream.local.logs import Logs
from laudstream.postgres import connect, queries
from laudstream.records import codec
from laudstream.settings import Settings

CDC_S = 60.0
"""All customers are in the lanes after so long, or something is wrong."""
STALL_S = 45.0
"""Nothing moves for so long: the rest will not come. Longer than the journey's wait of 20 s."""
POLL_S = 1.0
APPLY_WAIT_S = 30

_SQL = queries("demo")


def say(text: str) -> None:
    click.echo(f"demo: {text}")


class Play:
    """One performance. `local_env` is the folder of the sample files, `folder` one to write to."""

    def __init__(self, settings: Settings, local_env: Path, folder: Path) -> None:
        self._settings = settings
        self._files = local_env
        self._folder = folder
        self._purchases: list[Purchase] = []

    async def used(self) -> int:
        """Customers that are there already: the demo's figures hold only on an empty stack."""
        pool = await connect(self._settings.worker_dsn, max_size=1)
        try:
            return int(await pool.fetchval(_SQL["customers"]))
        finally:
            await pool.close()

    async def perform(self) -> tuple[Figures, Found]:
        """All acts. Raises Unavailable where the stack does not keep up, Invalid where a file is wrong."""
        self._purchases = await asyncio.to_thread(cdnow.read, self._files / "data" / cdnow.FILE)
        figures = cdnow.expected(self._purchases)
        await self._import()
        with Client(self._settings) as client:
            await asyncio.to_thread(self._publish, client)
            workspace = (await asyncio.to_thread(client.get, "workspace"))["id"]
            async with Logs(self._settings) as logs:
                await self._wait_for_customers(logs, workspace, figures.customers)
                accepted, stream_seconds = await self._stream(logs, client, figures)
                say("counting in Kafka, PostgreSQL and the inbox …")
                requests = await self._requests(logs, workspace)
            stats = await asyncio.to_thread(client.get, "journeys", JOURNEY, "stats")
        there, claims = await self._rows(workspace)
        mails, ids = await asyncio.to_thread(inbox_store.count, self._settings.inbox_db)
        replayed = await self._replay()
        found = Found(there, accepted, stats, requests, claims, mails, ids, replayed, stream_seconds=stream_seconds)
        return figures, found

    async def _import(self) -> None:
        """The customers, as a CSV file through `customers import`."""
        path = self._folder / "cdnow-customers.csv"
        rows = list(cdnow.customers(self._purchases))
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        began = time.monotonic()
        table, reader, count = customers.prepare(path)
        done = await customers.run(self._settings.worker_dsn, "", table, reader, count, dry_run=False)
        say("customers " + customers.summary(done, time.monotonic() - began, dry_run=False))

    def _publish(self, client: Client) -> None:
        journeys = apply.check(load(self._files / "journeys" / f"{JOURNEY}.yaml"))
        named = {template for journey in journeys for template in templates_of(journey.body)}
        templates = apply.check([item for item in load(self._files / "templates") if item.id in named])
        items = [*templates, *journeys]
        apply.check_references(items, client)
        for item in items:
            row = apply.apply_item(client, item, publish=True, wait=APPLY_WAIT_S)
            say(f"{row.kind} {row.id} {row.change}, {row.status}")
            if row.status == "publishing":
                raise Unavailable(f"not all lanes have {row.id} after {APPLY_WAIT_S} s: see the logs of the workers")

    async def _wait_for_customers(self, logs: Logs, workspace: str, customers: int) -> None:
        """Until every customer's row has come by CDC and the lanes have handled it."""
        began = time.monotonic()
        prefix = f"{workspace}:".encode()
        seen: set[bytes] = set()
        places: dict[int, int] = {}
        while len(seen) < customers or not await logs.handled(topics.ROWS, places):
            if time.monotonic() - began > CDC_S:
                raise Unavailable(f"CDC has brought {len(seen):,} of {customers:,} customers in {CDC_S:.0f} s")
            await asyncio.sleep(POLL_S / 4)
            if len(seen) < customers and sum((await logs.ends(topics.ROWS)).values()) >= customers:
                seen.clear()
                async for record in logs.records([topics.ROWS]):
                    if record.key and record.key.startswith(prefix):
                        seen.add(record.key)
                        places[record.partition] = record.offset + 1
        say(f"CDC has brought all {customers:,} customers to the lanes · {time.monotonic() - began:.1f} s")

    async def _stream(self, logs: Logs, client: Client, figures: Figures) -> tuple[int, float]:
        """(events taken, seconds until lanes had handled the last), and wait until all mails are there."""
        moment = Moment()

        def taken(events: int) -> None:
            moment.sent += events

        stream = Stream(self._settings, progress=taken)
        events = (Numbered(purchase.line, cdnow.event(purchase)) for purchase in self._purchases)
        began = time.monotonic()
        with Board(figures.events, figures.mails) as board:
            sending = asyncio.create_task(stream.send(events))
            try:
                while not sending.done():
                    await self._look(logs, client, moment, board)
                    await asyncio.wait({sending}, timeout=POLL_S)
                streamed = await sending
                await self._handled(logs, client, moment, board)
                seconds = time.monotonic() - began
                await self._settle(logs, client, moment, board, figures)
            finally:
                sending.cancel()
        if streamed.retries:
            say(f"{streamed.retries} batches had to be sent again")
        for refusal in streamed.rejected[:5]:
            say(f"line {refusal.line} was refused: {refusal.reason}")
        return streamed.accepted, seconds

    async def _handled(self, logs: Logs, client: Client, moment: Moment, board: Board) -> None:
        """Until lanes have handled all events. Raises Unavailable if they stand still."""
        moved, lag = time.monotonic(), -1
        while lag:
            if time.monotonic() - moved > STALL_S:
                raise Unavailable(f"lanes stand still, {lag:,} events behind: see the log of the journey worker")
            await self._look(logs, client, moment, board)
            if moment.lag != lag:
                moved, lag = time.monotonic(), moment.lag
            await asyncio.sleep(POLL_S / 5)

    async def _settle(self, logs: Logs, client: Client, moment: Moment, board: Board, figures: Figures) -> None:
        """Until all runs have ended and all mails are there, or nothing has moved for STALL_S."""
        moved, last = time.monotonic(), msgspec.structs.astuple(moment)
        while time.monotonic() - moved < STALL_S:
            await self._look(logs, client, moment, board)
            if moment.runs >= figures.entries and not moment.waiting and moment.mails >= figures.mails:
                return
            now = msgspec.structs.astuple(moment)
            if now != last:
                moved, last = time.monotonic(), now
            await asyncio.sleep(POLL_S)
        say(f"nothing has moved for {STALL_S:.0f} s")

    async def _look(self, logs: Logs, client: Client, moment: Moment, board: Board) -> None:
        stats = await asyncio.to_thread(client.get, "journeys", JOURNEY, "stats")
        moment.runs, moment.waiting = stats["entered"], stats["active"]
        moment.mails, _ = await asyncio.to_thread(inbox_store.count, self._settings.inbox_db)
        moment.lag = await logs.lag(topics.EVENTS)
        board.show(msgspec.structs.replace(moment))

    async def _requests(self, logs: Logs, workspace: str) -> Requests:
        found = Requests()
        names = [topics.send_topic("email", bulk=bulk) for bulk in (False, True)]
        async for record in logs.records(names):
            request = codec.request(record.value)
            if (request.workspace, request.journey) == (workspace, JOURNEY):
                found.add(request.send_id, request.template)
        return found

    async def _rows(self, workspace: str) -> tuple[int, dict[str, int]]:
        """(customers, claims by state) in PostgreSQL."""
        pool = await connect(self._settings.worker_dsn, max_size=1)
        try:
            claims: Iterable[Any] = await pool.fetch(_SQL["claims"], workspace, JOURNEY)
            return int(await pool.fetchval(_SQL["customers"])), {row["state"]: row["claims"] for row in claims}
        finally:
            await pool.close()

    async def _replay(self) -> Replayed:
        """Every partition's journal again, in memory."""
        from agents.definitions import Definitions
        from agents.lanes.replay import replay_partition

        began = time.monotonic()
        say("replaying the journal in memory …")
        definitions = Definitions(self._settings)
        await definitions.start()
        try:
            results = [await replay_partition(self._settings, p, definitions) for p in range(self._settings.partitions)]
        finally:
            await definitions.stop()
        rounds, inputs = sum(r.rounds for r in results), sum(r.inputs for r in results)
        say(f"{rounds:,} rounds replayed · {time.monotonic() - began:.1f} s")
        first = next((f"partition {r.partition}: {r.first}" for r in results if r.first), "")
        return Replayed(rounds, inputs, sum(r.mismatches for r in results), first)
