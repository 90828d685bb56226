"""The demo's live table; on no terminal, a line every few seconds."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import click
import msgspec
from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

LINE_EVERY_S = 5.0
WINDOW_S = 3.0
"""Rates are over this long."""


class Moment(msgspec.Struct):
    """Where things stand."""

    sent: int = 0
    """Events that the API has taken."""
    lag: int = 0
    """Events that lanes have not handled yet."""
    runs: int = 0
    waiting: int = 0
    mails: int = 0
    """In the inbox."""


class Board:
    """Shows moments as they come: `with Board(total) as board: board.show(moment)`."""

    def __init__(self, events: int, mails: int) -> None:
        self._events, self._mails = events, mails
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._past: list[tuple[float, Moment]] = []
        self._said = 0.0

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, moment: Moment) -> None:
        now = time.monotonic()
        self._past.append((now, moment))
        while self._past[0][0] < now - WINDOW_S and len(self._past) > 2:
            del self._past[0]
        if self._live:
            self._live.update(self._table(moment), refresh=True)
        elif now - self._said >= LINE_EVERY_S:
            self._said = now
            click.echo("  " + " · ".join(f"{name} {value}" for name, value in self._figures(moment)))

    def _rate(self, name: str) -> float:
        (began, first), (ended, last) = self._past[0], self._past[-1]
        seconds = ended - began
        return (getattr(last, name) - getattr(first, name)) / seconds if seconds else 0.0

    def _figures(self, moment: Moment) -> list[tuple[str, str]]:
        return [
            ("events", f"{moment.sent:,} of {self._events:,}"),
            ("events/s", f"{self._rate('sent'):,.0f}"),
            ("lag", f"{moment.lag:,}"),
            ("runs", f"{moment.runs:,}"),
            ("waiting", f"{moment.waiting:,}"),
            ("mails", f"{moment.mails:,} of {self._mails:,}"),
            ("mails/s", f"{self._rate('mails'):,.0f}"),
        ]

    def _table(self, moment: Moment) -> Table:
        table = Table(box=box.SIMPLE_HEAD)
        figures = self._figures(moment)
        for name, _ in figures:
            table.add_column(name, justify="right")
        table.add_row(*(value for _, value in figures))
        return table
