"""Subjects that are counted: event, message and run.

event: {name: order_completed, at_least: 2, within: P30D, where: {event.total: {at_least: 100}}}
event: {name: order_completed, last: {event.total: {at_least: 100}}, within: P1Y}      the last one was like this
event: {name: product_viewed, keyed: product_id, at_least: 3}                          one product, three times
event: {name: cart_updated, keyed: {by: cart_id, value: entry.cart_id}, at_least: 2}   this cart
message: {is: opened, journey: welcome, step: hello, within: P7D}
run: {journey: welcome, is: active}      run: {journey: welcome, was: completed, outcome: bought, within: P30D}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from laudstream.conditions import counting
from laudstream.conditions.dates import Span
from laudstream.conditions.needs import Needs
from laudstream.conditions.scope import Get, Scope, getter
from laudstream.conditions.subject import Subject, timed
from laudstream.conditions.tally import EVENT, MACHINE, MESSAGE, NOTHING, RUN, Query, key_text, query_id
from laudstream.journey.reader import Reader, at

WORDS = (*counting.COUNTS, *counting.PERIODS)
DELIVERED = ("sent", "delivered", "opened", "clicked", "bounced")
OF_MESSAGES = ("journey", "step", "tag", "channel")
BY_PEOPLE = ("opened", "clicked")
"""What machines do is none, unless it is asked for (R56)."""
WAS = ("entered", "completed", "converted")

ReadWhere = Callable[[Reader, object, str], tuple[Callable[[Scope], bool], frozenset[str]] | None]
"""Reads a condition on `event.*`: its test and the properties that it reads."""


def event(reader: Reader, body: object, pointer: str, roots: tuple[str, ...], where: ReadWhere) -> Subject | None:
    found = reader.object_of(body, pointer, "'event'")
    if found is None:
        return None
    reader.only(found, pointer, ("name", "where", "keyed", "first", "last", *WORDS))
    name = reader.text_of(found.get("name"), at(pointer, "name"), "the name of an event") or ""
    test = None
    if "where" in found:
        read = where(reader, found["where"], at(pointer, "where"))
        test = read[0] if read else None
    by, value_of = _keyed(reader, found["keyed"], at(pointer, "keyed"), roots) if "keyed" in found else ("", None)
    form = {"kind": EVENT, "name": name, "where": _canonical(found.get("where")), "keyed": by}
    ends = [end for end in ("first", "last") if end in found]
    if ends:
        return _end(reader, found, pointer, ends, form, test, value_of, where)
    counts = counting.read(reader, found, pointer, keyed_any=bool(by) and value_of is None)
    query = Query(query_id(**form), EVENT, name, test, {}, by, most=counts.most)
    return _counted(query, counts, f"event:{name}", value_of)


def _canonical(body: object) -> str:
    try:
        return json.dumps(body, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):  # no JSON: the reader refuses it
        return ""


def _keyed(reader: Reader, body: object, pointer: str, roots: tuple[str, ...]) -> tuple[str, Get | None]:
    if not isinstance(body, dict):
        return reader.text_of(body, pointer, "'keyed' (a property, or {by, value})") or "", None
    reader.only(body, pointer, ("by", "value"))
    by = reader.text_of(body.get("by"), at(pointer, "by"), "'by'") or ""
    path = reader.text_of(body.get("value"), at(pointer, "value"), "'value'") or ""
    get = getter(path, roots) if path else None
    if path and get is None:
        reader.wrong(at(pointer, "value"), f"{path!r} cannot be read here", f"begin with: {', '.join(roots)}")
    return by, get


def _end(
    reader: Reader,
    found: dict[str, Any],
    pointer: str,
    ends: Sequence[str],
    form: dict[str, Any],
    test: Callable[[Scope], bool] | None,
    value_of: Get | None,
    where: ReadWhere,
) -> Subject | None:
    """The first or the last one had these properties."""
    clash = [*ends[1:], *(name for name in counting.COUNTS if name in found)]
    if clash:
        reader.wrong(at(pointer, clash[0]), f"{ends[0]!r} asks for one event, not for a number", "use all: […]")
        return None
    end = ends[0]
    read = where(reader, found[end], at(pointer, end))
    inside = counting.limited(found, reader, pointer)
    if read is None:
        return None
    like, names = read
    kept = tuple(sorted(names))
    query = Query(
        query_id(**form, keep=end, names=kept), EVENT, form["name"], test, {}, form["keyed"], end, kept
    )  # fmt: skip
    if form["keyed"] and value_of is None:
        reader.wrong(at(pointer, "keyed"), f"{end!r} of which value?", "write keyed: {by: …, value: entry.…}")

    def spans(scope: Scope) -> Iterable[Span]:
        tally = scope.facts.tallies.get(query.id, NOTHING)
        if value_of is not None:
            tally = tally.keys.get(key_text(value_of(scope)), NOTHING)
        if not tally.total or not like(Scope(scope.id, {}, {}, tally.kept)):
            return ()
        span = inside(tally.first if end == "first" else tally.last, scope)
        return () if span is None else (span,)

    def show(scope: Scope) -> dict[str, Any]:
        tally = scope.facts.tallies.get(query.id, NOTHING)
        if value_of is not None:
            tally = tally.keys.get(key_text(value_of(scope)), NOTHING)
        return {"at": tally.first if end == "first" else tally.last, end: tally.kept}

    in_time = "within" in found
    needs = Needs(queries=(query,), timed=in_time, zoned=in_time or "since" in found)
    return Subject(timed(spans), f"event:{query.name}", show, needs, spans)


def _counted(query: Query, counts: counting.Counting, label: str, value_of: Get | None = None) -> Subject:
    id = query.id
    needs = Needs(queries=(query,), timed=counts.timed, zoned=counts.zoned)

    def show(scope: Scope) -> dict[str, Any]:
        tally = scope.facts.tallies.get(id, NOTHING)
        if value_of is not None:
            tally = tally.keys.get(key_text(value_of(scope)), NOTHING)
        return {"count": tally.total, "last": tally.last or None}

    def plain(scope: Scope) -> Iterable[Span]:
        span = counts.span(scope.facts.tallies.get(id, NOTHING), scope)
        return () if span is None else (span,)

    def of_one(get: Get, scope: Scope) -> Iterable[Span]:
        tally = scope.facts.tallies.get(id, NOTHING)
        span = counts.span(tally.keys.get(key_text(get(scope)), NOTHING), scope)
        return () if span is None else (span,)

    def of_any(scope: Scope) -> Iterable[Span]:
        found = (counts.span(each, scope) for each in scope.facts.tallies.get(id, NOTHING).keys.values())
        return [span for span in found if span is not None]

    spans = plain if not query.keyed else of_any if value_of is None else partial(of_one, value_of)
    if counts == (1, None, None, None) and not query.keyed:  # has it ever happened

        def ever(scope: Scope) -> bool:
            return id in scope.facts.tallies and scope.facts.tallies[id].total > 0

        return Subject(ever, label, show, needs)
    return Subject(timed(spans), label, show, needs, spans)


def message(reader: Reader, body: object, pointer: str) -> Subject | None:
    found = reader.object_of(body, pointer, "'message'")
    if found is None:
        return None
    reader.only(found, pointer, ("is", "link", "machine", *OF_MESSAGES, *WORDS))
    kind = reader.choice_of(found.get("is"), at(pointer, "is"), "'is'", DELIVERED) or ""
    filters = {
        name: reader.name_of(found[name], at(pointer, name), repr(name)) or "" for name in OF_MESSAGES if name in found
    }
    if "step" in filters and "journey" not in filters:
        reader.wrong(at(pointer, "step"), "a step of which journey?", "write journey: … beside it")
    if "link" in found:
        filters["link"] = reader.text_of(found["link"], at(pointer, "link"), "'link'", most=2000) or ""
        if kind != "clicked":
            reader.wrong(at(pointer, "link"), "only a click has a link", "write is: clicked, or leave it out")
    if "machine" in found:
        said = reader.choice_of(found["machine"], at(pointer, "machine"), "'machine'", ("include", "exclude"))
        if kind not in BY_PEOPLE:
            reader.wrong(at(pointer, "machine"), "machines only open and click", "leave it out")
        elif said == "include":
            filters[MACHINE] = "include"
    counts = counting.read(reader, found, pointer)
    id = query_id(kind=MESSAGE, name=kind, filters=filters)
    return _counted(Query(id, MESSAGE, kind, None, filters, most=counts.most), counts, f"message:{kind}")


def run(reader: Reader, body: object, pointer: str) -> Subject | None:
    found = reader.object_of(body, pointer, "'run'")
    if found is None:
        return None
    reader.only(found, pointer, ("journey", "is", "was", "outcome", *WORDS))
    journey = reader.name_of(found.get("journey"), at(pointer, "journey"), "'journey'") or ""
    if ("is" in found) == ("was" in found):
        reader.wrong(pointer, "a run is active, or was something", f"write is: active, or was: {' | '.join(WAS)}")
        return None
    if "is" in found:
        reader.choice_of(found["is"], at(pointer, "is"), "'is'", ("active",))
        reader.only(found, pointer, ("journey", "is"))

        def active(scope: Scope) -> bool:
            return scope.facts.active_in(journey)

        return Subject(active, f"run:{journey}", active, Needs(journeys=frozenset((journey,))))
    was = found["was"]
    was = reader.choice_of(was, at(pointer, "was"), "'was'", WAS) or ""
    filters = {"journey": journey}
    if "outcome" in found:
        filters["outcome"] = reader.name_of(found["outcome"], at(pointer, "outcome"), "'outcome'") or ""
        if was != "completed":
            reader.wrong(at(pointer, "outcome"), "only what is completed has an outcome", "write was: completed")
    counts = counting.read(reader, found, pointer)
    id = query_id(kind=RUN, name=was, filters=filters)
    return _counted(Query(id, RUN, was, None, filters, most=counts.most), counts, f"run:{journey}")
