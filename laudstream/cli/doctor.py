"""`laudstream doctor`: checks everything laudstream needs, one line each, and says what to do."""

from __future__ import annotations

import asyncio

import click

from laudstream.cli import rights, show
from laudstream.cli.checks import Finding, examine
from laudstream.cli.connect import settings
from laudstream.rights import MEANINGS
from laudstream.settings import Settings


async def _look(now: Settings, wanted: tuple[str, ...]) -> list[Finding]:
    found, allowed = await asyncio.gather(examine(now), rights.look(now, wanted))
    return [*found, allowed]


_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "wrong": ("✗", "red")}


@click.command()
@show.as_json
@click.option(
    "--role", "wanted", multiple=True, type=click.Choice(list(MEANINGS)),
    help="The user of Kafka must have all rights of this role; may be repeated.",
)  # fmt: skip
def doctor(json: bool, wanted: tuple[str, ...]) -> None:
    """Check each dependency: ok, or what is wrong and what to do. Ends with 1 if anything is wrong."""
    findings = asyncio.run(_look(settings(), wanted))
    if json:
        show.print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            mark, color = _MARKS[finding.state]
            click.echo(f"{click.style(mark, fg=color)} {finding.name:<16} {finding.said}")
            if finding.fix:
                click.echo(f"  {'':<16} → {finding.fix}")
    if any(finding.state == "wrong" for finding in findings):
        raise click.exceptions.Exit(1)
