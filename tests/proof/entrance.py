"""What must become of the entries of a journey by an event, a call or a signal (R22 to R24, R26, R34, R59)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from laudstream.customers.event import Event
from tests.proof.ledger import Ledger
from tests.proof.live import Definitions, Sent
from tests.proof.meaning import holds, plus

Body = Mapping[str, Any]


class Entrance:
    """Of one customer; it lives as long as an input."""

    def __init__(self, ledger: Ledger, live: Definitions, now: int, zone: Any, event: Event | None) -> None:
        """`zone`: that of a body."""
        self.ledger, self.live, self.now, self.zone, self.event = ledger, live, now, zone, event
        known = ledger.row is not None
        heard = [each for each in live.signals if each.number > ledger.heard and ledger.created_at <= each.at]
        self.signals: list[Sent] = heard if known and event is None else []
        self.found: dict[str, tuple[list[str], list[str]]] = {}
        """Journey -> (what had to become of an entry, what became of it)."""

    def became(self, journey: str, what: str) -> None:
        """What became of an entry; empty: it is about to be."""
        if not self._exact(journey):
            return
        if journey not in self.found:
            self.found[journey] = (self._expected(journey), [])
        if what:
            self.found[journey][1].append(what)

    def check(self, journeys: Iterable[str]) -> None:
        """Every entry that was met is recorded (R19)."""
        for journey in journeys:
            if self._exact(journey):
                expected, found = self.found.get(journey) or (self._expected(journey), [])
                by = self.event or self.signals
                rule = "R23" if self.event is not None and expected else "R34"
                assert found == expected, f"{rule} entries of {journey} by {by}: {found}, and should be {expected}"

    def _exact(self, journey: str) -> bool:
        """Whether all its entries are by events, calls or signals, so that the oracle knows them all."""
        if self.event is None and len(self.signals) > 1:
            return False
        entries = [entry for body in self.live.versions(journey) for entry in body["entry"]]
        known = all("event" in one or "api" in one or "signal" in one.get("audience", {}) for one in entries)
        return known and not self.live.counts(journey)

    def _expected(self, journey: str) -> list[str]:
        if self.event is None and not self.signals:
            return []
        at = self.now if self.event is not None else self.signals[0].at
        version = self.live.taking(journey, at, self.ledger.customer)
        if not version or self.live.status[journey] == "stopped":
            return []
        body, found = self.live.bodies[journey, version], []
        for entry in body["entry"]:
            if not self._met(entry):
                continue
            found.append(self._refusal(journey, body, entry) or "entered")
            if found[-1] == "entered":
                break
        return found

    def _met(self, entry: Body) -> bool:
        """Who merely does not belong to an audience has not met it (R59)."""
        if self.event is not None:
            return bool(entry.get("event", {}).get("name") == self.event.name)
        if entry.get("audience", {}).get("signal") != self.signals[0].name:
            return False
        return "where" not in entry or holds(entry["where"], self.ledger, self.now, self.zone(None))

    def _refusal(self, journey: str, body: Body, entry: Body) -> str:
        status, now, zone, event, ledger = self.live.status[journey], self.now, self.zone(body), self.event, self.ledger
        key = entry.get("event", {}).get("key", "")
        value = str(event.properties.get(key, "")) if key and event is not None else ""
        if status in ("paused", "draining"):
            return status
        if event is not None and too_old(event, now, zone):
            return "too_old"
        if key and not value:
            return "key_missing"
        if event is not None and "where" in entry and not holds(entry["where"], ledger, now, zone, event.properties):
            return "condition"
        present = [run for run in ledger.active(journey) if run.key == value]
        if present and entry.get("while_active", "ignore") == "ignore":
            return "already_in"
        usual = "always" if "audience" in entry else "never"
        last, reentry = ledger.starts.get((journey, value)), entry.get("reentry", usual)
        again = reentry == "always" or last is None or bool(present)
        if not again and (reentry == "never" or plus(last or 0, reentry.removeprefix("after "), zone) > now):
            return "reentry"
        out = [rule for rule in body.get("exit", ()) if "condition" in rule]
        return "already_out" if any(holds(rule["condition"], ledger, now, zone) for rule in out) else ""


def too_old(event: Event, now: int, zone: str) -> bool:
    """R26"""
    return bool(event.timestamp) and plus(event.timestamp, "P1D", zone) <= now
