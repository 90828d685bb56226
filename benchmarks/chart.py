"""Results as SVG: horizontal bars, readable at 390 px, light and dark. No script in it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, ROW, TOP = 360, 34, 46

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1d2733 } .soft { fill: #5b6875 } .title { font-weight: 600 }
.a { fill: #2f6f4f } .b { fill: #b9772b } .c { fill: #4a6fa5 } .rail { fill: #e8ecf0 }
@media (prefers-color-scheme: dark) {
text { fill: #e6eaee } .soft { fill: #9aa7b3 } .a { fill: #6fbf95 } .b { fill: #e0a55c } .c { fill: #8fb0dd }
.rail { fill: #2a323b } }
"""


class Bar(NamedTuple):
    label: str
    values: tuple[float, ...]
    """Parts of one bar, one after the other."""


def bars(title: str, parts: Sequence[str], rows: Sequence[Bar]) -> str:
    """`parts` names what the values of a row are, three at most."""
    most = max(sum(row.values) for row in rows) or 1.0
    height = TOP + ROW * len(rows)
    legend, x = "", 0
    for part, kind in zip(parts, "abc", strict=False):
        legend += f'<rect class="{kind}" x="{x}" y="24" width="10" height="10" rx="2"/>'
        legend += f'<text class="soft" x="{x + 14}" y="33">{escape(part)}</text>'
        x += 30 + 7 * len(part)
    drawn = "".join(_row(row, TOP + at * ROW, most) for at, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH * 2}" role="img" '
        f'aria-label="{escape(title, quote=True)}"><style>{_STYLE}</style>'
        f'<text class="title" x="0" y="14">{escape(title)}</text>{legend}{drawn}</svg>\n'
    )


def _row(row: Bar, y: int, most: float) -> str:
    told = " + ".join(f"{value:,.10g}" for value in row.values)
    drawn, x = "", 0.0
    for value, kind in zip(row.values, "abc", strict=False):
        width = value / most * WIDTH
        drawn += f'<rect class="{kind}" x="{x:.1f}" y="{y + 17}" width="{width:.1f}" height="8"/>'
        x += width
    return (
        f'<text x="0" y="{y + 12}">{escape(row.label)}</text>'
        f'<text class="soft" x="{WIDTH}" y="{y + 12}" text-anchor="end">{told}</text>'
        f'<rect class="rail" x="0" y="{y + 17}" width="{WIDTH}" height="8"/>{drawn}'
    )
