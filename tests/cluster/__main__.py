"""Three brokers under load: leaders and coordinators killed and moved, a rolling restart, a broker frozen; or, with
--slow, the way to a broker slow, narrow, cut in the middle of a request or just before the answer to a commit.

python -m tests.cluster                       every fault, one after the other
python -m tests.cluster --only 2 --only 6     these of them, counted from 0

Says for each fault how long the system took to go on, and keeps the stack's folder if something is wrong.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import tempfile
from pathlib import Path

import click
import structlog

from laudstream.local.ports import free_base
from tests.chaos.run import Result
from tests.cluster.faults import ALL, FILLED, SMALL, small_disk
from tests.cluster.run import BROKERS, cluster, run, run_slow, said
from tests.cluster.slow import SLOW, Proxied


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="laudstream-cluster-"))
    folder.chmod(0o755)  # the user `postgres` must reach its part of it
    return folder


async def _run(slow: bool, only: tuple[int, ...], seed: int, base: int) -> Result:
    folder = _folder()
    every = SLOW if slow else ALL
    faults = [every[n] for n in only] or list(every)
    result: Result | None = None
    try:
        if slow:
            async with Proxied(folder / "data", base, BROKERS) as proxied:
                result = await run_slow(proxied, faults, seed)
        else:
            with small_disk(folder / "data" / SMALL) as mounted:
                if not mounted and FILLED in faults:
                    click.echo("no small disk can be mounted here: no broker gets a full one", err=True)
                    faults.remove(FILLED)
                async with cluster(folder / "data", base) as stack:
                    result = await run(stack, faults, seed)
    finally:
        if result is not None and not result.findings:
            shutil.rmtree(folder)
        else:
            click.echo(f"logs and data are kept in {folder}", err=True)
    return result


@click.command(help=(__doc__ or "").replace("\n\npython", "\n\n\b\npython"))
@click.option("--slow", is_flag=True, help="The ways to brokers instead of the brokers.")
@click.option("--only", type=click.IntRange(0, len(ALL) - 1), multiple=True, help="Only these faults.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the load.")
@click.option("--port-base", type=int, default=0, help="Ports above it; 0: free ones.")
@click.option("--verbose", is_flag=True, help="Say on standard error what is done, and when.")
def main(slow: bool, only: tuple[int, ...], seed: int, port_base: int, verbose: bool) -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if verbose else logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.getLogger().addHandler(logging.NullHandler())  # clients find servers away: that is what this is for
    result = asyncio.run(_run(slow, only, seed, port_base or free_base()))
    for seconds, fault in result.recoveries:
        click.echo(f"  {fault.kind} {fault.target}: went on after {seconds:.1f} s")
    click.echo(said([result]))
    if result.findings:
        click.echo("\n".join(result.lines()))
        sys.exit(1)


if __name__ == "__main__":
    main()
