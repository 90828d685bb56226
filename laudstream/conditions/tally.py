"""Tallies: what is kept of a customer's events so that conditions need not read the events again.

A *query* is one question about events, messages or runs that live definitions ask: which of them count, and what is
kept of them. Its id is a hash of its canonical form, so that the same question in two places is one query. Per
customer and query there is a *tally*: how many there were, the first, the last, and the instants of the last n, where
n is the most that any condition in use needs. An instant is the event's own timestamp, never later than its receipt
(R26); one that comes late goes to its place.
"""

from __future__ import annotations

import json
from bisect import insort
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec.structs import replace

KEYS = 1_000
"""Values of a keyed property that a tally tells apart."""
INSTANTS = 1_000
KEPT_BYTES = 1_024
"""Of the properties of the first or last one; what is larger counts as missing."""

EVENT, MESSAGE, RUN = "event", "message", "run"
MACHINE = "machine"
"""Filter of a message that says that what machines do counts too."""

_pack = msgspec.msgpack.Encoder().encode


class Tally(msgspec.Struct, frozen=True, array_like=True):
    total: int = 0
    first: int = 0
    """ms; 0: none yet."""
    last: int = 0
    recent: tuple[int, ...] = ()
    """Instants of the last ones, ms, ascending."""
    kept: dict[str, Any] = {}
    """Properties of the first or of the last one, as the query says."""
    since: int = 0
    """From when it counts, ms."""
    keys: dict[str, Tally] = {}
    """Of a keyed query: value -> its own tally; the one used last stands last."""


NOTHING = Tally()


class Query(msgspec.Struct, frozen=True):
    id: str
    kind: str
    """event, message or run."""
    name: str
    """Name of the event, kind of the delivery, or entered, completed, converted."""
    test: Any = None
    """A condition on `event.*`; None: every one counts. Messages and runs: None."""
    filters: dict[str, str] = {}
    """Messages and runs: what must be equal."""
    keyed: str = ""
    """Property that tells tallies apart."""
    keep: str = ""
    """first or last: whose properties are kept."""
    names: tuple[str, ...] = ()
    """Properties that are kept."""
    most: int = 0
    """Instants that are kept."""

    def wants(self, scope: Any) -> bool:
        """Whether an event of that name counts, which is the one of the scope."""
        return self.test is None or bool(self.test(scope))


def query_id(**form: Any) -> str:
    """16 hex digits that stand for a question."""
    text = json.dumps(form, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=8).hexdigest()


def united(queries: Iterable[Query]) -> dict[str, Query]:
    """By id; each keeps the most that any of its askers needs."""
    found: dict[str, Query] = {}
    for query in queries:
        known = found.get(query.id)
        if known is None or known.most < query.most:
            found[query.id] = query
    return found


def key_text(value: object) -> str:
    """Text of a key; empty if there is none. 17 and "17" are the same key; long texts are shortened by hash."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    return text if len(text) <= 64 else blake2b(text.encode(), digest_size=16).hexdigest()


def counted(tally: Tally, query: Query, at: int, properties: dict[str, Any]) -> tuple[Tally, bool]:
    """The tally with one more at `at` (ms), and whether a limit was met (the key used longest ago is forgotten)."""
    if not query.keyed:
        return _one_more(tally, query, at, properties), False
    key = key_text(properties.get(query.keyed))
    if not key:
        return tally, False
    keys = {name: each for name, each in tally.keys.items() if name != key}
    full = len(keys) >= KEYS
    if full:
        del keys[next(iter(keys))]
    keys[key] = _one_more(tally.keys.get(key, NOTHING), query, at, properties)
    return replace(_one_more(tally, query, at, {}, bare=True), keys=keys), full


def _one_more(tally: Tally, query: Query, at: int, properties: dict[str, Any], *, bare: bool = False) -> Tally:
    first, last, kept, recent = tally.first, tally.last, tally.kept, tally.recent
    earliest, latest = not tally.total or at < first, not tally.total or at >= last
    if not bare:
        if query.keep and (earliest if query.keep == "first" else latest):
            kept = _kept(query.names, properties)
        if query.most:
            recent = _placed(recent, at, query.most)
    return Tally(
        tally.total + 1, at if earliest else first, at if latest else last, recent, kept, tally.since, tally.keys
    )


def merged(one: Tally, other: Tally, query: Query) -> Tally:
    """The tally of two customers who became one (R50); their events are different ones."""
    if not one.total or not other.total:
        counts = one if one.total else other
        return replace(counts, since=_earliest(one.since, other.since))
    first, last = (one, other) if one.first <= other.first else (other, one), one if one.last >= other.last else other
    kept = {} if not query.keep else first[0].kept if query.keep == "first" else last.kept
    recent = tuple(sorted(one.recent + other.recent))[-query.most :] if query.most else ()
    keys = {name: each for name, each in one.keys.items() if name not in other.keys}
    for name, each in other.keys.items():
        keys[name] = merged(one.keys[name], each, query) if name in one.keys else each
    if len(keys) > KEYS:  # those used longest ago are forgotten
        keys = dict(sorted(keys.items(), key=lambda item: item[1].last)[-KEYS:])
    return Tally(
        one.total + other.total, first[0].first, last.last, recent, kept, _earliest(one.since, other.since), keys
    )


def _earliest(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other


def _placed(recent: tuple[int, ...], at: int, most: int) -> tuple[int, ...]:
    if not recent or at >= recent[-1]:
        return (*recent, at)[-most:]
    instants = list(recent)
    insort(instants, at)
    return tuple(instants[-most:])


def _kept(names: tuple[str, ...], properties: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    room = KEPT_BYTES
    for name in names:
        value = properties.get(name)
        if value is None:
            continue
        room -= len(_pack(value))
        if room >= 0:
            kept[name] = value
    return kept


class Happened(msgspec.Struct, frozen=True):
    """One event of the stored history."""

    name: str
    properties: dict[str, Any]
    at: int
    """Its own timestamp, ms."""
    received: int
    """Lane time of its handling, ms."""


def backfill(
    tallies: Mapping[str, Tally], queries: Iterable[Query], history: Iterable[Happened], scope_of: Any
) -> dict[str, Tally]:
    """The tallies with what stands in the history from before they began to count.

    An event that was received when its tally counted already is counted in it, and is left out here; so doing it
    twice changes nothing. A tally that kept fewer instants than are asked for now gets them from the history.
    `scope_of(properties)`: a scope that has them as its event.
    """
    events = sorted(history, key=lambda event: event.at)
    found = dict(tallies)
    for query in queries:
        if query.kind != EVENT:
            continue
        met = [event for event in events if event.name == query.name and query.wants(scope_of(event.properties))]
        tally = found.get(query.id)
        if tally is None:
            tally = Tally(since=max((event.received for event in events), default=0) + 1)
        earlier = [event for event in met if event.received < tally.since]
        for event in earlier:
            tally, _ = counted(tally, query, event.at, event.properties)
        if not query.keyed and len(tally.recent) < min(query.most, tally.total):
            instants = tuple(event.at for event in met)[-query.most :]
            tally = replace(tally, recent=max(tally.recent, instants, key=len))
        begun = min((event.received for event in events), default=tally.since)
        tally = replace(tally, since=min(tally.since, begun))
        if tally.total or query.id in found:
            found[query.id] = tally
    return found
