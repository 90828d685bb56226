"""A funnel as SVG: a bar a step, as long as the share of the entered runs that came to it. No script in it."""

from __future__ import annotations

from html import escape

from laudstream.simulate.report import JourneyReport, StepReport

ROW, BAR = 44, 14
"""Pixels. Across, all is in per cent: bars grow with the page, and text is as large as the page's own."""


def funnel(journey: JourneyReport) -> str:
    """`<svg>` of a journey; its colours are classes of the page."""
    height = ROW * len(journey.steps) + 4
    label = escape(f"How many runs came to each step of {journey.name}", quote=True)
    rows = "".join(_row(step, at * ROW, max(1, journey.entered)) for at, step in enumerate(journey.steps))
    return f'<svg height="{height}" role="img" aria-label="{label}">{rows}</svg>'


def _row(step: StepReport, y: int, entered: int) -> str:
    share = step.arrived / entered
    whole = max(1, step.arrived)
    length = min(1.0, share) * 100
    ended, here = (length * part / whole for part in (sum(step.ended.values()), step.here))
    name = step.id if len(step.id) <= 28 else step.id[:27] + "…"
    told = f"{step.id}: {step.arrived:,} came, {step.here:,} are here, {sum(step.ended.values()):,} ended here"
    bars = _bar("bar", 0, y, length)
    bars += _bar("here", length - ended - here, y, here) if here else ""
    bars += _bar("end", length - ended, y, ended) if ended else ""
    return (
        f"<g><title>{escape(told)}</title>"
        f'<text x="0" y="{y + 16}">{escape(name)} <tspan class="soft">{escape(step.kind)}</tspan></text>'
        f'<text x="100%" y="{y + 16}" text-anchor="end">{step.arrived:,} '
        f'<tspan class="soft">{100 * share:.0f} %</tspan></text>'
        f'<rect class="rail" x="0" y="{y + 22}" width="100%" height="{BAR}" rx="3"/>{bars}</g>'
    )


def _bar(kind: str, x: float, y: int, width: float) -> str:
    return f'<rect class="{kind}" x="{x:.2f}%" y="{y + 22}" width="{width:.2f}%" height="{BAR}" rx="3"/>'
