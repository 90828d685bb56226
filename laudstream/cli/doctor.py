"""`laudstream doctor`: checks everything laudstream needs, one line each, and says what to do."""

from __future__ import annotations

import asyncio

import click

from laudstream.cli import show
from laudstream.cli.checks import examine
from laudstream.cli.connect import settings

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "wrong": ("✗", "red")}


@click.command()
@show.as_json
def doctor(json: bool) -> None:
    """Check each dependency: ok, or what is wrong and what to do. Ends with 1 if anything is wrong."""
    findings = asyncio.run(examine(settings()))
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
