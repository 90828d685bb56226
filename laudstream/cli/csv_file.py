"""Reads a CSV file that may be broken, hostile or both: bad rows are named, the others are read.

The file is UTF-8 (with or without BOM) or UTF-16 with BOM; the delimiter is whichever of `,` `;` tab and `|` the
headings hold most of. Quotes follow RFC 4180. A row that is no row (quotes that do not close, a column too many or
too few, more than MAX_LINE characters) is rejected by the line where it begins, and reading goes on with the very
next line, even if a stray quote had swallowed many.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from laudstream.errors import Invalid, Problem

MAX_LINE = 1 << 20  # characters
_DELIMITERS = ",;\t|"


class Record(NamedTuple):
    line: int
    """Line of the file where it begins; the headings stand on line 1."""
    cells: list[str]


class Rejected(NamedTuple):
    line: int
    reason: str
    column: str = ""
    value: str = ""


class _TooLong(Exception):
    pass


class _Lines:
    """Lines of a file for csv.reader, with those of the row under way kept, so that they can be given back."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._back: list[str] = []
        self.number = 0
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.pop() if self._back else self._file.readline(MAX_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        if len(line) == MAX_LINE and not line.endswith(("\n", "\r")):
            while (rest := self._file.readline(MAX_LINE)) and not rest.endswith(("\n", "\r")):
                pass
            raise _TooLong(f"line of more than {MAX_LINE:,} characters")
        return line

    def begin(self) -> int:
        """A new row begins: its line number."""
        self.taken.clear()
        return self.number + 1

    def give_back(self) -> None:
        """All lines of this row but its first are read again."""
        swallowed = self.taken[1:]
        self._back.extend(reversed(swallowed))
        self.number -= len(swallowed)


class CsvFile:
    """A CSV file with headings. Raises Invalid if it has none."""

    def __init__(self, path: Path, delimiter: str = "") -> None:
        self.path = path
        with path.open("rb") as file:
            self._encoding = "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        with self._open() as text:
            first = text.readline(MAX_LINE)
        self.delimiter = delimiter or max(_DELIMITERS, key=first.count)
        try:
            self.columns = [
                name.strip() for name in next(csv.reader([first], delimiter=self.delimiter, strict=True), [])
            ]
        except csv.Error as error:
            raise Invalid(f"{path}:1: headings cannot be read: {error}") from None
        self._check()

    def _open(self) -> TextIO:
        errors = "surrogateescape" if self._encoding == "utf-8-sig" else "replace"
        return self.path.open(encoding=self._encoding, errors=errors, newline="")

    def _check(self) -> None:
        if not any(self.columns):
            raise Invalid(f"{self.path}:1: no headings", (Problem("", "the first line must name the columns"),))
        problems = []
        for at, name in enumerate(self.columns, 1):
            if not name:
                problems.append(Problem(f"column {at}", "has no heading", "name it or delete the column"))
            elif name in self.columns[: at - 1]:
                problems.append(Problem(f"column {at}", f"{name!r} is there twice", "rename one"))
            elif len(name) > 100 or not name.isprintable():
                problems.append(Problem(f"column {at}", "a heading has 1 to 100 printable characters"))
        if problems:
            raise Invalid(f"{self.path}:1: headings", tuple(problems))

    def rows(self) -> Iterator[Record | Rejected]:
        """All rows but empty lines, in order. The file is opened anew each time."""
        with self._open() as file:
            lines = _Lines(file)
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            next(reader)
            while True:
                line = lines.begin()
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except (csv.Error, _TooLong) as error:
                    lines.give_back()
                    yield Rejected(line, str(error), "", excerpt(lines.taken[0]))
                    continue
                if reason := self._wrong(cells):
                    lines.give_back()
                    yield Rejected(line, reason, "", excerpt(lines.taken[0]))
                elif cells:
                    yield Record(line, cells)

    def _wrong(self, cells: list[str]) -> str:
        """Why these cells are no row, or nothing."""
        if cells and len(cells) != len(self.columns):
            return f"{len(cells)} columns, the headings name {len(self.columns)}"
        text = "".join(cells)
        if "\0" in text:
            return "holds a NUL character"
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                return "is not UTF-8"
        return ""


def excerpt(text: str) -> str:
    """At most 100 characters of a cell or line, to be shown."""
    shown = text.rstrip("\r\n").encode("utf-8", "replace").decode()
    return shown if len(shown) <= 100 else shown[:99] + "…"


def write_rejected(path: Path, rejected: list[Rejected]) -> None:
    """A report that is safe to open in a spreadsheet: no cell of it is a formula."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "column", "reason", "value"])
        for row in rejected:
            writer.writerow([row.line, *map(_harmless, (row.column, row.reason, row.value))])


def _harmless(cell: str) -> str:
    cell = cell.replace("\0", "␀")
    return "'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
