"""`laudstream dead-letters`: records that no lane could read, and what to do with them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import click
import orjson

from laudstream.cli import show
from laudstream.cli.connect import settings
from laudstream.errors import Refused
from laudstream.local.letters import OPEN, Letters, Original
from laudstream.records.letters import DROPPED, RETRIED, RETRYING, WAITING, Letter

STATES = (WAITING, RETRYING, RETRIED, DROPPED)
SHORT = 80
"""Characters of an error, and of a key, in a list."""
_COLUMNS = ("id", "time", "lane", "topic", "offset", "key", "error", "state")

_topic = click.option("--topic", default="", help="Only of topics whose name has this in it.")
_error = click.option("--error", default="", help="Only with this in the error.")
_ids = click.argument("ids", metavar="[ID]…", nargs=-1)
_all = click.option("--all", "everything", is_flag=True, help="All that wait, as far as --topic and --error say.")


@click.group("dead-letters")
def dead_letters() -> None:
    """List, show, retry and drop records that no lane could read. Asks Kafka only.

    A letter waits until somebody retries or drops it, and is gone after 30 days.
    """


@dead_letters.command("list")
@_topic
@_error
@click.option("--state", type=click.Choice(STATES), help="Only in this state.")
@show.as_json
def list_(topic: str, error: str, state: str | None, json: bool) -> None:
    """All letters, the oldest first."""
    found = [one for one in asyncio.run(_read()) if state in (None, one.state) and _meets(one, topic, error)]
    if json:
        show.print_json([_as_json(one) for one in found])
        return
    rows = ((one.id, show.when(one.at), one.lane, one.topic, str(one.record_offset), _short(_text(one.key)),
             _short(one.error), one.state) for one in found)  # fmt: skip
    show.print_table(_COLUMNS, rows)
    click.echo(f"{len(found)} letters, {sum(one.state in OPEN for one in found)} wait")


@dead_letters.command("show")
@click.argument("id")
@click.option("--limit", default=16_384, show_default=True, type=click.IntRange(min=1), help="Characters of the value.")
@show.as_json
def show_(id: str, limit: int, json: bool) -> None:
    """The whole original record, as its topic still holds it."""
    one, original = asyncio.run(_look(id))
    value = readable(original.value, limit)
    if json:
        headers = {name: _text(part) for name, part in original.headers}
        show.print_json({**_as_json(one), "headers": headers, "whole": original.whole, "value": value})
        return
    lines = [("id", one.id), ("time", show.when(one.at)), ("state", one.state),
             ("origin", f"{one.topic} partition {one.partition} offset {one.record_offset}"),
             ("error", one.error), ("key", _text(original.key)),
             *((f"header {name}", _text(part)) for name, part in original.headers)]  # fmt: skip
    for name, text in lines:
        click.echo(f"{name:<8} {plain(text)}")
    click.echo(plain(value) if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
    if not original.whole:
        click.echo("The original is gone from its topic; this is what the letter has of it, and it may be cut.")


@dead_letters.command()
@_ids
@_all
@_topic
@_error
def retry(ids: tuple[str, ...], everything: bool, topic: str, error: str) -> None:
    """Write the original record again, as it was, to the end of its topic and partition.

    If it still cannot be read, it comes back as a new letter. Not for two people at the same time.
    """
    asyncio.run(_each(ids, everything, topic, error, _retry_one))


@dead_letters.command()
@_ids
@_all
@_topic
@_error
def drop(ids: tuple[str, ...], everything: bool, topic: str, error: str) -> None:
    """Remember that nobody wants them: they wait no longer. Nothing is deleted."""
    asyncio.run(_each(ids, everything, topic, error, _drop_one))


async def _read() -> list[Letter]:
    async with Letters(settings()) as letters:
        return list((await letters.all()).values())


async def _look(id: str) -> tuple[Letter, Original]:
    async with Letters(settings()) as letters:
        (one,) = await letters.some([id])
        return one, await letters.original(one)


async def _each(ids: Sequence[str], everything: bool, topic: str, error: str, act: Any) -> None:
    """Raises click.UsageError, NotFound; Refused at the end, if any was refused."""
    if everything == bool(ids):
        raise click.UsageError("name letters, or say --all")
    if ids and (topic or error):
        raise click.UsageError("--topic and --error belong to --all")
    refused: list[str] = []
    async with Letters(settings()) as letters:
        for one in await _chosen(letters, ids, topic, error):
            try:
                click.echo(f"{one.id}: {await act(letters, one)}")
            except Refused as no:
                refused.append(str(no))
    if refused:
        raise Refused("; ".join(refused))


async def _chosen(letters: Letters, ids: Sequence[str], topic: str, error: str) -> Iterable[Letter]:
    if ids:
        return await letters.some(ids)
    return [one for one in (await letters.all()).values() if one.state in OPEN and _meets(one, topic, error)]


async def _retry_one(letters: Letters, one: Letter) -> str:
    offset = await letters.retry(one)
    return "it had been written already" if offset is None else f"written again to {one.topic} at {offset}"


async def _drop_one(letters: Letters, one: Letter) -> str:
    await letters.drop(one)
    return "dropped"


def _meets(one: Letter, topic: str, error: str) -> bool:
    return topic in one.topic and error.lower() in one.error.lower()


def _as_json(one: Letter) -> dict[str, Any]:
    return {
        "id": one.id, "time": one.at, "lane": one.lane, "topic": one.topic, "partition": one.partition,
        "offset": one.record_offset, "key": _text(one.key), "error": one.error, "state": one.state,
        "state_at": one.mark.at,
    }  # fmt: skip


def _text(part: bytes | None) -> str:
    """As people can read it: bytes that are no text as \\xff."""
    return "" if part is None else part.decode(errors="backslashreplace")


def plain(text: str) -> str:
    """What strangers wrote, without what would steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _short(text: str) -> str:
    line = plain(" ".join(text.split()))
    return line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"


def readable(value: bytes | None, limit: int) -> Any:
    """Decoded, if it is JSON and not over the limit; else its text, cut."""
    if value is None:
        return None
    if len(value) <= limit:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            pass
    text = _text(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(value):,} bytes in all)"
