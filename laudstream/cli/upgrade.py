"""`laudstream upgrade`: by which rules lanes go, and the last step of an upgrade, which raises them (A14)."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from laudstream.cli import show
from laudstream.cli.connect import settings
from laudstream.cli.progress import bar
from laudstream.local import raising
from laudstream.local.raising import Standing
from laudstream.records.levels import Levels, newest

_LANES = ("lane", "level", "format", "owner")
_WORKERS = ("worker", "knows_level", "knows_format", "lanes")


@click.group()
def upgrade() -> None:
    """Show by which rules lanes go, and let them go by those of a new release."""


@upgrade.command("status")
@show.as_json
def status(json: bool) -> None:
    """What this release knows, what each lane is at and who owns it, and what each journey worker knows."""
    known = newest()
    standing = asyncio.run(raising.look(settings()))
    owners = standing.owners()
    none = (None, None)
    lanes = [(lane, *standing.lanes.get(lane, none), owners.get(lane, "")) for lane in range(standing.partitions)]
    workers = [(worker.name, *worker.knows, len(worker.lanes)) for worker in standing.workers]
    if json:
        show.print_json({"knows": known._asdict(), "lanes": _rows(_LANES, lanes), "workers": _rows(_WORKERS, workers)})
        return
    show.print_table(_LANES, lanes)
    show.print_table(_WORKERS, workers)
    click.echo(f"this release knows {known}; {_next(standing, known)}")


@upgrade.command("finish")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=60, show_default=True, help="Seconds that lanes may take."
)
def finish(yes: bool, timeout: float) -> None:
    """Raise all lanes to what this release knows, once all journey workers are of it. There is no way back.

    Workers of older releases leave the lanes closed from then on. Does nothing where nothing is to do.
    """
    now, wanted = settings(), newest()
    standing = asyncio.run(raising.look(now))
    if standing.done(wanted):
        click.echo(f"nothing to do: {_at(standing, wanted)}")
        return
    if not yes and not raising.hindrances(standing, wanted):
        show.confirm(f"raise all lanes to {wanted}? Older releases cannot run them afterwards")
    with bar("lanes", standing.partitions) as advance:
        asyncio.run(raising.finish(now, wanted, timeout, advance))
    click.echo(f"upgrade finished: {standing.partitions} lanes are at {wanted}")


def _next(standing: Standing, known: Levels) -> str:
    behind, problems = standing.behind(known), raising.hindrances(standing, known)
    if standing.done(known) and not problems:
        return f"nothing to do: {_at(standing, known)}"
    if not problems and not behind:
        return "`laudstream upgrade finish` tells PostgreSQL that all lanes are there"
    if not problems:
        return f"`laudstream upgrade finish` raises {len(behind)} lanes to it"
    return "; ".join(f"{problem.message}: {problem.fix}" for problem in problems)


def _at(standing: Standing, wanted: Levels) -> str:
    if not standing.lanes:
        return "no lane has done a round yet"
    beyond = any(numbers != wanted for numbers in standing.lanes.values())
    return f"all lanes are at {wanted}{' or beyond' if beyond else ''}"


def _rows(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in rows]
