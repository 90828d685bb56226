"""`laudstream lanes`: who owns each lane, where it stands, and how far behind it is."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import click

from laudstream import kafka_admin, topics
from laudstream.cli import show
from laudstream.cli.connect import settings
from laudstream.errors import Refused
from laudstream.local.letters import Letters
from laudstream.local.logs import Logs
from laudstream.records.head import Head
from laudstream.settings import Settings

_LAGS = {"events": topics.EVENTS, "rows": topics.ROWS, "deliveries": topics.DELIVERIES}
_COLUMNS = ("lane", "owner", "state", "round", *_LAGS, "rate", "dead_letters", "last_round")
OVER_S = 1.0
"""Between the two looks that the rate is taken from."""


@click.group("lanes", invoke_without_command=True)
@show.as_json
@click.pass_context
def lanes(context: click.Context, json: bool) -> None:
    """Owner, last round, records not handled yet, records handled a second and dead letters that wait, of each lane.
    Asks Kafka only: it works while workers are down."""
    if context.invoked_subcommand is not None:
        return
    rows = asyncio.run(look(settings(), OVER_S))
    if json:
        show.print_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
        return
    show.print_table(_COLUMNS, [(*row[:-1], show.when(row[-1])) for row in rows])
    letters = sum(row[-2] for row in rows)
    if letters:
        click.echo(f"{letters} records could not be read and wait: see `laudstream dead-letters list`")
    lost = sum(row[1] == "" for row in rows)
    if lost:
        click.echo(f"{lost} lanes have no owner: start a worker with `laudstream worker journeys`")


@lanes.command("skip")
@click.argument("lane", type=click.IntRange(0))
def skip(lane: int) -> None:
    """Let a LANE go on that is closed because its position is not in its topic any more.

    What it had not handled there is lost, and named. Stop all journey workers before."""
    for move in asyncio.run(_skip(settings(), lane)):
        click.echo(f"lane {lane}: {move.topic} from {move.before} to {move.after}: {move.why}")
    click.echo("start the workers again")


async def _skip(settings: Settings, lane: int) -> list[Any]:
    if lane >= settings.partitions:
        raise click.BadParameter(f"{lane}: there are 0 to {settings.partitions - 1}", param_hint="LANE")
    from agents.journeys import look_up
    from agents.lanes.skip import skip

    moves = await skip(settings, await look_up(settings), lane)
    if not moves:
        raise Refused(f"lane {lane} stands inside all its topics: there is nothing to skip")
    return list(moves)


async def look(settings: Settings, over_s: float = 0.0) -> list[tuple[Any, ...]]:
    """One row a lane, as _COLUMNS; the rate is that of the `over_s` from now on. Raises Unavailable."""
    owners = await kafka_admin.owners(settings, settings.app_id, topics.EVENTS)
    async with Logs(settings) as logs:
        before, heads, began = {}, await logs.heads(), time.monotonic()
        if over_s:
            await asyncio.sleep(over_s)
            before, heads = heads, await logs.heads()
        over_s = time.monotonic() - began
        ends = {name: await logs.ends(topic) for name, topic in _LAGS.items()}
    async with Letters(settings) as post:
        letters = await post.waiting()
    rows: list[tuple[Any, ...]] = []
    for lane in range(settings.partitions):
        head, owner = heads.get(lane), owners.get(lane, "")
        positions = head.positions if head is not None else {}
        lags = [max(0, ends[name].get(lane, 0) - positions.get(topic, 0)) for name, topic in _LAGS.items()]
        state = "nobody has it" if not owner else "behind" if any(lags) else "up to date"
        rate = round((_handled(head) - _handled(before[lane])) / over_s) if lane in before else 0
        rows.append(
            (lane, owner, state, head.seq if head else 0, *lags, rate, letters[lane], head.clock if head else None)
        )
    return rows


def _handled(head: Head | None) -> int:
    """Records of those topics, since they began."""
    return sum(head.positions.get(topic, 0) for topic in _LAGS.values()) if head is not None else 0
