"""The inbox's SQLite file: who wrote what to whom. One writer (`inbox.py`), any number of readers.

Readers open the file read-only for each call, so they work while it is written, and before and after.
Mails are hostile: the raw message is kept, and taken apart only when one is read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as policy
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from laudstream.errors import NotFound

MOST_MAILS = 250_000  # the oldest go first
MOST_BYTES = 1 << 30
MAX_PAGE = 200

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at INTEGER NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    send_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS mails_by_send_id ON mails (send_id);
"""


class Incoming(NamedTuple):
    """A mail as it is written."""

    received_at: int
    sender: str
    recipient: str
    subject: str
    send_id: str
    size: int
    raw: bytes


def create(path: str) -> sqlite3.Connection:
    """The writer's connection; makes the file if there is none. To be used by one thread at a time."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # survives a kill; a power cut is no case for a development inbox
    connection.executescript(_SCHEMA)
    return connection


def write(connection: sqlite3.Connection, mails: list[Incoming]) -> None:
    """All of them in one transaction, or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(
            "INSERT INTO mails (received_at, sender, recipient, subject, send_id, size, raw) VALUES (?,?,?,?,?,?,?)",
            mails,
        )
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def trim(connection: sqlite3.Connection, most_mails: int = MOST_MAILS, most_bytes: int = MOST_BYTES) -> int:
    """Deletes the oldest mails above the bounds; returns how many."""
    first, last = connection.execute("SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM mails").fetchone()
    keep_from = max(first, last - most_mails + 1)
    total = connection.execute("SELECT coalesce(sum(size), 0) FROM mails WHERE id >= ?", (keep_from,)).fetchone()[0]
    while total > most_bytes and keep_from <= last:
        step = "SELECT coalesce(sum(size), 0) FROM mails WHERE id >= ? AND id < ?"
        total -= connection.execute(step, (keep_from, keep_from + 1000)).fetchone()[0]
        keep_from += 1000
    return connection.execute("DELETE FROM mails WHERE id < ?", (keep_from,)).rowcount


@contextmanager
def reader(path: str, what: str = "inbox") -> Iterator[sqlite3.Connection]:
    """Raises NotFound if there is no such file."""
    try:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=5)
    except sqlite3.OperationalError:
        raise NotFound(f"there is no {what}") from None
    connection.row_factory = sqlite3.Row
    with closing(connection):
        yield connection


def list_mails(path: str, query: str = "", after: int | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Newest first: [{id, received_at, from, to, subject, send_id, size}], older than the mail `after`.

    `query`: words, each of which is part of an address or of the subject. Raises NotFound if there is no inbox.
    """
    where, values = ["id < ?"], [after if after is not None else 1 << 62]
    matches = "(recipient LIKE ? ESCAPE '\\' OR subject LIKE ? ESCAPE '\\' OR sender LIKE ? ESCAPE '\\' OR send_id = ?)"
    parameters: list[Any] = list(values)
    for word in query.split()[:10]:
        part = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        where.append(matches)
        parameters += [part, part, part, word]
    columns = 'id, received_at, sender AS "from", recipient AS "to", subject, send_id, size'
    sql = f"SELECT {columns} FROM mails WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"  # noqa: S608 - all fixed
    with reader(path) as connection:
        rows = connection.execute(sql, (*parameters, max(1, min(limit, MAX_PAGE)))).fetchall()
    return [dict(row) for row in rows]


def get_mail(path: str, id: int) -> dict[str, Any]:
    """{id, from, to, subject, received_at, send_id, html, text, headers: [[name, value]]}. Raises NotFound."""
    with reader(path) as connection:
        row = connection.execute("SELECT * FROM mails WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no mail {id}")
    message = message_from_bytes(row["raw"], policy=policy)
    return {
        "id": row["id"],
        "from": row["sender"],
        "to": row["recipient"],
        "subject": row["subject"],
        "received_at": row["received_at"],
        "send_id": row["send_id"],
        "html": _body(message, "html"),
        "text": _body(message, "plain"),
        "headers": [[name, str(value)] for name, value in message.raw_items()],
    }


def _body(message: EmailMessage, kind: str) -> str:
    try:
        part = message.get_body((kind,))
        return "" if part is None else str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, ValueError, AttributeError, KeyError):  # an encoding or a structure that nobody knows
        return ""


def count(path: str) -> tuple[int, int]:
    """(mails, distinct send ids). Raises NotFound if there is no inbox."""
    with reader(path) as connection:
        row = connection.execute("SELECT count(*), count(DISTINCT send_id) FROM mails WHERE send_id <> ''").fetchone()
        others = connection.execute("SELECT count(*) FROM mails WHERE send_id = ''").fetchone()
    return row[0] + others[0], row[1]
