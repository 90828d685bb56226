"""Schedules of faults on a stack of its own.

python -m tests.chaos --seed 17              the schedule of this seed; may be given again
python -m tests.chaos --minutes 20           seeds from 1 on, as many as begin within that time
python -m tests.chaos --written asleep       a schedule that is written (tests.chaos.schedule); may be given again,
                                             and with seeds: they come afterwards

Ends with the first schedule that finds something wrong, says what, and keeps the stack's folder.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import click
import structlog

from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from tests.chaos.disk import small_database
from tests.chaos.run import Result, line, run, run_written
from tests.chaos.schedule import FULL, SECONDS, WRITTEN
from tests.conftest import SETTINGS

log = structlog.get_logger(__name__)

SEED = 1
"""Of the load of schedules that are written."""


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="laudstream-chaos-"))
    folder.chmod(0o755)  # the user `postgres` must reach its part of it
    return folder


async def chaos(written: Iterable[str], seeds: Iterable[int], seconds: float, until: float, base: int) -> list[Result]:
    """Until a schedule finds something wrong, or the time (time.monotonic) is over."""
    folder = _folder()
    stack = Stack(folder / "data", ports=Ports.above(base), workers=2, settings=SETTINGS)
    results: list[Result] = []
    try:
        async with stack:
            for name in written:
                results += await _written(stack, name)
                if results and results[-1].findings:
                    return results
            for seed in seeds:
                results.append(await run(stack, seed, seconds))
                log.info("schedule", seed=seed, result=line(results[-1:]))
                if results[-1].findings or time.monotonic() > until:
                    break
    finally:
        if results and not results[-1].findings:
            shutil.rmtree(folder)
        else:
            click.echo(f"logs and data are kept in {folder}", err=True)
    return results


async def _written(stack: Stack, name: str) -> list[Result]:
    """Nothing, where a small disk cannot be mounted."""
    written = WRITTEN[name]
    if not any(fault.kind == FULL for fault in written.faults):
        found = await run_written(stack, written, SEED)
    else:
        async with small_database(stack) as why_not:
            if why_not:
                click.echo(f"no small disk can be mounted here, so no database gets a full one: {why_not}", err=True)
                return []
            found = await run_written(stack, written, SEED)
    for recovered, fault in found.recoveries:
        click.echo(f"  {fault.kind} {fault.target} for {fault.hold_s:g} s: every lane went on after {recovered:.1f} s")
    log.info("schedule", name=name, result=line([found]))
    return [found]


@click.command(help=(__doc__ or "").replace("\n\npython", "\n\n\b\npython"))
@click.option("--written", type=click.Choice([*WRITTEN]), multiple=True, help="These first.")
@click.option("--seed", "seeds", type=int, multiple=True, help="Only these.")
@click.option("--first", type=int, default=1, show_default=True, help="Seeds from this one on.")
@click.option(
    "--minutes",
    type=float,
    default=20.0,
    show_default=True,
    help="Begin no schedule after so long; 0, with --written: no seeds.",
)
@click.option("--seconds", type=float, default=SECONDS, show_default=True, help="Length of a schedule.")
@click.option("--port-base", type=int, default=0, help="Ports above it; 0: free ones.")
@click.option("--verbose", is_flag=True, help="Say on standard error what is done, and when.")
def main(
    written: tuple[str, ...],
    seeds: tuple[int, ...],
    first: int,
    minutes: float,
    seconds: float,
    port_base: int,
    verbose: bool,
) -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if verbose else logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.getLogger().addHandler(logging.NullHandler())  # clients find servers away: that is what this is for
    until = time.monotonic() + 60 * minutes
    further = seeds or (() if written and not minutes else count(first))
    results = asyncio.run(chaos(written, further, seconds, until, port_base or free_base()))
    click.echo(line(results))
    if results and results[-1].findings:
        click.echo("\n".join(results[-1].lines()))
        again = (
            f"--seed {results[-1].seed}" if len(results) > len(written) else f"--written {written[len(results) - 1]}"
        )
        click.echo(f"again: python -m tests.chaos {again}")
        sys.exit(1)


if __name__ == "__main__":
    main()
