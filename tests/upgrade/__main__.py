"""A rolling upgrade under load: from the release before to this one, back, and forth again.

python -m tests.upgrade                     from the newest tag, or what is taken for the last release
python -m tests.upgrade --from v0.1.0       from that revision
python -m tests.upgrade --brokers 3         on three brokers, each partition on all of them

First both releases run each other's golden histories, and have to make the same of every round. Then a stack of the old
release takes load; tables and topics are brought up to date, and its parts are stopped and started one by one as the
new release, as the old one, and as the new one. Meanwhile journeys are published and stopped, in words that both
releases know (tests.upgrade.publishing). Afterwards everything is checked, customer by customer, journeys are
published anew, and both releases replay every round. At last `laudstream upgrade finish` raises the lanes to what the
new release knows (tests.upgrade.finish), and it replays all rounds again. Ends with 1, says what is wrong and keeps the
stack's folder if anything is.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import click
import structlog

from laudstream.errors import Broken, LaudstreamError
from laudstream.local.ports import free_base
from tests.chaos import load
from tests.chaos.faults import After
from tests.chaos.oracle import Findings
from tests.chaos.run import Result, trial
from tests.chaos.watch import Watch
from tests.integration.kit import Shop
from tests.upgrade import histories
from tests.upgrade.finish import finish
from tests.upgrade.release import Release, previous
from tests.upgrade.rolls import Plan, Rolls, plan
from tests.upgrade.stack import Installation


def line(old: Release, new: Release, rolls: int, result: Result, published: int = 0) -> str:
    """What a run says."""
    found = result.findings
    return (
        f"upgrade: from={old.name} to={new.name} rolls={rolls} events={result.events} published={published}"
        f" lost={len(found.lost)}"
        f" duplicated={len(found.duplicated)} stuck={len(found.stuck)}"
        + (f" wrong={len(found.wrong)}" if found.wrong else "")
    )


class Outcome(NamedTuple):
    result: Result
    late: list[str]
    """Rolls that came after the load."""
    published: int
    """Journeys, and stopped, meanwhile."""


async def upgrade(stack: Installation, planned: Plan, seed: int) -> Outcome:
    """What came of it."""
    result, players = Result(seed, ()), list[Rolls]()

    def player(after: After) -> Rolls:
        players.append(Rolls(stack, after, planned.rolls, planned.seconds, result.findings))
        return players[0]

    async with stack:
        try:
            await trial(stack, result, planned.seconds, player)
            await _publish(stack, result.findings)
            result.findings.wrong += await _replay(stack, stack.old, stack.new)
            await _finish(stack, result.findings)
            result.findings.wrong += await _replay(stack, stack.new)
        except LaudstreamError as error:  # a part that ended and does not start again
            result.findings.stuck.append(str(error))
    [rolls] = players
    return Outcome(result, [f"{roll.kind} {roll.target}" for roll in rolls.late], rolls.published)


async def _publish(stack: Installation, findings: Findings) -> None:
    """A journey that is published now takes customers in every lane."""
    async with Shop(stack) as shop:
        try:
            await load.publish(shop, load.Names.of(shop))
            async with Watch(shop) as watch:
                await watch.probe(load.Names.of(shop).probe)
        except (AssertionError, LaudstreamError) as error:
            findings.stuck.append(f"published afterwards: {error}")


async def _finish(stack: Installation, findings: Findings) -> None:
    try:
        click.echo(f"  {stack.old.levels} to {stack.new.levels}: {await finish(stack, findings)}")
    except AssertionError as error:
        findings.stuck.append(f"upgrade finish: {error}")


async def _replay(stack: Installation, *releases: Release) -> list[str]:
    """They run all rounds again, whoever committed them."""
    found = []
    for release in releases:
        try:
            click.echo(f"  {release.name}: {await stack.command(release, 'replay')}")
        except Broken as error:
            found.append(f"replay by {error}")
    return found


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="laudstream-upgrade-"))
    folder.chmod(0o755)  # the user `postgres` must reach its part of it
    return folder


@click.command(help=(__doc__ or "").replace("\n\npython", "\n\n\b\npython"))
@click.option("--from", "revision", default="", help="Revision of the release before.")
@click.option("--brokers", type=click.IntRange(1, 9), default=1, show_default=True, help="Of Kafka.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the load.")
@click.option("--port-base", type=int, default=0, help="Ports above it; 0: free ones.")
@click.option("--verbose", is_flag=True, help="Say on standard error what is done, and when.")
def main(revision: str, brokers: int, seed: int, port_base: int, verbose: bool) -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if verbose else logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.getLogger().addHandler(logging.NullHandler())  # clients find servers away: that is what this is for
    folder, planned = _folder(), plan()
    findings: Findings | None = None
    try:
        old, new = Release.of(revision or previous(), folder / "old"), Release.here()
        rounds, different = histories.compare(old, new)
        click.echo(f"histories: rounds={rounds} different={len(different)}")
        stack = Installation(folder / "data", port_base or free_base(), old, new, brokers)
        result, late, published = asyncio.run(upgrade(stack, planned, seed))
        findings = result.findings
        findings.wrong += different
    finally:
        if findings is not None and not findings:
            shutil.rmtree(folder)
        else:
            click.echo(f"logs and data are kept in {folder}", err=True)
    for seconds, roll in result.recoveries:
        click.echo(f"  {roll.kind} {roll.target}: every lane went on after {seconds:.1f} s")
    if late:
        click.echo(f"  after the load had ended, for this machine is slow: {', '.join(late)}")
    click.echo(line(old, new, planned.moved, result, published))
    if findings:
        click.echo("\n".join(findings.lines()))
        sys.exit(1)


if __name__ == "__main__":
    main()
