"""Golden histories: real rounds of a lane, kept, and what a release makes of them (A13, A14).

A file `<name>.jsonl.gz` is gzipped JSON lines (`zcat` shows it), in this order:

    {"about": "…", "fault": "", "core_level": 1, "state_format": 1, "partition": 3}
    {"key": "workspace:journey:id:1", "body": {…}}                 a definition that the rounds name; some lines
    {"journal": {seq, lane_time, clock, ends, fired, …, out_digest, state_digest},
     "took": [[topic, offset, append time, key, value], …]}        a round, from the lane's first on; some lines

`journal` is the record of `laudstream.journal`, its digests in base64. `took` are the records that the round took, by
rank of the topic and offset. Keys and values are text; where they are none, a sixth element says `base64`. `fault`
`poison` means that the worker had the fault of `tests.integration.poison`.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from agents.lanes.replay import CACHE_BYTES, Replay
from agents.lanes.round import Result
from laudstream import topics
from laudstream.journey.control import body_key
from laudstream.records.head import CORE_LEVEL, STATE_FORMAT, Journal

FOLDER = Path(__file__).parent
SUFFIX = ".jsonl.gz"


class About(msgspec.Struct):
    """The first line."""

    about: str
    partition: int
    fault: str = ""
    core_level: int = CORE_LEVEL
    state_format: int = STATE_FORMAT


class Body(msgspec.Struct):
    key: str
    body: dict[str, Any]


class Input(msgspec.Struct, array_like=True, omit_defaults=True):
    """A record as a lane takes it."""

    topic: str
    offset: int
    timestamp: int
    key: str | None
    value: str | None
    encoding: str = ""


class Round(msgspec.Struct):
    journal: Journal
    took: list[Input]


class Record(NamedTuple):
    """`agents.lanes.record.Record`, read back."""

    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Bodies(dict[str, dict[str, Any]]):
    """Bodies of definitions by key, as a lane asks for them."""

    def body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        return self[body_key(workspace, kind, id, version)]

    async def wait(self, key: str) -> None:
        raise KeyError(key)


class History(NamedTuple):
    about: About
    bodies: Bodies
    rounds: list[Round]

    def replay(self, cache_bytes: int = CACHE_BYTES) -> tuple[Replay, list[Result]]:
        """Run all rounds; the fault must be there already."""
        replay = Replay(self.about.partition, self.bodies, cache_bytes=cache_bytes)
        return replay, [replay.step(one.journal, _by_topic(one.took)) for one in self.rounds]


def named(name: str, state_format: int = 1) -> Path:
    """Those of formats after the first have the number behind their name."""
    return FOLDER / f"{name}{f'-{state_format}' if state_format > 1 else ''}{SUFFIX}"


def kept() -> list[Path]:
    return sorted(FOLDER.glob(f"*{SUFFIX}"))


def write(path: Path, history: History) -> None:
    """The same history gives the same bytes."""
    bodies = [Body(key, body) for key, body in sorted(history.bodies.items())]
    lines = msgspec.json.Encoder().encode_lines([history.about, *bodies, *history.rounds])
    path.write_bytes(gzip.compress(lines, mtime=0))


def read(path: Path) -> History:
    """Raises msgspec.DecodeError."""
    first, *rest = gzip.decompress(path.read_bytes()).splitlines()
    bodies, rounds = Bodies(), []
    for line in rest:
        if line.startswith(b'{"key"'):
            found = msgspec.json.decode(line, type=Body)
            bodies[found.key] = found.body
        else:
            rounds.append(msgspec.json.decode(line, type=Round))
    return History(msgspec.json.decode(first, type=About), bodies, rounds)


def kept_input(record: Any) -> Input:
    """A record of Kafka as a line keeps it."""
    key, value, encoding = record.key, record.value, ""
    try:
        texts = _text(key), _text(value)
    except UnicodeDecodeError:
        texts, encoding = (_coded(key), _coded(value)), "base64"
    return Input(record.topic, record.offset, record.timestamp, texts[0], texts[1], encoding)


def _text(part: bytes | None) -> str | None:
    return None if part is None else part.decode()


def _coded(part: bytes | None) -> str | None:
    return None if part is None else base64.b64encode(part).decode()


def record_of(one: Input) -> Record:
    key, value = _bytes(one.key, one.encoding), _bytes(one.value, one.encoding)
    return Record(one.topic, one.offset, one.timestamp, key, value)


def _by_topic(took: Iterable[Input]) -> list[list[Record]]:
    found: dict[str, list[Record]] = {topic: [] for topic in topics.LANE_INPUTS}
    for one in took:
        found[one.topic].append(record_of(one))
    return list(found.values())


def _bytes(part: str | None, encoding: str) -> bytes | None:
    if part is None:
        return None
    return base64.b64decode(part) if encoding else part.encode()
