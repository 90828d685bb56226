"""Golden histories, from the command line:

python -m tests.golden make [NAME …]                       start a stack, play the scenes, keep their histories
python -m tests.golden record NAME -p 3 --about "…"        keep a partition of the stack that runs here
python -m tests.golden replay [FILE …]                     run kept histories again; 1 if anything differs
python -m tests.golden digests [FILE …]                    what this release makes of each round
"""

from __future__ import annotations

import asyncio
import sys
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

import click

from laudstream.cli import connect
from tests.golden import history, recorder, stage
from tests.integration import poison

files = click.argument("paths", metavar="[FILE]…", nargs=-1, type=click.Path(exists=True, path_type=Path))


@click.group()
def golden() -> None:
    """Histories that every release must give again, digest for digest."""


@golden.command()
@click.argument("names", metavar="[NAME]…", nargs=-1, type=click.Choice(list(stage.SCENES)))
def make(names: tuple[str, ...]) -> None:
    """Play scenes on a new stack, and keep the history of each."""
    for name, found in asyncio.run(stage.play(names or tuple(stage.SCENES))).items():
        _keep(name, found)


@golden.command()
@click.argument("name")
@click.option("--partition", "-p", type=int, required=True)
@click.option("--about", required=True, help="A sentence: what happened there.")
@click.option("--fault", type=click.Choice(["", "poison"]), default="", help="The fault that its worker had.")
def record(name: str, partition: int, about: str, fault: str) -> None:
    """Keep all rounds of a partition of the stack that runs here."""
    _keep(name, asyncio.run(recorder.record(connect.settings(), partition, about, fault)))


@golden.command()
@files
def replay(paths: tuple[Path, ...]) -> None:
    """Run histories again and compare every digest."""
    different = 0
    for path, kept in _read(paths):
        result = kept.replay()[0].result
        different += result.mismatches
        word = "same" if not result.mismatches else f"{result.mismatches} DIFFERENT, first: {result.first}"
        click.echo(
            f"{path.name}: rounds={result.rounds} inputs={result.inputs} timers={result.timers} "
            f"decisions={result.decisions} {word}"
        )
    sys.exit(1 if different else 0)


@golden.command()
@files
def digests(paths: tuple[Path, ...]) -> None:
    """File, round, digest of what it writes for others, digest of its state: as this release gives them."""
    for path, kept in _read(paths):
        for one, result in zip(kept.rounds, kept.replay()[1], strict=True):
            both = (b64encode(digest).decode() for digest in (result.out.out_digest(), result.out.state_digest()))
            click.echo(" ".join((path.name, str(one.journal.seq), *both)))


def _read(paths: Iterable[Path]) -> Iterable[tuple[Path, history.History]]:
    """Those of a faulty worker come last, and the fault with them."""
    found = [(path, history.read(path)) for path in paths or history.kept()]
    yield from (one for one in found if not one[1].about.fault)
    faulty = [one for one in found if one[1].about.fault]
    if faulty:
        poison.install()
    yield from faulty


def _keep(name: str, found: history.History) -> None:
    path = history.named(name, found.about.state_format)
    history.write(path, found)
    click.echo(f"{path.name}: {len(found.rounds)} rounds, {path.stat().st_size / 1024:.1f} KB")


if __name__ == "__main__":
    golden(prog_name="python -m tests.golden")
