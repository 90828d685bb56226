"""How many customers a census counts in a lane: whole rounds without a broker, on a real RocksDB store, 200 a slice.

`attributes`: the condition asks the row. `events`: it asks for an event that no live definition asks for, so each
customer's ten kept events are read. `cold`: customers come from the store, as most do; else from the cache. CPU time.
"""

from __future__ import annotations

import gc
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from agents.lanes import round as rounds
from agents.lanes.turns import SLICE
from benchmarks.budget import NOW, Given
from laudstream import topics
from laudstream.journey.catalog import Catalog
from laudstream.journey.census import CENSUS, id_of
from laudstream.journey.customer import Customer
from laudstream.records import codec
from laudstream.records.head import new_head
from tables.cache import Cache
from tables.origin import Origin
from tables.rocks import RocksMemory
from tables.store import LaneStore

WORKSPACE = "benchmark1"
EVENTS = 10
CONDITIONS: dict[str, dict[str, Any]] = {
    "attributes": {"customer.plan": {"equals": "gold"}, "customer.age": {"at_least": 18}},
    "events": {"event": {"name": "order", "at_least": 3, "within": "P30D", "where": {"event.total": {"at_least": 10}}}},
}


class _Lane:
    def __init__(self, store: LaneStore) -> None:
        self._store = store
        self.cache: Cache[Customer] = Cache(1 << 30)
        self._lane = rounds.Lane(0, new_head(), Catalog(), ())
        self.at, self._offset = NOW, 0

    def put(self, topic: str, customer: str, body: dict[str, Any]) -> Given:
        self._offset, self.at = self._offset + 1, self.at + 1
        return Given(topic, self._offset, self.at, f"{WORKSPACE}:{customer}".encode(), json.dumps(body).encode())

    def round(self, inputs: list[Given], swept: int = 0) -> rounds.Result:
        plan = rounds.Plan(inputs, self.at + 1, self.at + 1, 100, 100, swept)
        result = rounds.run(self._lane, plan, self._store, self.cache, _body)
        head = replace(
            self._lane.head, seq=self._lane.head.seq + 1, lane_time=result.lane_time, clock=self.at,
            control_seq=result.control_seq,
        )  # fmt: skip
        out = result.out
        out.state_digest()
        out.out_digest()
        self._store.write(
            out.records, result.hints, result.done, kept=out.kept, head=head, position=head.seq, now=self.at,
            size=out.state_bytes,
        )  # fmt: skip
        rounds.keep(self.cache, result)
        self._lane = rounds.Lane(0, head, result.catalog, result.sweeps)
        return result

    @property
    def sweeps(self) -> bool:
        return bool(self._lane.sweeps)


def _body(workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
    return {"condition": next(each for each in CONDITIONS.values() if id_of(each) == id)}


def _filled(lane: _Lane, customers: int) -> None:
    for start in range(0, customers, 2_000):
        present = range(start, min(start + 2_000, customers))
        row = {"__table": "customers", "__deleted": "false", "born": 1, "revision": 1, "created_ms": 1, "writes": 0}
        for n in present:
            attributes = {"email": f"c{n}@example.org", "plan": "gold" if n % 4 == 0 else "free", "age": n % 80}
            lane.round([lane.put(topics.ROWS, f"c{n:07}", {**row, "attributes": json.dumps(attributes)})])
        for k in range(EVENTS):
            lane.round([lane.put(topics.EVENTS, f"c{n:07}", _event(n, k, lane.at)) for n in present])


def _event(n: int, k: int, at: int) -> dict[str, Any]:
    properties = {"total": (n + k) % 40, "currency": "EUR", "page": "/a/page/of/the/shop"}
    return {"id": f"m{n}-{k}", "type": "track", "name": ("order", "seen")[k % 2], "timestamp": at, "received": at,
            "properties": properties}  # fmt: skip


def measure(*, quick: bool = False) -> dict[str, Any]:
    customers = 10_000 if quick else 50_000
    figures: dict[str, Any] = {"customers": customers, "kept_events": EVENTS}
    with tempfile.TemporaryDirectory() as folder:
        store = LaneStore(
            Path(folder) / "lane", RocksMemory(64, 64), Origin("c", 0, 1, 0, "t"), now=NOW, max_age_ms=1 << 40
        )
        lane = _Lane(store)
        _filled(lane, customers)
        seq, counted = 0, True
        for name, condition in CONDITIONS.items():
            for kind in ("cold", "warm"):
                if kind == "cold":
                    lane.cache.clear()
                seq += 1
                control = {"seq": seq, "workspace": WORKSPACE, "kind": CENSUS, "id": id_of(condition), "version": 1,
                           "status": "live"}  # fmt: skip
                lane.round([lane.put(topics.CONTROL, "", control)])
                gc.collect()
                longest, began = 0.0, time.process_time()
                while lane.sweeps:
                    before = time.process_time()
                    result = lane.round([], SLICE)
                    longest = max(longest, time.process_time() - before)
                took = time.process_time() - began
                ((_, told),) = result.out.topics[topics.DECISIONS]
                counted = counted and codec.decision(told).data["looked_at"] == customers
                figures[f"{name}_{kind}_per_s"] = round(customers / took)
                figures[f"{name}_{kind}_longest_slice_ms"] = round(longest * 1e3, 1)
        store.close()
    return {**figures, "correct": counted}
