"""Lanes under a PostgreSQL that merges customers: what its rows say comes to each lane by itself (A18)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from agents.lanes.history import History
from agents.lanes.loader import Loader
from laudstream import topics
from laudstream.journey.customer import Customer
from laudstream.records import codec
from tables.cache import Cache
from tests.lanes.cluster import Cluster
from tests.lanes.kit import WORKSPACE, LaneKit, key


class Merging(Cluster):
    def __init__(self, *journeys: dict[str, Any]) -> None:
        super().__init__(*journeys)
        self.revision = 100
        self.rows: dict[str, dict[str, Any]] = {}
        self.identities: dict[str, str] = {}
        self.late: list[tuple[str, str, dict[str, Any]]] = []
        self.ahead: list[tuple[str, dict[str, Any]]] = []

    # -- what PostgreSQL does ------------------------------------------------------
    def root(self, customer: str) -> str:
        return self.identities.get(customer, customer)

    def identify(self, customer: str, *, says: bool = True, **attributes: Any) -> None:
        """`says`: CDC brings the row now."""
        self.revision += 1
        known = self.rows.get(customer, {"born": self.revision, "attributes": {}, "merges": 0})
        attributes = {**known["attributes"], **attributes}
        self.rows[customer] = {**known, "revision": self.revision, "attributes": attributes}
        if says:
            self.say(customer)

    def say(self, customer: str) -> None:
        """The row comes to its lane."""
        row = self.rows[customer]
        self._put(customer, "customers", **{**row, "attributes": json.dumps(row["attributes"]), "created_ms": 1})

    def merge(self, source: str, target: str, *, says: bool = True) -> bool:
        """Whether there was anything to merge. `says`: CDC brings the root's row now, and not later by `say`."""
        source, target = self.root(source), self.root(target)
        if source == target:
            return False
        gone = self.rows.pop(source, None)
        for alias in [source, *(alias for alias, root in self.identities.items() if root == source)]:
            self.identities[alias] = target
            self.revision += 1
            born = gone["born"] if gone and alias == source else 0
            self._put(alias, "identities", root=target, revision=self.revision, born=born)
        self.identify(target, says=False, **{
            name: value for name, value in (gone["attributes"] if gone else {}).items()
            if name not in self.rows.get(target, {"attributes": {}})["attributes"]
        })  # fmt: skip
        self.rows[target]["merges"] += 1 + (gone["merges"] if gone else 0)
        if says:
            self.say(target)
        if gone is not None:
            self._put(source, "customers", **{**gone, "attributes": "{}"}, deleted="true")
        return True

    def merge_ahead(self, source: str, target: str) -> None:
        """The row of the identity comes to its lane before that of the root to the other one, which CDC brings with the
        next row of anybody."""
        if self.merge(source, target, says=False):
            root = self.root(target)
            row = self.rows[root]
            self.ahead.append((root, {**row, "attributes": json.dumps(row["attributes"]), "created_ms": 1}))

    def _say_ahead(self) -> None:
        ahead, self.ahead = self.ahead, []
        for root, row in ahead:
            self._put(root, "customers", **row)

    def delete(self, root: str, *, says: bool = True) -> None:
        """The root and its aliases. `says`: CDC brings it now; if not, the API does, and CDC with the next row."""
        self._say_ahead()  # the API has, before it takes the next call
        row = self.rows.pop(root)
        aliases = [alias for alias, of in self.identities.items() if of == root]
        if not says:
            self._tell(root, row["born"], row["revision"])
            for alias in aliases:
                self._tell(alias, self.revision, self.revision)
        for alias in aliases:
            del self.identities[alias]
        gone = [(root, "customers", {**row, "attributes": "{}"})]
        gone += [(alias, "identities", {"root": root, "revision": self.revision}) for alias in aliases]
        if says:
            self._catch_up(gone)
        else:
            self.late += gone

    def _tell(self, customer: str, born: int, revision: int) -> None:
        at = self.tick()
        row = {"born": born, "revision": revision, "attributes": {}, "deleted": True, "at": at}
        record = {"id": f"gone{at}", "type": "delete", "timestamp": at, "received": at, "row": row}
        self.lane(customer).put(topics.EVENTS, self.tick(), key(customer), json.dumps(record).encode())

    def catch_up(self) -> None:
        """CDC brings what it has not brought yet."""
        self._say_ahead()
        late, self.late = self.late, []
        self._catch_up(late)

    def _catch_up(self, gone: list[tuple[str, str, dict[str, Any]]]) -> None:
        for customer, table, columns in gone:
            self._put(customer, table, **columns, deleted="true")

    def consent(self, customer: str, status: str, channel: str = "email", subscription: str = "news") -> None:
        self.revision += 1
        self._put(
            customer, "consents", revision=self.revision, channel=channel, subscription=subscription, status=status
        )

    def _put(self, customer: str, table: str, deleted: str = "false", **columns: Any) -> None:
        self.catch_up()
        at = self.tick()
        record = {"__table": table, "__deleted": deleted, "__source_ts_ms": at, **columns}
        self.lane(customer).put(topics.ROWS, at, key(customer), json.dumps(record).encode())

    # -- what lanes have -------------------------------------------------------------
    def lane(self, customer: str) -> LaneKit:
        return self.owner(f"{WORKSPACE}:{customer}")

    def state(self, customer: str) -> Customer:
        now: dict[bytes, Customer] = {}
        Loader(self.lane(customer).store, Cache(0), now).load([key(customer)])
        return now[key(customer)]

    def kept(self, customer: str) -> list[str]:
        """Ids of the events that the lane keeps of a customer, the oldest first."""
        found = History(self.lane(customer).store, 1).entries(self.state(customer).newest)
        return [codec.event(entry.value).id for entry in found]

    def runs(self, customer: str) -> list[tuple[str, str]]:
        return [(run.journey, run.step) for run in self.state(customer).core.runs]

    def ended(self) -> list[tuple[str, str]]:
        return [(made.customer, made.outcome or made.reason) for made in self.decisions() if made.kind == "ended"]

    def let_time_pass(self, ms: int) -> None:
        self.now += ms
        self.settle()
        self.settle()

    def check_runs(self, who: Iterable[str], deleted: bool) -> None:
        """Each run that began is there or has ended, once. Of whom is `deleted` on the way from lane to lane nothing is
        told any more."""
        entered = Counter(made.run for made in self.decisions() if made.kind == "entered")
        over = Counter(made.run for made in self.decisions() if made.kind == "ended")
        over.update(run.id for each in who for run in self.state(each).core.runs)
        assert all(count == 1 for count in entered.values())
        assert not over - entered
        assert deleted or over == entered
