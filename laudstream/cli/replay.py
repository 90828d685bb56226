"""`laudstream replay`: does the journal give the same decisions again?"""

from __future__ import annotations

import asyncio
import sys

import click

from laudstream.cli import connect
from laudstream.settings import Settings


@click.command()
@click.option("--partition", "-p", "partitions", multiple=True, type=int, help="Only these; may be repeated.")
def replay(partitions: tuple[int, ...]) -> None:
    """Run all rounds again in memory and compare every digest with the journal's."""
    settings = connect.settings()
    chosen = partitions or tuple(range(settings.partitions))
    mismatches = asyncio.run(_replay(settings, chosen))
    sys.exit(1 if mismatches else 0)


async def _replay(settings: Settings, partitions: tuple[int, ...]) -> int:
    from agents.definitions import Definitions
    from agents.lanes.replay import replay_partition

    definitions = Definitions(settings)
    await definitions.start()
    total = 0
    try:
        for partition in partitions:
            result = await replay_partition(settings, partition, definitions)
            total += result.mismatches
            word = "same" if not result.mismatches else f"{result.mismatches} DIFFERENT, first: {result.first}"
            click.echo(
                f"partition {partition}: rounds={result.rounds} inputs={result.inputs} timers={result.timers} "
                f"decisions={result.decisions} {word} ({result.seconds:.1f} s)"
            )
    finally:
        await definitions.stop()
    return total
