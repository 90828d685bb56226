"""A lane without Kafka: rounds on a store in memory, with records made by hand."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from agents.lanes import round as rounds
from agents.lanes.history import History
from agents.lanes.loader import Loader
from agents.lanes.record import merge
from laudstream import topics
from laudstream.conditions.tally import Happened
from laudstream.journey.catalog import Catalog
from laudstream.journey.customer import Customer
from laudstream.records import codec
from laudstream.records.head import Head, new_head
from tables.cache import Cache
from tables.memory import MemoryStore

WORKSPACE = "workspace1"
EXAMPLES = Path(__file__).parents[2] / "local-env"

TEMPLATE = {"id": "hello", "channel": "email", "subject": "Hi", "html": "<p>Hello</p>"}


def waiting(timeout: str = "PT20S", **more: Any) -> dict[str, Any]:
    """A journey: purchase -> wait for `paid`, then for the timeout."""
    return {
        "id": "wait-for-payment",
        "name": "Wait for payment",
        "entry": [{"event": {"name": "purchase"}, "reentry": "always"}],
        "start": "look",
        "steps": {
            "look": {
                "wait": {
                    "branches": [{"event": {"name": "paid"}, "next": "paid"}],
                    "timeout": {"after": timeout, "next": "late"},
                }
            },
            "paid": {"exit": {"outcome": "paid"}},
            "late": {"exit": {"outcome": "late"}},
        },
        **more,
    }


def example(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text()))


def key(customer: str) -> bytes:
    return f"{WORKSPACE}:{customer}".encode()


def events(lane: LaneKit, customer: str) -> list[Happened]:
    """What the lane keeps of a customer's events."""
    now: dict[bytes, Customer] = {}
    Loader(lane.store, Cache(0), now).load([key(customer)])
    return History(lane.store, 0).happened(now[key(customer)].newest, 0)


class LaneKit:
    """Puts records into logs with a broker's times, and runs rounds over them."""

    def __init__(self, store: Any = None) -> None:
        self.store = store or MemoryStore()
        self.lane = rounds.Lane(0, new_head(), Catalog(), ())
        self.cache: Cache[Customer] = Cache(1 << 26)
        self.bodies: dict[tuple[str, str, str, int], dict[str, Any]] = {}
        self.logs: dict[str, deque[Any]] = {t: deque() for t in topics.LANE_INPUTS}
        self.offsets = dict.fromkeys(topics.LANE_INPUTS, 0)
        self.seq = 0
        self.slice = 100
        """Customers of a sweep's slice."""
        self.results: list[rounds.Result] = []
        self.taken: list[list[list[Any]]] = []

    # -- logs ----------------------------------------------------------------------
    def put(self, topic: str, at: int, key: bytes | None, value: bytes | None) -> int:
        offset = self.offsets[topic]
        self.offsets[topic] += 1
        self.logs[topic].append(SimpleNamespace(topic=topic, offset=offset, timestamp=at, key=key, value=value))
        return offset

    def publish(self, body: dict[str, Any], at: int, kind: str = "journey", version: int = 1) -> None:
        self.bodies[WORKSPACE, kind, body["id"], version] = body
        self.control(kind, body["id"], "live", at, version)

    def control(self, kind: str, id: str, status: str, at: int, version: int = 1) -> None:
        self.seq += 1
        record = {"seq": self.seq, "workspace": WORKSPACE, "kind": kind, "id": id, "version": version, "status": status}
        self.put(topics.CONTROL, at, str(self.seq).encode(), json.dumps(record).encode())

    def event(self, customer: str, name: str, at: int, id: str = "", **properties: Any) -> None:
        id = id or f"m{self.offsets[topics.EVENTS]}"
        record = {"id": id, "type": "track", "name": name, "properties": properties, "timestamp": at, "received": at}
        self.put(topics.EVENTS, at, key(customer), json.dumps(record).encode())

    def row(self, customer: str, at: int, revision: int = 1, **attributes: Any) -> None:
        record = {
            "__table": "customers", "__deleted": "false", "born": 1, "revision": revision, "created_ms": 1,
            "attributes": json.dumps(attributes), "writes": 0,
        }  # fmt: skip
        self.put(topics.ROWS, at, key(customer), json.dumps(record).encode())

    # -- rounds --------------------------------------------------------------------
    def round(self, bound: int, clock: int | None = None, most: int = 1000, timers: int = 1000) -> rounds.Result:
        """Take what is in the logs, at most `most` a topic, and handle it; timers due before `bound` fire."""
        taken = [[log.popleft() for _ in range(min(most, len(log)))] for log in self.logs.values()]
        return self.run(taken, rounds.Plan(merge(taken), bound, clock or bound, timers, timers, self.slice))

    def run(self, taken: list[list[Any]], plan: rounds.Plan) -> rounds.Result:
        result = rounds.run(self.lane, plan, self.store, self.cache, self.body)
        self.store.write([*result.out.records, *result.out.kept], result.hints, result.done)
        rounds.keep(self.cache, result)
        head = Head(
            self.lane.head.seq + 1, lane_time=result.lane_time, clock=plan.clock, control_seq=result.control_seq,
            core_level=result.core_level, state_format=result.state_format,
        )  # fmt: skip
        self.lane = rounds.Lane(0, head, result.catalog, result.sweeps)
        self.results.append(result)
        self.taken.append(taken)
        return result

    def body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        return self.bodies[workspace, kind, id, version]

    # -- what came out ---------------------------------------------------------------
    def decisions(self, results: Sequence[rounds.Result] | None = None) -> list[Any]:
        found = []
        for result in results if results is not None else self.results:
            found += [codec.decision(value) for _, value in result.out.topics.get(topics.DECISIONS, ())]
        return found

    def ends(self) -> list[tuple[str, str, int]]:
        return [(d.customer, d.outcome or d.reason, d.at) for d in self.decisions() if d.kind == "ended"]

    def sends(self) -> list[Any]:
        return [
            codec.request(value)
            for result in self.results
            for topic, pairs in result.out.topics.items()
            if topic.startswith("laudstream.send.")
            for _, value in pairs
        ]


def at_work() -> LaneKit:
    """A lane with the journey of `waiting`, one second after the beginning of time."""
    kit = LaneKit()
    kit.publish(waiting(), at=1000)
    kit.round(bound=1001)
    return kit
