"""Reads the entries of a journey, and how many places it has (R18, R23, R33 to R36)."""

from __future__ import annotations

from typing import Any, NamedTuple

from laudstream import conditions
from laudstream.conditions import Condition
from laudstream.journey import parse_occurrences
from laudstream.journey.durations import Duration
from laudstream.journey.kinds.place import on
from laudstream.journey.reader import Reader, at, shown
from laudstream.journey.steps import Audience, DateEntry, Entry, On, SegmentEntry

ENTRIES = ("event", "segment", "date", "audience", "api")
MOST_ENTRIES = 1_000_000_000
"""Places of a journey."""


class Entries(NamedTuple):
    """Of one journey, each kind in the order in which they are written."""

    events: tuple[Entry, ...]
    """By an event or by a call."""
    dates: tuple[DateEntry, ...]
    audience: Audience | None
    segments: tuple[SegmentEntry, ...]


class _Way(NamedTuple):
    """One entry that is read, and what all kinds may say."""

    reader: Reader
    body: dict[str, Any]
    pointer: str
    reentry: str
    after: Duration | None
    restart: bool

    def where(self, *roots: str) -> Condition | None:
        """`roots`: what the paths of the condition may begin with."""
        where = self.body.get("where")
        return None if where is None else conditions.read(self.reader, where, at(self.pointer, "where"), roots)


def entries(reader: Reader, body: Any) -> Entries:
    events: list[Entry] = []
    dates: list[DateEntry] = []
    segments: list[SegmentEntry] = []
    audience: Audience | None = None
    for index, item in enumerate(reader.list_of(body, "/entry", "'entry'", most=20)):
        pointer = at("/entry", index)
        found = reader.object_of(item, pointer, "an entry") or {}
        kind = _kind(reader, found, pointer)
        if not kind:
            continue
        way = _way(reader, found, pointer)
        if kind == "event":
            events.append(_by_event(way))
        elif kind == "api":
            events.append(_by_call(way))
        elif kind == "date":
            dates.append(_by_date(way))
        elif kind == "segment":
            segments.append(_by_segment(way))
        else:
            audience = _audience(way, first=audience is None)
    return Entries(tuple(events), tuple(dates), audience, tuple(segments))


def _kind(reader: Reader, body: dict[str, Any], pointer: str) -> str:
    """Empty: it has none, or several."""
    kinds = [kind for kind in ENTRIES if kind in body]
    reader.only(body, pointer, (*kinds, "where", "reentry", "while_active"))
    if len(kinds) == 1:
        return kinds[0]
    reader.wrong(
        pointer,
        "an entry needs an event, a segment, a date, an audience or api",
        "write event: {name: …}, segment: {id: …}, date: {of: customer.…}, audience: {} or api: {}",
    )
    return ""


def _way(reader: Reader, body: dict[str, Any], pointer: str) -> _Way:
    reentry, after = str(body.get("reentry", "always" if _recurs(body) else "never")), None
    if reentry.startswith("after "):
        reentry, after = "after", reader.duration_of(reentry[6:].strip(), at(pointer, "reentry"), "'reentry'")
    elif reentry not in ("never", "always"):
        said = f"'reentry' cannot be {shown(reentry)}"
        reader.wrong(at(pointer, "reentry"), said, "use never, always or after P30D")
    active = body.get("while_active", "ignore")
    reader.choice_of(active, at(pointer, "while_active"), "'while_active'", ("ignore", "restart"))
    return _Way(reader, body, pointer, reentry, after, active == "restart")


def _recurs(body: dict[str, Any]) -> bool:
    """Whether an entry comes again and again by itself (R23)."""
    every = any(isinstance(body.get(kind), dict) and "every" in body[kind] for kind in ("date", "audience"))
    return every or _signalled(body)


def _signalled(body: dict[str, Any]) -> bool:
    """Whether an entry listens to a signal (R34)."""
    return isinstance(body.get("audience"), dict) and "signal" in body["audience"]


def _by_event(way: _Way) -> Entry:
    where, roots = way.body.get("where"), ("customer", "entry", "event")
    heard = on(way.reader, way.body["event"], way.pointer, where, roots, entry=True)
    return Entry(heard, way.reentry, way.after, way.restart)


def _by_call(way: _Way) -> Entry:
    """`api: {}`, or `api: {key: …}`: by a call that names the journey, from outside or from a step `emit`."""
    reader, spot = way.reader, at(way.pointer, "api")
    options = reader.object_of(way.body["api"], spot, "'api'") or {}
    reader.only(options, spot, ("key",))
    key = reader.text_of(options["key"], at(spot, "key"), "'key'") if "key" in options else ""
    holds = way.where("customer", "entry", "event")
    return Entry(On("", key or "", max_age=None, where=holds), way.reentry, way.after, way.restart, api=True)


def _by_date(way: _Way) -> DateEntry:
    holds = way.where("customer", "entry")
    path, when, keep = parse_occurrences.dates(way.reader, way.body["date"], at(way.pointer, "date"))
    return DateEntry(path, when, keep, holds, way.reentry, way.after, way.restart)


def _by_segment(way: _Way) -> SegmentEntry:
    holds = way.where("customer", "entry")
    segment, edge = _edge(way.reader, way.body["segment"], at(way.pointer, "segment"))
    return SegmentEntry(segment, edge, holds, way.reentry, way.after, way.restart)


def _edge(reader: Reader, body: Any, pointer: str) -> tuple[str, str]:
    """(segment, edge) of `segment: {id, on: enter | leave}`."""
    found = reader.object_of(body, pointer, "'segment'")
    if found is None:
        return "", "enter"
    reader.only(found, pointer, ("id", "on"))
    edge = found.get("on", "enter")
    reader.choice_of(edge, at(pointer, "on"), "'on'", ("enter", "leave"))
    return reader.segment_of(found.get("id"), at(pointer, "id"), "'id'") or "", str(edge)


def _audience(way: _Way, *, first: bool) -> Audience:
    reader, spot = way.reader, at(way.pointer, "audience")
    holds = way.where("customer", "entry") if _signalled(way.body) else way.where("customer")
    if not first:
        reader.wrong(way.pointer, "a journey has one audience", "join their conditions with any: […]")
    options = reader.object_of(way.body["audience"], spot, "'audience'") or {}
    if "signal" in options:
        reader.only(options, spot, ("signal",))
        name = reader.text_of(options["signal"], at(spot, "signal"), "'signal'") or ""
        return Audience(holds, way.reentry, way.after, way.restart, signal=name)
    reader.only(options, spot, ("of", "signal", *parse_occurrences.TIMED))
    schedule = parse_occurrences.schedule(reader, options, spot)
    of = "both" if schedule is not None else "present"
    if "of" in options:
        of = reader.choice_of(options["of"], at(spot, "of"), "'of'", ("present", "future", "both")) or of
    late = parse_occurrences.CATCH_UP
    if "catch_up" in options and schedule is not None:
        late = reader.duration_of(options["catch_up"], at(spot, "catch_up"), "'catch_up'") or late
    return Audience(holds, way.reentry, way.after, way.restart, of, schedule, late)


def places(reader: Reader, body: Any, audience: Audience | None) -> tuple[int, bool]:
    """(places, whether each occurrence has so many) of `max_entries: n` or `{n, per: occurrence}` (R18)."""
    if not isinstance(body, dict):
        return reader.whole_of(body, "/max_entries", "'max_entries'", 1, MOST_ENTRIES) or 0, False
    reader.only(body, "/max_entries", ("n", "per"))
    most = reader.whole_of(body.get("n"), "/max_entries/n", "'n'", 1, MOST_ENTRIES) or 0
    reader.choice_of(body.get("per"), "/max_entries/per", "'per'", ("occurrence",))
    recurs = audience is not None and (audience.signal or (audience.schedule is not None and audience.schedule.unit))
    if not recurs:
        message = "nothing here occurs again and again"
        reader.wrong(
            "/max_entries/per", message, "give the journey an audience with 'every' or on a signal, or write n"
        )
    return most, True
