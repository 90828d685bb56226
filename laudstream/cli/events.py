"""`laudstream events replay`: events from a file, through the API, in the order of the file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import click
import httpx
import orjson

from laudstream.cli.client import address, problem, unreachable
from laudstream.cli.connect import settings
from laudstream.cli.csv_file import CsvFile, Rejected, write_rejected
from laudstream.cli.csv_types import Reader, given_types, id_column, infer
from laudstream.cli.progress import bar
from laudstream.cli.regular_file import RegularFile
from laudstream.cli.stream import BATCH_EVENTS, Numbered, Stream, Streamed
from laudstream.errors import Invalid, Problem

_TIMES = ("timestamp", "sentAt", "originalTimestamp", "receivedAt")


@click.group()
def events() -> None:
    """Replay events from a file, or send a signal."""


@events.command()
@click.argument("file", type=RegularFile())
@click.option("--event", default="", help="CSV: name of the events.")
@click.option("--event-column", default="", help="CSV: column that holds the name of each event.")
@click.option("--id-column", "id_name", default="", help="CSV: column of the customer id.")
@click.option("--types", multiple=True, metavar="COLUMN=TYPE", help="CSV: text, number or boolean; else found.")
@click.option("--timestamps", type=click.Choice(["keep", "drop"]), default="keep", show_default=True,
              help="keep: they happened when the file says; drop: they happen now.")  # fmt: skip
@click.option("--prefix", default="", help="Of the messageIds PREFIX-LINE; default: the name of the file.")
@click.option("--batch", default=BATCH_EVENTS, show_default=True, type=click.IntRange(1, 500), help="Events a request.")
def replay(file: Path, event: str, event_column: str, id_name: str, types: tuple[str, ...], timestamps: str,
           prefix: str, batch: int) -> None:  # fmt: skip
    """Send the events of FILE: JSON lines as Segment writes them, or CSV with headings.

    Each event's messageId is made of the file's name and the line, so that replaying a file again within a day counts
    nothing twice. Each customer's events arrive in the order of the file. Lines that are refused are listed in
    FILE.rejected.csv; the others are sent. Ends with 1 if there were any.
    """
    refused: list[Rejected] = []
    if file.suffix.lower() == ".csv":
        lines, total = from_csv(file, event, event_column, id_name, types, refused)
    else:
        lines, total = from_json_lines(file, refused), sum(1 for _ in file.open("rb"))
    numbered = finish(lines, prefix or file.stem, timestamps == "keep")
    began = time.monotonic()
    with bar("events", total) as advance:
        streamed = asyncio.run(Stream(settings(), progress=advance, batch_events=batch).send(numbered))
    report(file, streamed, refused, time.monotonic() - began)


@events.command("signal")
@click.argument("name")
@click.option("--properties", default="{}", help="JSON object that `entry.…` reads.")
@click.option("--message-id", default="", help="The same id again within a day changes nothing.")
def signal(name: str, properties: str, message_id: str) -> None:
    """Send a signal: an event that belongs to no customer."""
    try:
        read = orjson.loads(properties)
    except orjson.JSONDecodeError as error:
        raise Invalid(
            "no JSON", (Problem("--properties", f"is no JSON: {error}", "write e.g. '{\"a\": 1}'"),)
        ) from None
    body = {"event": name, "properties": read, **({"messageId": message_id} if message_id else {})}
    url, key = address(settings()), settings().write_key
    try:
        answer = httpx.post(f"{url}/v1/signal", json=body, auth=httpx.BasicAuth(key, ""), timeout=30, trust_env=False)
    except httpx.HTTPError as error:
        raise unreachable(url, error) from None
    if not answer.is_success:
        raise problem(answer)
    click.echo(f"{name}  signal {answer.json()['number']}")


def report(file: Path, streamed: Streamed, refused: list[Rejected], seconds: float) -> None:
    """Say what became of the events. Raises ClickException if some were rejected."""
    rejected = sorted([*refused, *(Rejected(line, reason) for line, reason in streamed.rejected)])
    again = f" · {streamed.retries:,} batches sent again" if streamed.retries else ""
    rate = streamed.accepted / seconds if seconds else 0
    click.echo(
        f"accepted {streamed.accepted:,} · rejected {len(rejected):,} · {seconds:.1f} s · {rate:,.0f} events/s{again}"
    )
    if rejected:
        path = file.with_name(file.name + ".rejected.csv")
        write_rejected(path, rejected)
        raise click.ClickException(
            f"{len(rejected):,} {'event was' if len(rejected) == 1 else 'events were'} rejected, see {path}"
        )


def finish(lines: Iterator[Numbered], prefix: str, keep_times: bool) -> Iterator[Numbered]:
    """Events with their messageIds, and without their times unless these are kept."""
    for line, event in lines:
        event["messageId"] = f"{prefix}-{line}"
        if not keep_times:
            for name in _TIMES:
                event.pop(name, None)
        yield Numbered(line, event)


def from_json_lines(file: Path, refused: list[Rejected]) -> Iterator[Numbered]:
    """An event a line; empty lines are passed over, lines that hold none go to `refused`."""
    with file.open("rb") as lines:
        for line, text in zip(count(1), lines):
            text = text.removeprefix(b"\xef\xbb\xbf").strip()
            if not text:
                continue
            try:
                event = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                refused.append(Rejected(line, f"is no JSON: {error.msg}"))
                continue
            if not isinstance(event, dict):
                refused.append(Rejected(line, "is no JSON object"))
                continue
            event.setdefault("type", _type_of(event))
            yield Numbered(line, event)


def _type_of(event: dict[str, Any]) -> str:
    return "group" if "groupId" in event else "identify" if "traits" in event else "track"


def from_csv(
    file: Path, event: str, event_column: str, id_name: str, types: tuple[str, ...], refused: list[Rejected]
) -> tuple[Iterator[Numbered], int]:
    """(tracked events of the rows, their number): columns are properties, but those of id, event name and time."""
    table = CsvFile(file)
    if bool(event) == bool(event_column):
        raise Invalid(
            "which event?", (Problem("--event", "a CSV file names no event", "--event NAME or --event-column COLUMN"),)
        )
    if event_column and event_column not in table.columns:
        raise Invalid(f"no column {event_column!r}; there are: {', '.join(table.columns)}")
    given = given_types(types, table.columns)
    found, rows = infer(table.rows(), table.columns)
    plain = dict.fromkeys((event_column, "timestamp"), "text")
    reader = Reader(table.columns, id_column(table.columns, id_name), {**found, **given, **plain})
    return _of_rows(table, reader, event, event_column, refused), rows


def _of_rows(
    table: CsvFile, reader: Reader, event: str, event_column: str, refused: list[Rejected]
) -> Iterator[Numbered]:
    for row in table.rows():
        read = row if isinstance(row, Rejected) else reader.customer(row)
        if isinstance(read, Rejected):
            refused.append(read)
            continue
        customer, properties = read
        tracked: dict[str, Any] = {
            "type": "track",
            "userId": customer,
            "event": event or properties.pop(event_column, ""),
        }
        if "timestamp" in properties:
            tracked["timestamp"] = properties.pop("timestamp")
        yield Numbered(row.line, {**tracked, "properties": properties})
