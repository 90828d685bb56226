"""The figures of a simulation as one HTML page: light and dark, on a phone too, nothing from elsewhere."""

from __future__ import annotations

from datetime import tzinfo
from html import escape

from laudstream.journey.decision import Decision
from laudstream.simulate.chart import funnel
from laudstream.simulate.report import JourneyReport, Report
from laudstream.simulate.tables import Table, segments, tables
from laudstream.simulate.words import line, when

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6776; --paper: #fff; --rule: #dde2e8; --rail: #eef1f4;
  --bar: #3b6fd4; --here: #e0a72e; --end: #2f9e6e }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --paper: #14181e; --rule: #2c343e;
  --rail: #222933; --bar: #6f9cf0; --here: #e9bb55; --end: #57c596 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 16px; max-width: 900px; font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper) }
h1 { font-size: 1.4rem } h2 { font-size: 1.2rem; margin-top: 2rem } h3 { font-size: 1rem; margin-bottom: .3rem }
p, li, .soft { color: var(--soft) }
svg { width: 100%; max-width: 640px; display: block }
svg text { font-size: 14px; fill: var(--ink) } svg .soft { fill: var(--soft); font-size: 12px }
.rail { fill: var(--rail) } .bar { fill: var(--bar) } .here { fill: var(--here) } .end { fill: var(--end) }
.key span { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 1em }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--rule); vertical-align: top }
th { color: var(--soft); font-weight: 500 } td.number { text-align: right; font-variant-numeric: tabular-nums }
ol { padding: 0; list-style: none; font-size: .9rem } time { color: var(--ink); font-variant-numeric: tabular-nums }
"""


def page(report: Report, timelines: dict[str, list[Decision]], zone: tzinfo) -> str:
    """The whole page. Everything that people wrote is escaped."""
    names = ", ".join(journey.name for journey in report.journeys)
    title = escape(f"{names}: simulation")
    said = (
        f"From {when(report.begin, zone)} to {when(report.until, zone)} ({report.days:,.1f} days): "
        f"{report.customers:,} customers, {report.events:,} events, {report.decisions:,} decisions."
    )
    body = "".join(_journey(journey) for journey in report.journeys)
    body += "".join(map(_table, segments(report.segments))) + _timelines(timelines, zone)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>{escape(said)}</p>{body}</body></html>\n"
    )


def _journey(journey: JourneyReport) -> str:
    key = "".join(
        f'<span style="background: var(--{name})"></span>{text}'
        for name, text in (("bar", "went on"), ("here", "are here"), ("end", "ended here"))
    )
    return (
        f'<section><h2>{escape(journey.name)}</h2><p class="key">Runs that came to each step:{key}</p>{funnel(journey)}'
        + "".join(map(_table, tables(journey)))
        + "</section>"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table.rows)
    return f'<h3>{escape(table.title)}</h3><div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    return f"<td>{escape(str(value))}</td>"


def _timelines(timelines: dict[str, list[Decision]], zone: tzinfo) -> str:
    if not timelines:
        return ""
    parts = []
    for customer, decisions in timelines.items():
        lines = "".join(
            f"<li><time>{when(decision.at, zone)}</time> {escape(line(decision))}</li>" for decision in decisions
        )
        parts.append(f"<h3>{escape(customer)}</h3><ol>{lines or '<li>nothing was decided</li>'}</ol>")
    return f"<section><h2>Some customers</h2>{''.join(parts)}</section>"
