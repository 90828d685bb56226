"""SQL by name: `queries/<noun>.sql` holds statements, each behind a line `-- name: <name>`.

    -- name: find
    SELECT customer_id FROM customers WHERE workspace_id = $1 AND customer_id = $2;

A `;` at a statement's end is dropped. Text before the first name is a comment for readers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from laudstream.errors import Broken

FOLDER = Path(__file__).parent / "queries"
_NAME = re.compile(r"^-- name:(.*)$", re.MULTILINE)
_WORD = re.compile(r"[a-z][a-z0-9_]*")


class Queries(Mapping[str, str]):
    """The statements of one noun: `q["find"]` is SQL text with parameters $1, $2, …"""

    def __init__(self, noun: str, text: str) -> None:
        """Raises Broken for a name that is none or stands twice, and for a name without a statement."""
        self.noun = noun
        self._sql: dict[str, str] = {}
        _, *parts = _NAME.split(text)
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            self._add(name.strip(), body.strip().removesuffix(";").rstrip())

    def _add(self, name: str, sql: str) -> None:
        place = f"queries/{self.noun}.sql"
        if not _WORD.fullmatch(name):
            raise Broken(f"{place}: {name!r} is no name of a query: a-z, 0-9 and _")
        if name in self._sql:
            raise Broken(f"{place}: {name!r} is there twice")
        if not any(line.strip() and not line.lstrip().startswith("--") for line in sql.splitlines()):
            raise Broken(f"{place}: {name!r} has no statement")
        self._sql[name] = sql

    def __getitem__(self, name: str) -> str:
        """Raises Broken (not KeyError: it is our mistake, wherever it shows) for an unknown name."""
        try:
            return self._sql[name]
        except KeyError:
            known = ", ".join(self._sql) or "none"
            raise Broken(f"queries/{self.noun}.sql has no query {name!r}; there are: {known}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._sql

    def __iter__(self) -> Iterator[str]:
        return iter(self._sql)

    def __len__(self) -> int:
        return len(self._sql)


@cache
def queries(noun: str) -> Queries:
    """The statements of `queries/<noun>.sql`, read once. Raises Broken if there is no such file."""
    path = FOLDER / f"{noun}.sql"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        there = ", ".join(sorted(file.stem for file in FOLDER.glob("*.sql"))) or "none"
        raise Broken(f"no queries/{noun}.sql; there are: {there}") from None
    return Queries(noun, text)
