"""Dead letters: records that no reader could read, as `laudstream.dead_letters` holds them, and what became of them.

A letter is a record with the key and at most 64 KB of the value of the original, and headers `origin`
(topic/partition/offset) and `error` (A6). A mark is a later record of the same partition whose key is the letter's id
`<lane>-<offset>`, with a header `mark` and a value {"state", "at", "end"}. The last mark of a letter counts.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

import msgspec

from laudstream import topics

WAITING, RETRYING, RETRIED, DROPPED = "waiting", "retrying", "retried", "dropped"
MAX_LETTER_BYTES = 64 * 1024
"""Of a value that a letter keeps."""
MARK = "mark"
"""Header by which a mark is known."""
Origin = tuple[str, int, int]
"""Topic, partition, offset."""
_ID = re.compile(r"(\d{1,9})-(\d{1,18})", re.ASCII)


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    state: str
    """retrying: the original is about to be written again; retried: it is; dropped."""
    at: int = 0
    """ms, by the clock of who decided it."""
    end: int = 0
    """retrying: where the log ended before the original was written again."""


class Letter(msgspec.Struct):
    """All but the value: there may be many."""

    lane: int
    offset: int
    """In `laudstream.dead_letters`."""
    at: int
    """When it was written, ms."""
    topic: str
    partition: int
    record_offset: int
    """Of the original."""
    key: bytes | None
    error: str
    mark: Mark = Mark(WAITING)

    @property
    def id(self) -> str:
        return f"{self.lane}-{self.offset}"

    @property
    def origin_known(self) -> bool:
        return self.topic != topics.DEAD_LETTERS

    @property
    def state(self) -> str:
        return self.mark.state


class Record(Protocol):
    """What is used of aiokafka's ConsumerRecord."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Any


_mark = msgspec.json.Decoder(Mark)


def header(record: Record, name: str) -> str:
    """Empty if there is none."""
    return next((value.decode(errors="replace") for key, value in record.headers if key == name), "")


def origin(record: Record) -> Origin:
    """Where the original of a letter, or of a mark's letter, stands. A letter that does not say stands for itself."""
    topic, partition, offset = [*header(record, "origin").rsplit("/", 2), "", ""][:3]
    if topic and partition.isdecimal() and offset.isdecimal():
        return topic, int(partition), int(offset)
    return record.topic, record.partition, record.offset


def is_mark(record: Record) -> bool:
    return bool(header(record, MARK))


def settles(record: Record) -> bool:
    """Whether nobody has to decide about a letter any more, after this mark."""
    return header(record, MARK) in (RETRIED, DROPPED)


def mark(record: Record) -> tuple[str, Mark] | None:
    """(id of the letter, mark) of a record that is a mark; None if it cannot be read."""
    try:
        return (record.key or b"").decode(), _mark.decode(record.value or b"")
    except (UnicodeDecodeError, msgspec.DecodeError):
        return None


def letter(record: Record) -> Letter:
    """A record that is no mark."""
    return Letter(
        record.partition, record.offset, record.timestamp, *origin(record), record.key,
        header(record, "error") or "unknown",
    )  # fmt: skip


def place_of(id: str) -> tuple[int, int] | None:
    """(lane, offset) of an id; None if it is none."""
    match = _ID.fullmatch(id)
    return (int(match[1]), int(match[2])) if match else None
