"""What `laudstream simulate` prints: tables of figures, and timelines with reasons."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import click
import msgspec

from laudstream.cli import show
from laudstream.journey.decision import Decision
from laudstream.simulate.report import Report
from laudstream.simulate.tables import segments, tables
from laudstream.simulate.words import line, when

Timelines = dict[str, list[Decision]]


def as_json(report: Report, timelines: Timelines) -> dict[str, Any]:
    """The figures and timelines as JSON values."""
    speed = {"events_per_second": round(report.events_per_second), "inputs_per_second": round(report.inputs_per_second)}
    found: dict[str, Any] = msgspec.to_builtins(report)
    return {**found, **speed, "timelines": msgspec.to_builtins(timelines)}


def print_report(report: Report, timelines: Timelines, zone: tzinfo) -> None:
    for journey in report.journeys:
        click.echo(f"\njourney {journey.id}: {journey.name}")
        for table in tables(journey):
            show.print_table(table.columns, table.rows)
    for table in segments(report.segments):
        click.echo()
        show.print_table(table.columns, table.rows)
    print_timelines(timelines, zone)
    click.echo("\n" + last_line(report, zone))


def print_timelines(timelines: Timelines, zone: tzinfo) -> None:
    for customer, decisions in timelines.items():
        click.echo(f"\ncustomer {customer}")
        for decision in decisions:
            click.echo(f"  {when(decision.at, zone)}  {line(decision)}")
        if not decisions:
            click.echo("  nothing was decided")


def last_line(report: Report, zone: tzinfo) -> str:
    handled = " ".join(f"{kind}={count}" for kind, count in report.handled.items())
    return (
        f"simulated: {when(report.begin, zone)} to {when(report.until, zone)} ({report.days:,.1f} days) "
        f"customers={report.customers} {handled} decisions={report.decisions} seconds={report.seconds:.1f} "
        f"events_per_second={report.events_per_second:.0f} inputs_per_second={report.inputs_per_second:.0f}"
    )
