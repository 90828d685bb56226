"""What docs/conditions.md says of each operator, said a second time without the code under test, for odd values."""

from __future__ import annotations

import json
import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from laudstream.conditions import Facts, Scope, read
from laudstream.journey.reader import Reader

# Plain values


def kind(value: Any) -> str:
    return json.dumps(value)[0] if isinstance(value, bool | None) else type(value).__name__.replace("float", "int")


def equal(value: Any, operand: Any) -> bool:
    return kind(value) == kind(operand) and bool(value == operand)


def compares(value: Any, operand: Any) -> bool:
    return kind(value) == kind(operand) and kind(value) in ("int", "str")


def in_order(ends: tuple[Any, Any]) -> bool:
    return compares(*ends) and not ends[0] > ends[1]


def naive(operator: str, operand: Any, value: Any) -> bool:
    match operator:
        case "equals":
            return equal(value, operand)
        case "contains":
            if isinstance(value, list):
                return any(equal(item, operand) for item in value)
            return isinstance(value, str) and isinstance(operand, str) and value.find(operand) >= 0
        case "starts_with":
            return isinstance(value, str) and value[: len(operand)] == operand
        case "ends_with":
            return isinstance(value, str) and value[::-1][: len(operand)] == operand[::-1]
        case "in":
            return any(equal(value, item) for item in operand)
        case "exists":
            return value is not None
        case "less_than":
            return compares(value, operand) and bool(value < operand)
        case "greater_than":
            return compares(value, operand) and bool(value > operand)
        case "at_most":
            return compares(value, operand) and not value > operand
        case "at_least":
            return compares(value, operand) and not value < operand
        case "between":
            return naive("at_least", operand[0], value) and naive("at_most", operand[1], value)
        case "length":
            asked = operand if isinstance(operand, dict) else {"equals": operand}
            return isinstance(value, str | list) and all(naive(*each, len(value)) for each in asked.items())
    return not naive(operator.removeprefix("not_"), operand, value)


scalars = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.integers(2**53 - 2, 2**53 + 2) | st.integers(2**63 - 2, 2**63)
    | st.sampled_from([0.0, -0.0, 0.5, 1.0, 2.0**53, 2.0**63, 1e308, 5e-324])
    | st.sampled_from(["", "a", "ab", "ba", "A", "ä", "a\u0308", "\u1e9e", "ß", "1", "1.0", "true", "null", "\x00"])
    | st.text(max_size=3)
)  # fmt: skip
values = scalars | st.lists(scalars | st.lists(scalars, max_size=2), max_size=3) | st.just({"a": 1})
texts = st.sampled_from(["a", "ab", "ä", "1", "👩"]) | st.text(min_size=1, max_size=2)
sizes = st.integers(0, 4)
plain: st.SearchStrategy[tuple[str, Any]] = (
    st.tuples(st.sampled_from(["equals", "not_equals"]), scalars)
    | st.tuples(st.sampled_from(["contains", "not_contains"]), scalars.filter(lambda it: it is not None))
    | st.tuples(st.sampled_from(["starts_with", "ends_with"]), texts)
    | st.tuples(st.sampled_from(["in", "not_in"]), st.lists(scalars, min_size=1, max_size=4))
    | st.tuples(st.sampled_from(["exists", "not_exists"]), st.just(True))
    | st.tuples(
        st.sampled_from(["less_than", "at_most", "greater_than", "at_least"]),
        scalars.filter(lambda it: kind(it) in ("int", "str")),
    )
    | st.tuples(
        st.just("between"),
        st.tuples(scalars, scalars).filter(in_order).map(list),
    )
    | st.tuples(
        st.just("length"),
        sizes | st.dictionaries(st.sampled_from(["equals", "at_most", "at_least", "less_than"]), sizes, min_size=1),
    )
)  # fmt: skip


PATHS = ["customer.v", "customer.deep.v", "group.v", "entry.v", "event.v"]


@settings(max_examples=500)
@given(plain, values, st.sampled_from(PATHS), st.booleans(), st.data())
def test_each_operator_does_what_its_line_in_the_table_says(
    asked: tuple[str, Any], value: Any, path: str, there: bool, data: st.DataObject
) -> None:
    if data.draw(st.booleans()):  # a value of the operand
        value = data.draw(st.sampled_from(asked[1] if isinstance(asked[1], list) else [asked[1]]))
    reader = Reader()
    made = read(reader, {path: {asked[0]: asked[1]}}, "", ("customer", "entry", "event"))
    assert reader.problems == []
    given = {"v": value} if there else {}
    attributes = {**given, "deep": given, "group": given}
    found = made.test(Scope("ann", attributes, given, given))
    assert found is naive(*asked, value if there else None)


# Dates

_STEP = timedelta(minutes=5)
_FORM = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(\d+)H)?")


def reached(wall: datetime, zone: tzinfo) -> datetime:
    """The first instant at which clocks show `wall` or later (R11)."""
    at = wall.replace(tzinfo=UTC) - timedelta(hours=15)
    while at.astimezone(zone).replace(tzinfo=None) < wall:
        at += _STEP
    return at


def moved(wall: datetime, length: str, sign: int) -> tuple[datetime, timedelta]:
    found = _FORM.fullmatch(length)
    assert found is not None
    years, months, weeks, days, hours = (int(part or 0) for part in found.groups())
    month = wall.year * 12 + wall.month - 1 + sign * (years * 12 + months)
    last = monthrange(month // 12, month % 12 + 1)[1]
    there = wall.replace(year=month // 12, month=month % 12 + 1, day=min(wall.day, last))
    return there + sign * timedelta(days=weeks * 7 + days), sign * timedelta(hours=hours)


def plus(at: datetime, length: str, zone: tzinfo, sign: int = 1) -> datetime:
    wall, exact = moved(at.astimezone(zone).replace(tzinfo=None), length, sign)
    if wall == at.astimezone(zone).replace(tzinfo=None):
        return at + exact
    return reached(wall, zone) + exact


def day_plus(day: date, length: str, sign: int) -> date:
    return moved(datetime.combine(day, time()), length, sign)[0].date()


def timed(operator: str, operand: Any, text: str, now: datetime, zone: tzinfo) -> bool:
    if "T" not in text:
        at = reached(datetime.fromisoformat(text), zone)
        day = date.fromisoformat(text)
    elif text.endswith("Z"):
        at = datetime.fromisoformat(text)
        day = at.astimezone(zone).date()
    else:
        at, day = reached(datetime.fromisoformat(text), zone), datetime.fromisoformat(text).date()
    today = now.astimezone(zone).date()
    side, length = next(iter(operand.items())) if isinstance(operand, dict) else ("ago", "P0D")
    sign = 1 if side == "ago" else -1
    if operator == "within_last":
        return at <= now < plus(at, operand, zone)
    if operator == "within_next":
        return plus(at, operand, zone, -1) <= now < at
    if operator == "on":
        return day_plus(day, length, sign) == today
    if operator == "anniversary":
        return any(day_plus(in_year(day, year), length, sign) == today for year in range(day.year + 1, today.year + 4))
    if operand == "today":
        return day < today if operator == "before" else day > today
    passed = now >= (at if operand == "now" else plus(at, length, zone, sign))
    return passed if operator == "before" else not passed


def in_year(day: date, year: int) -> date:
    return date(year, day.month, min(day.day, monthrange(year, day.month)[1]))


ZONES = [UTC, *map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo",
                              "Pacific/Apia", "America/Havana"))]  # fmt: skip
EDGES = [
    "2026-01-31T00:00", "2026-02-28T23:50", "2028-02-29T00:00", "2026-03-29T02:30", "2026-10-25T02:30",
    "2026-03-08T02:00", "2026-11-01T01:30", "2026-12-31T23:50", "2026-04-24T00:00", "2026-10-29T23:30",
    "2026-03-08T00:30", "2026-10-04T02:00", "2026-04-05T01:45",
]  # fmt: skip
walls = st.builds(
    lambda edge, minutes: datetime.fromisoformat(edge) + timedelta(minutes=10 * minutes),
    st.sampled_from(EDGES), st.integers(-300, 300),
)  # fmt: skip
dates = walls.map(lambda wall: wall.isoformat()[:16])
written = dates | dates.map(lambda text: text[:10]) | dates.map(lambda text: text + "Z")
lengths = st.sampled_from(["PT1H", "PT24H", "P1D", "P1W", "P1M", "P1MT1H", "P1M1D", "P1Y", "P13M"])
whole = st.sampled_from(["P1D", "P1W", "P1M", "P1Y", "P13M1D"])
sides = st.sampled_from(["ago", "ahead"])
forms = (
    st.tuples(st.sampled_from(["within_last", "within_next"]), lengths)
    | st.tuples(st.sampled_from(["before", "after"]), st.builds(lambda s, p: {s: p}, sides, lengths))
    | st.tuples(st.sampled_from(["on", "anniversary"]), st.builds(lambda s, p: {s: p}, sides, whole))
    | st.tuples(st.sampled_from(["before", "after"]), st.sampled_from(["now", "today"]))
    | st.tuples(st.sampled_from(["on", "anniversary"]), st.just("today"))
)  # fmt: skip


def ms(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@settings(max_examples=300, deadline=None)
@given(forms, written, walls, st.sampled_from(["P0D", "P1D", "P1M", "P1Y", "P13M"]), st.sampled_from(ZONES))
@example(("within_last", "P1D"), "2026-03-28T02:30", datetime(2026, 3, 29, 2, 0), "P0D", ZONES[1])
def test_each_operator_of_time_holds_and_changes_when_the_docs_say(
    form: tuple[str, Any], text: str, wall: datetime, later: str, zone: tzinfo
) -> None:
    reader = Reader()
    made = read(reader, {"customer.d": {form[0]: form[1]}}, "", ("customer",))
    assert reader.problems == []
    now = reached(moved(wall, later, 1)[0], zone)

    def asked(at: datetime) -> bool:
        return made.test(Scope("ann", {"d": text}, {}, facts=Facts(ms(at), zone)))

    assert asked(now) is timed(*form, text, now, zone)
    following = made.next_change(Scope("ann", {"d": text}, {}, facts=Facts(ms(now), zone)))
    if following:
        then = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=following)
        before = then - timedelta(milliseconds=1)
        assert timed(*form, text, before, zone) is timed(*form, text, now, zone)
        assert timed(*form, text, then, zone) is not timed(*form, text, now, zone)
