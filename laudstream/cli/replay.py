"""`laudstream replay`: does the journal give the same decisions again?"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click
import msgspec
from aiokafka.errors import KafkaError

from laudstream import kafka_client
from laudstream.cli import connect
from laudstream.cli.progress import bar
from laudstream.local.logs import Logs
from laudstream.settings import Settings

if TYPE_CHECKING:
    from agents.lanes.replay import ReplayResult


@click.command()
@click.option("--partition", "-p", "partitions", multiple=True, type=int, help="Only these; may be repeated.")
@click.option("--from", "begin", type=click.IntRange(min=1), default=1, help="First round to compare.")
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False), help="Worker's data folder, or a copy, with checkpoints."
)
def replay(partitions: tuple[int, ...], begin: int, data: str | None) -> None:
    """Run rounds again on the side and compare every digest with the journal's.

    Each round begins from what those before it left: they are run from the newest checkpoint before --from, or from
    the first one, and compared from --from on. Ends with 1 if anything differs, or if there was nothing to compare.
    """
    settings = connect.settings()
    if data is not None:
        settings = msgspec.structs.replace(settings, data_dir=data)
    if wrong := [p for p in partitions if not 0 <= p < settings.partitions]:
        raise click.BadParameter(f"{wrong[0]}: there are 0 to {settings.partitions - 1}", param_hint="--partition")
    chosen = partitions or tuple(range(settings.partitions))
    results = asyncio.run(_replay(settings, chosen, begin))
    click.echo(_summary(results))
    sys.exit(0 if any(result.rounds for result in results) and not any(r.mismatches for r in results) else 1)


async def _replay(settings: Settings, partitions: tuple[int, ...], begin: int) -> list[ReplayResult]:
    from agents.definitions import Definitions
    from agents.lanes.replay import replay_partition

    async with Logs(settings) as logs:
        heads = await logs.heads()
    definitions = Definitions(settings)
    results = []
    try:
        await definitions.start()
        for partition in partitions:
            head = heads.get(partition)
            with bar(f"partition {partition}", head.seq if head else 0) as advance:
                result = await replay_partition(settings, partition, definitions, lambda _: advance(1), begin)
            click.echo(_line(result))
            results.append(result)
    except KafkaError as error:
        raise await kafka_client.no_way_in(settings, error) from error
    finally:
        await definitions.stop()
    return results


def _line(result: ReplayResult) -> str:
    word = "same" if not result.mismatches else f"{result.mismatches} DIFFERENT, first: {result.first}"
    before = f" ({result.skipped} before them only run)" if result.skipped else ""
    return (
        f"partition {result.partition}: rounds={result.rounds}{before} inputs={result.inputs} timers={result.timers} "
        f"decisions={result.decisions} {word if result.rounds else 'nothing to compare'} ({result.seconds:.1f} s)"
    )


def _summary(results: list[ReplayResult]) -> str:
    different = sum(result.mismatches for result in results)
    rounds = sum(result.rounds for result in results)
    word = f"{different} DIFFERENT" if different else "same" if rounds else "nothing to compare"
    return (
        f"replay: {word} partitions={len(results)} rounds={rounds} inputs={sum(r.inputs for r in results)} "
        f"decisions={sum(r.decisions for r in results)} seconds={sum(r.seconds for r in results):.1f}"
    )
