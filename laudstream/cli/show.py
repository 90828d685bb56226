"""What commands print: tables for people, JSON for machines."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click
import orjson
import yaml
from rich import box
from rich.console import Console, JustifyMethod
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from laudstream.errors import Refused

WIDTH = 200
"""Columns of a table that goes into a file or a pipe."""

as_json = click.option("--json", "json", is_flag=True, help="Print JSON instead of a table.")


def print_json(answer: Any) -> None:
    click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]], title: str = "") -> None:
    """A table; numbers to the right, None and "" as a dash."""
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", title_style="bold")
    lines = [[_cell(value) for value in row] for row in rows]
    for at, column in enumerate(columns):
        numbers = bool(lines) and all(line[at].replace(",", "").isdecimal() or line[at] == "–" for line in lines)
        justify: JustifyMethod = "right" if numbers else "left"
        table.add_column(column.replace("_", " "), justify=justify, overflow="fold", no_wrap=numbers or at == 0)
    for line in lines:
        table.add_row(*map(Text, line))
    out = console()
    least = Measurement.get(out, out.options.update(max_width=10_000), table).minimum
    if least > out.width:  # a number that is cut off is another number: let the terminal break the lines
        out = Console(highlight=False, width=least)
    out.print(table)


def print_definition(answer: dict[str, Any]) -> None:
    """A definition as the API shows it: a line of its state, and its body as YAML."""
    name = f"  {answer['name']}" if answer["name"] != answer["id"] else ""
    click.echo(f"{answer['id']}{name}  {answer['status']}  version {answer['live_version']}")
    if answer.get("problem"):
        click.echo(f"refused by the control agent: {answer['problem']}")
    click.echo(yaml.safe_dump(answer["body"], sort_keys=False, allow_unicode=True).rstrip())


def confirm(question: str) -> None:
    """Ask; who says no ends it. Raises Refused where nobody can answer."""
    try:
        click.confirm(question, abort=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise Refused("nobody said yes: nothing was done; scripts say --yes") from None


def when(at: int | None) -> str:
    """Milliseconds since the epoch as local time."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""


def console() -> Console:
    """Standard output as it is now (tests and pipes exchange it); wide where nobody looks at it."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)


def _cell(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, dict | list | bool):
        return orjson.dumps(value).decode()
    return f"{value:,}" if isinstance(value, int) else str(value)
