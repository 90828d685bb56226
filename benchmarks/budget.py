"""Where the CPU of an event goes in a lane: each phase by itself, in one process, without a broker.

The journey and the events of `lanes`: a customer's events are counted. Rounds of N events as in catch-up, on a real
RocksDB store; what stands around a round is told beside it (`benchmarks.around`), and so is an effect: such an event
has none. What `lanes` measures beyond all that is the loop, sockets and waiting.
"""

from __future__ import annotations

import gc
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from msgspec.structs import replace

from agents.lanes import round as rounds
from agents.lanes.history import History
from agents.lanes.loader import Loader
from agents.lanes.record import Record
from agents.lanes.writer import Out
from benchmarks import around, load
from laudstream import topics
from laudstream.journey import codec
from laudstream.journey.advance import advance
from laudstream.journey.catalog import Catalog
from laudstream.journey.customer import Customer
from laudstream.journey.inputs import EventInput, Moment
from laudstream.records import codec as wire
from laudstream.records.head import new_head
from tables.cache import Cache
from tables.origin import Origin
from tables.rocks import RocksMemory
from tables.store import LaneStore

NOW = 1_800_000_000_000
PASSES = 5


class Given(NamedTuple):
    """A record, as the consumer hands it over."""

    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def measure(*, quick: bool) -> dict[str, Any]:
    size, customers = 4_000, 30_000
    with tempfile.TemporaryDirectory() as folder:
        memory = RocksMemory(64, 64)
        store = LaneStore(Path(folder) / "lane", memory, Origin("c", 0, 1, 0, "t"), now=NOW, max_age_ms=1 << 40)
        lane, offset = _prepared(store, customers)
        figures, total = {}, []
        cache: Cache[Customer] = Cache(1 << 30)
        for _ in range(3 if quick else 8):
            for start in range(0, customers - size, size):
                inputs = [_event(start + n, offset + n) for n in range(size)]
                offset += size
                gc.collect()
                began = time.process_time()
                lane = _round(lane, inputs, store, cache)
                total.append((time.process_time() - began) / size * 1e6)
        figures, beside = _phases(lane, store, cache, [_event(n, offset + n) for n in range(size)])
        store.close()
    return {
        "us_an_event": {name: round(value, 2) for name, value in figures.items()},
        "sum_us": round(sum(figures.values()), 2),
        "round_us": round(min(total), 2),
        "around_us_an_event": {name: round(value, 3) for name, value in beside.items()},
        "us_a_decision": round(_best(around.effects(b"key", size)) / size * 1e6, 2),
    }


def _event(n: int, offset: int, name: str = "seen") -> Given:
    properties = {"page": "/a/page/of/the/shop", "amount": n % 120, "currency": "EUR", "note": "x" * 40}
    body = {"id": f"m{offset}", "type": "track", "name": name, "timestamp": NOW + offset, "received": NOW + offset,
            "properties": properties}  # fmt: skip
    return Given(topics.EVENTS, offset, NOW + offset, f"{load.WORKSPACE}:c{n}".encode(), json.dumps(body).encode())


def _body(*_: Any) -> dict[str, Any]:
    return load.COUNTING


def _round(lane: rounds.Lane, inputs: Sequence[Record], store: LaneStore, cache: Cache[Customer]) -> rounds.Lane:
    bound = inputs[-1].timestamp + 1
    result = rounds.run(lane, rounds.Plan(inputs, bound, bound, 100, 100, 0), store, cache, _body)
    result.out.state_digest()
    result.out.out_digest()
    head = replace(
        lane.head, seq=lane.head.seq + 1, lane_time=result.lane_time, clock=bound, control_seq=result.control_seq
    )
    out = result.out
    store.write(
        out.records, result.hints, result.done, kept=out.kept, head=head, position=head.seq, now=bound,
        size=out.state_bytes,
    )  # fmt: skip
    rounds.keep(cache, result)
    return rounds.Lane(0, head, result.catalog, result.sweeps)


def _prepared(store: LaneStore, customers: int) -> tuple[rounds.Lane, int]:
    """A lane whose customers all have a run and some events behind them."""
    control = {
        "seq": 1,
        "workspace": load.WORKSPACE,
        "kind": "journey",
        "id": "counting",
        "version": 1,
        "status": "live",
    }
    first = Given(topics.CONTROL, 0, NOW, b"1", json.dumps(control).encode())
    cache: Cache[Customer] = Cache(1 << 30)
    lane = _round(rounds.Lane(0, new_head(), Catalog(), ()), [first], store, cache)
    offset = 1
    for name in ("arrived", "seen", "seen"):
        for start in range(0, customers, 5_000):
            lane = _round(lane, [_event(start + n, offset + n, name) for n in range(5_000)], store, cache)
            offset += 5_000
    return lane, offset


def _phases(
    lane: rounds.Lane, store: LaneStore, cache: Cache[Customer], records: Sequence[Record]
) -> tuple[dict[str, float], dict[str, float]]:
    """µs an event: in a round, and around it."""
    now: dict[bytes, Customer] = {}
    keys = [record.key for record in records]
    Loader(store, cache, now).load(keys)
    events = [wire.event(record.value) for record in records]
    inputs = [
        EventInput((topics.EVENTS, 0, record.offset), event) for record, event in zip(records, events, strict=True)
    ]
    moment = Moment(records[-1].timestamp, records[-1].timestamp)
    before = [now[key] for key in keys if key is not None]
    after = [
        advance(customer, each, moment, lane.catalog).customer for customer, each in zip(before, inputs, strict=True)
    ]
    written: list[tuple[bytes, bytes | None]] = []
    for one, other, key in zip(before, after, keys, strict=True):
        codec.put(written, one, other, (key or b"") + b"\0")
    out = Out(0)
    out.records = [*written]
    size = len(records)

    def decode() -> None:
        for record in records:
            wire.event(record.value)

    def state_get() -> None:
        Loader(store, cache, {}).load(keys)

    def core() -> None:
        for customer, each in zip(before, inputs, strict=True):
            advance(customer, each, moment, lane.catalog)

    def encode() -> None:
        made: list[tuple[bytes, bytes | None]] = []
        for one, other, key in zip(before, after, keys, strict=True):
            codec.put(made, one, other, (key or b"") + b"\0")

    def keep() -> None:
        kept = History(store, 0)
        for record, customer in zip(records, after, strict=True):
            kept.keep(customer, record.value or b"", NOW)
        out.kept = kept.records()

    keep()

    def journal() -> None:
        out.finish(1)
        out.state_digest()

    def changelog() -> None:
        _batch([*out.records, *out.kept])

    def rocksdb() -> None:
        store.write(out.records, [], [], kept=out.kept, head=lane.head, position=1, now=NOW, size=1 << 30)
        store.flush()

    steps: dict[str, Callable[[], None]] = {
        "decode": decode, "state get (cached)": state_get, "advance": core, "encode state": encode,
        "keep event": keep, "sizes and digest": journal, "changelog batch": changelog, "rocksdb write": rocksdb,
    }  # fmt: skip
    return _each(steps, size), _each(around.phases(records, out, lane.head), size)


def _each(steps: Mapping[str, Callable[[], None]], size: int) -> dict[str, float]:
    return {name: _best(step) / size * 1e6 for name, step in steps.items()}


def _batch(records: Sequence[tuple[bytes, bytes | None]]) -> None:
    """As `agents.lanes.batches` does."""
    builder = DefaultRecordBatchBuilder(2, 0, True, 1, 0, 0, 1 << 30)
    append, none = builder.append, list[Any]()
    for offset, (key, value) in enumerate(records):
        append(offset, NOW, key, value, none)
    builder.build()


def _best(step: Callable[[], None]) -> float:
    best = 1e9
    for _ in range(PASSES):
        gc.collect()
        began = time.process_time()
        step()
        best = min(best, time.process_time() - began)
    return best
