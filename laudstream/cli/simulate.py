"""`laudstream simulate`: journeys over a population on a virtual clock; years in seconds, nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import click
from msgspec.structs import replace

from laudstream.cli import population, show, simulate_text
from laudstream.cli.choice import Choice, OutFile, options
from laudstream.cli.progress import bar
from laudstream.errors import Invalid, Problem
from laudstream.journey.decision import Decision
from laudstream.journey.durations import zone_of
from laudstream.records.codec import encode
from laudstream.simulate.listener import Listener
from laudstream.simulate.page import page
from laudstream.simulate.plan import run
from laudstream.simulate.sample import Sample


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--decisions", type=OutFile(), help="Write every decision, a JSON line each, as the decisions topic has it."
)
@click.option("--html", type=OutFile(), help="Write the figures and a funnel as one HTML page.")
@click.option(
    "--customer", "named", multiple=True, metavar="ID", help="Show this customer's timeline; may be repeated."
)
@click.option("--sample", default=3, show_default=True, type=click.IntRange(0, 1000), help="Timelines shown besides.")
@show.as_json
@options
def simulate(choice: Choice, files: tuple[Path, ...], decisions: Path | None, html: Path | None,
             named: tuple[str, ...], sample: int, json: bool) -> None:  # fmt: skip
    """Play the journeys of FILES over customers and events, on a virtual clock.

    FILES hold journeys and whatever they name: templates, segments, subscriptions, the settings of the workspace.

    Runs move through the same code as in the workers, in the same order; timers fire when they are due, messages are
    sent by nobody. The same files and seed give the same decisions, byte for byte.
    """
    given = population.definitions(files)
    if not any(each.kind == "journey" for each in given):
        raise Invalid("no journey", (Problem(", ".join(map(str, files)), "holds no journey", "give its file"),))
    choice = population.zoned(choice, given)
    found = population.read(choice)
    plan = replace(found.plan, definitions=population.over(found.plan.definitions, given))
    population.say_made_up(list(plan.definitions))
    if found.left_out:
        click.echo(f"{found.left_out:,} lines are wrong and left out", err=True)
    kept = Sample(sample, seed=choice.seed, named=named)
    with _written(decisions) as write, bar("events", len(plan.posts)) as advance:
        report = run(plan, kept, *([write] if write else []), told=advance)
    timelines = kept.timelines()
    if json:
        show.print_json(simulate_text.as_json(report, timelines))
    else:
        simulate_text.print_report(report, timelines, zone_of(choice.zone, UTC))
    if html is not None:
        html.write_text(page(report, timelines, zone_of(choice.zone, UTC)), encoding="utf-8")
        click.echo(f"written: {html}", err=True)


class _Lines(Listener):
    """Decisions as lines of a file, in the order in which they were made."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=1 << 20)

    def decided(self, decision: Decision) -> None:
        self._file.write(encode(decision) + b"\n")

    def close(self) -> None:
        self._file.close()


@contextmanager
def _written(path: Path | None) -> Iterator[_Lines | None]:
    if path is None:
        yield None
        return
    lines = _Lines(path)
    try:
        yield lines
    finally:
        lines.close()
