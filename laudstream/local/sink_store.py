"""The sink's SQLite file: which webhooks came. One writer (`sink.py`), any number of readers.

What was sent is hostile: it is kept as it came, and shown as text.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from laudstream.errors import NotFound
from laudstream.local.inbox_store import reader

MOST_CALLS = 50_000  # the oldest go first
MAX_PAGE = 200

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL,
    send_id TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_by_send_id ON calls (send_id);
"""


class Received(NamedTuple):
    """A call as it is written."""

    received_at: int
    method: str
    path: str
    """With the query."""
    status: int
    """What was answered."""
    send_id: str
    headers: str
    """JSON: [[name, value]]."""
    body: bytes


def create(path: str) -> sqlite3.Connection:
    """The writer's connection; makes the file if there is none. To be used by one thread at a time."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(_SCHEMA)
    return connection


def write(connection: sqlite3.Connection, call: Received) -> None:
    """Keeps a call, and of the oldest no more than MOST_CALLS."""
    made = connection.execute(
        "INSERT INTO calls (received_at, method, path, status, send_id, headers, body) VALUES (?,?,?,?,?,?,?)", call
    )
    if made.lastrowid is not None and made.lastrowid % 1000 == 0:
        connection.execute("DELETE FROM calls WHERE id <= ?", (made.lastrowid - MOST_CALLS,))


def list_calls(path: str, query: str = "", after: int | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Newest first: [{id, received_at, method, path, status, send_id, size}], older than the call `after`.

    `query`: words, each of which is part of the path or of the body, or the send id. Raises NotFound if there is none.
    """
    where, values = ["id < ?"], [after if after is not None else 1 << 62]
    parameters: list[Any] = list(values)
    for word in query.split()[:10]:
        part = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        where.append("(path LIKE ? ESCAPE '\\' OR CAST(body AS TEXT) LIKE ? ESCAPE '\\' OR send_id = ?)")
        parameters += [part, part, word]
    columns = "id, received_at, method, path, status, send_id, length(body) AS size"
    sql = f"SELECT {columns} FROM calls WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"  # noqa: S608 - all fixed
    with reader(path, "sink") as connection:
        rows = connection.execute(sql, (*parameters, max(1, min(limit, MAX_PAGE)))).fetchall()
    return [dict(row) for row in rows]


def get_call(path: str, id: int) -> dict[str, Any]:
    """{id, received_at, method, path, status, send_id, headers, body}. Raises NotFound."""
    with reader(path, "sink") as connection:
        row = connection.execute("SELECT * FROM calls WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no call {id}")
    shown = dict(row)
    return {**shown, "headers": json.loads(shown["headers"]), "body": bytes(shown["body"]).decode("utf-8", "replace")}
