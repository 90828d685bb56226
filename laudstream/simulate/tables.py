"""The tables that the command line and the page show."""

from __future__ import annotations

from typing import NamedTuple

from laudstream.simulate.report import Counts, JourneyReport, SegmentReport
from laudstream.simulate.words import meaning


class Table(NamedTuple):
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]


def tables(journey: JourneyReport) -> list[Table]:
    """All tables of a journey that have rows."""
    found = [
        Table("Runs", ("runs", "count", "of entered"), _runs(journey)),
        Table("Steps", ("step", "kind", "arrived", "here", "leaves by", "count", "to"), _steps(journey)),
        Table("Arms", ("experiment", "arm", "runs", "share"), _arms(journey)),
        Table("Messages", ("template", "what became of its messages", "count"), _messages(journey)),
    ]
    return [table for table in found if table.rows]


def segments(reports: list[SegmentReport]) -> list[Table]:
    """Who entered and left segments; nothing if nobody did."""
    rows: list[tuple[object, ...]] = [(each.id, each.entered, each.left, each.inside) for each in reports]
    return [Table("Segments", ("segment", "entered", "left", "members"), rows)] if rows else []


def _runs(journey: JourneyReport) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [("entered", journey.entered, "")]
    rows += [(f"ended: {name}", count, share(count, journey.entered)) for name, count in journey.ended.items()]
    if journey.inside:
        rows.append(("still inside", journey.inside, share(journey.inside, journey.entered)))
    if journey.failed:
        rows.append(("parked by an error", journey.failed, share(journey.failed, journey.entered)))
    rows += [(f"not entered: {meaning(reason)}", count, "") for reason, count in journey.not_entered.items()]
    return rows


def _steps(journey: JourneyReport) -> list[tuple[object, ...]]:
    """A row a step, and one more for each further branch and end."""
    rows: list[tuple[object, ...]] = []
    for step in journey.steps:
        ways = [(name, count, step.leads.get(name, "")) for name, count in step.left.items()]
        ways += [(f"ended: {name}", count, "") for name, count in step.ended.items()]
        for at, way in enumerate(ways or [("", 0, "")]):
            first = (step.id, step.kind, step.arrived, step.here) if at == 0 else ("", "", "", "")
            rows.append((*first, *way))
    return rows


def _arms(journey: JourneyReport) -> list[tuple[object, ...]]:
    return [
        (id, arm, count, share(count, sum(arms.values())))
        for id, arms in journey.arms.items()
        for arm, count in arms.items()
    ]


def _messages(journey: JourneyReport) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for template in journey.templates:
        lines = [("requested", template.requested)]
        lines += [*_reasons("refused", template.refused), *_reasons("put off", template.deferred)]
        lines += list(template.deliveries.items())
        rows += [(template.id if at == 0 else "", what, count) for at, (what, count) in enumerate(lines)]
    return rows


def _reasons(what: str, counts: Counts) -> list[tuple[str, int]]:
    return [(f"{what}: {meaning(reason)}", count) for reason, count in counts.items()]


def share(count: int, whole: int) -> str:
    return f"{100 * count / whole:.1f} %" if whole else ""
