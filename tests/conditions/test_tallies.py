"""Tallies answer what reading the whole history would answer (R26, R32, R58), and no change by time is missed (R3)."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laudstream.conditions import Condition, Facts, Scope, read
from laudstream.conditions.dates import shift
from laudstream.conditions.tally import KEYS, NOTHING, Happened, Query, Tally, backfill, counted
from laudstream.journey.durations import parse
from laudstream.journey.reader import Reader

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = 3_600_000, 86_400_000
NOW = 1_774_710_000_000  # the night in which an hour is lost in Berlin


def compiled(event: dict[str, Any], roots: tuple[str, ...] = ("customer", "entry")) -> Condition:
    reader = Reader()
    made = read(reader, {"event": event}, "", roots)
    assert reader.problems == []
    return made


def tallied(made: Condition, events: list[tuple[int, dict[str, Any]]]) -> dict[str, Tally]:
    (query,) = made.needs.queries
    tally = NOTHING
    for at, properties in events:
        if query.wants(scope({}, 0, properties)):
            tally, _ = counted(tally, query, at, properties)
    return {query.id: tally}


def scope(tallies: dict[str, Tally], now: int, event: dict[str, Any] | None = None, **entry: Any) -> Scope:
    return Scope("ann", {}, entry, event, facts=Facts(now, BERLIN, tallies))


instants = st.integers(NOW - 20 * DAY, NOW)
happenings = st.lists(st.tuples(instants, st.fixed_dictionaries({"n": st.integers(0, 3)})), max_size=12)
periods = st.sampled_from(["PT12H", "P1D", "P7D", "P1M"])
counts = st.tuples(st.sampled_from(["at_least", "at_most", "exactly"]), st.integers(1, 5))
COMPARE = {"at_least": lambda n, k: n >= k, "at_most": lambda n, k: n <= k, "exactly": lambda n, k: n == k}


@given(happenings, counts, periods, st.integers(0, 40 * DAY))
def test_r32_a_count_within_a_period_is_that_of_the_whole_history(
    history: list[Any], count: tuple[str, int], period: str, later: int
) -> None:
    made = compiled({"name": "buy", count[0]: count[1], "within": period, "where": {"event.n": {"at_least": 1}}})
    now = NOW + later
    length = parse(period)
    inside = sum(at <= now < shift(at, length, BERLIN) for at, properties in history if properties["n"] >= 1)
    assert made.test(scope(tallied(made, history), now)) is COMPARE[count[0]](inside, count[1])


@given(happenings, counts, st.integers(0, 20))
def test_a_count_since_a_day_and_one_without_a_period(history: list[Any], count: tuple[str, int], day: int) -> None:
    made = compiled({"name": "buy", count[0]: count[1]})
    assert made.test(scope(tallied(made, history), NOW)) is COMPARE[count[0]](len(history), count[1])
    made = compiled({"name": "buy", count[0]: count[1], "since": f"2026-03-{9 + day:02}T00:00Z"})
    start = 1_773_014_400_000 + day * DAY
    inside = sum(at >= start for at, _ in history)
    assert made.test(scope(tallied(made, history), NOW)) is COMPARE[count[0]](inside, count[1])


@given(happenings, st.sampled_from(["first", "last"]), st.integers(0, 3), st.none() | periods)
def test_r58_the_first_and_the_last_one_are_known_with_their_properties(
    history: list[Any], end: str, n: int, period: str | None
) -> None:
    made = compiled({"name": "buy", end: {"event.n": {"equals": n}}, **({"within": period} if period else {})})
    expected = False
    if history:
        best = min(at for at, _ in history) if end == "first" else max(at for at, _ in history)
        same = [properties["n"] for at, properties in history if at == best]
        value = same[0] if end == "first" else same[-1]
        expected = value == n and (period is None or shift(best, parse(period), BERLIN) > NOW)
    assert made.test(scope(tallied(made, history), NOW)) is expected


@given(happenings, counts, periods)
def test_keyed_asks_each_value_by_itself(history: list[Any], count: tuple[str, int], period: str) -> None:
    asked = {"name": "buy", count[0]: count[1], "within": period}
    length = parse(period)
    inside = dict.fromkeys({properties["n"] for _, properties in history}, 0)
    for at, properties in history:
        inside[properties["n"]] += shift(at, length, BERLIN) > NOW
    any_of = compiled({**asked, "keyed": "n"})
    wanted = [n >= 1 and COMPARE[count[0]](n, count[1]) for n in inside.values()]
    assert any_of.test(scope(tallied(any_of, history), NOW)) is any(wanted)
    one = compiled({**asked, "keyed": {"by": "n", "value": "entry.n"}})
    for n in range(4):
        found = one.test(scope(tallied(one, history), NOW, n=n))
        assert found is COMPARE[count[0]](inside.get(n, 0), count[1])


@settings(max_examples=300)
@given(
    st.lists(st.integers(27 * 24, 33 * 24), max_size=8), counts, st.sampled_from(["P1M", "P1Y1M", "P1M1D", "P3MT1H"]),
    st.integers(-4 * 24, 4 * 24),
)  # fmt: skip
def test_r32_what_happened_on_a_day_that_the_other_month_lacks_is_within_to_the_end_of_its_last_day(
    hours: list[int], count: tuple[str, int], period: str, later: int
) -> None:
    length = parse(period)
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def over(hour: int) -> datetime:
        at = start + timedelta(hours=hour)
        year, month = divmod(at.year * 12 + at.month - 1 + length.months, 12)
        try:
            there = at.replace(year=year, month=month + 1)
        except ValueError:
            there = datetime(year, month + 1, monthrange(year, month + 1)[1], tzinfo=UTC) + timedelta(days=1)
        return there + timedelta(days=length.days, milliseconds=length.ms)

    made = compiled({"name": "buy", count[0]: count[1], "within": period})
    now = over(30 * 24) + timedelta(hours=later)
    inside = sum(start + timedelta(hours=hour) <= now < over(hour) for hour in hours)
    history: list[tuple[int, dict[str, Any]]] = [(ms(start + timedelta(hours=hour)), {}) for hour in hours]
    facts = Facts(ms(now), UTC, tallied(made, history))
    assert made.test(Scope("ann", {}, {}, facts=facts)) is COMPARE[count[0]](inside, count[1])


def ms(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


ZONES = [UTC, BERLIN, *map(ZoneInfo, ("America/St_Johns", "America/Havana", "Australia/Lord_Howe", "Atlantic/Azores"))]


@settings(max_examples=300)
@given(
    st.sampled_from(["P1D", "P1W", "P1M", "P1M1D", "P1MT3H", "P1Y", "P7M", "P14M3D"]), st.sampled_from(ZONES),
    st.tuples(st.sampled_from([2023, 2024]), st.integers(1, 12)),
    st.lists(st.integers(-500, 200), min_size=2, max_size=8),
)  # fmt: skip
def test_r32_to_a_count_what_is_later_is_never_over_earlier(
    period: str, zone: Any, month: tuple[int, int], tens: list[int]
) -> None:
    start = ms(datetime(*month, 1, tzinfo=UTC))
    ends = [parse(period).ends(start + ten * 600_000, zone) for ten in sorted(tens)]
    assert ends == sorted(ends)


@pytest.mark.parametrize(
    ("at", "period", "zone"),
    [
        (datetime(2026, 1, 31, 1, tzinfo=UTC), "P1M", UTC),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "P1D", BERLIN),  # 02:30 for the second time
    ],
)
def test_r32_one_event_and_the_last_one_are_within_a_period_for_equally_long(
    at: datetime, period: str, zone: Any
) -> None:
    once = compiled({"name": "buy", "within": period})
    last = compiled({"name": "buy", "last": {"event.n": {"equals": 1}}, "within": period})
    changes = [
        made.next_change(Scope("ann", {}, {}, facts=Facts(ms(at), zone, tallied(made, [(ms(at), {"n": 1})]))))
        for made in (once, last)
    ]
    assert changes[0] == changes[1]


questions = (
    st.builds(lambda c, p: {"name": "buy", c[0]: c[1], "within": p}, counts, periods)
    | st.builds(lambda c, p: {"name": "buy", c[0]: c[1], "within": p, "keyed": "n"}, counts, periods)
    | st.builds(
        lambda p, n: {"name": "buy", "last": {"event.n": {"equals": n}}, "within": p}, periods, st.integers(0, 3)
    )
)  # fmt: skip


@given(questions, happenings, st.integers(0, 40 * DAY), st.lists(st.floats(0, 1), max_size=6))
def test_r3_no_change_by_time_is_missed_and_none_is_early(
    question: Any, history: list[Any], later: int, parts: list[float]
) -> None:
    made = compiled(question)
    tallies, now = tallied(made, history), NOW + later
    following = made.next_change(scope(tallies, now))
    assert following == 0 or following > now
    horizon = following - 1 if following else now + 400 * DAY
    before = made.test(scope(tallies, now))
    for at in (horizon, *(now + int(part * (horizon - now)) for part in parts)):
        assert made.test(scope(tallies, at)) is before
    if following and "keyed" not in question:
        assert made.test(scope(tallies, following)) is not before


@given(st.permutations(range(8)))
def test_r26_the_order_of_coming_changes_nothing(order: list[int]) -> None:
    made = compiled({"name": "buy", "at_least": 3, "within": "P7D"})
    history = [(NOW - n * HOUR, {"n": n}) for n in range(8)]
    assert tallied(made, [history[n] for n in order]) == tallied(made, history[::-1])


def test_the_same_question_in_another_order_is_one_query() -> None:
    one = compiled({"name": "buy", "where": {"event.a": {"equals": 1}, "event.b": {"equals": 2}}})
    other = compiled({"where": {"event.b": {"equals": 2}, "event.a": {"equals": 1}}, "name": "buy", "at_least": 3})
    assert one.needs.queries[0].id == other.needs.queries[0].id
    third = compiled({"name": "buy", "where": {"event.a": {"equals": 2}}})
    assert third.needs.queries[0].id != one.needs.queries[0].id


@pytest.mark.parametrize(
    ("asked", "most"),
    [
        ({}, 0), ({"at_least": 5}, 0), ({"within": "P1D"}, 0), ({"at_least": 5, "within": "P1D"}, 5),
        ({"at_most": 4, "within": "P1D"}, 5), ({"exactly": 0, "within": "P1D"}, 0), ({"since": "2026-01-01"}, 1),
    ],
)  # fmt: skip
def test_no_more_instants_are_kept_than_are_asked_for(asked: Any, most: int) -> None:
    made = compiled({"name": "buy", **asked})
    assert made.needs.queries[0].most == most
    (tally,) = tallied(made, [(NOW + n, {}) for n in range(50)]).values()
    assert len(tally.recent) == most


def test_a7_the_key_used_longest_ago_is_forgotten() -> None:
    query = Query("q", "event", "buy", keyed="sku")
    tally, full = NOTHING, False
    for n in range(KEYS):
        tally, full = counted(tally, query, NOW + n, {"sku": n})
    assert not full
    tally, _ = counted(tally, query, NOW + KEYS, {"sku": 0})
    tally, full = counted(tally, query, NOW + KEYS, {"sku": "new"})
    assert full
    assert (len(tally.keys), "0" in tally.keys, "1" in tally.keys) == (KEYS, True, False)


def test_r24_an_event_without_the_key_counts_for_none() -> None:
    query = Query("q", "event", "buy", keyed="sku")
    assert counted(NOTHING, query, NOW, {})[0] is NOTHING
    assert counted(NOTHING, query, NOW, {"sku": True})[0] is NOTHING


def test_what_is_kept_of_a_last_one_is_small() -> None:
    query = Query("q", "event", "buy", keep="last", names=("a", "b"))
    tally, _ = counted(NOTHING, query, NOW, {"a": "x" * 2_000, "b": 1, "c": 2})
    assert tally.kept == {}
    tally, _ = counted(tally, query, NOW, {"a": "x", "b": 1, "c": 2})
    assert tally.kept == {"a": "x", "b": 1}


# Backfill


def scope_of(properties: dict[str, Any]) -> Scope:
    return Scope("", {}, {}, properties)


@given(st.lists(st.tuples(instants, st.integers(0, 3)), max_size=12), st.integers(0, 12), st.booleans())
def test_r58_a_backfill_gives_what_counting_from_the_beginning_had_given(
    events: list[tuple[int, int]], asked_from: int, keyed: bool
) -> None:
    """The question is asked after some of the events were received."""
    made = compiled({"name": "buy", "at_least": 3, "within": "P30D", **({"keyed": "n"} if keyed else {})})
    (query,) = made.needs.queries
    history = [Happened("buy", {"n": n}, at, NOW + index) for index, (at, n) in enumerate(events)]
    since = NOW + asked_from
    late = Tally(since=since)
    for event in history[asked_from:]:
        late, _ = counted(late, query, event.at, event.properties)
    whole = Tally(since=min(NOW, since) if history else since)
    for event in history:
        whole, _ = counted(whole, query, event.at, event.properties)
    before = {query.id: late} if late.total else {query.id: Tally(since=since)}
    after = backfill(before, [query], history, scope_of)
    assert parts(after[query.id]) == parts(whole)
    assert backfill(after, [query], history, scope_of) == after


def parts(tally: Tally) -> Any:
    """The tally without the order of its keys."""
    keys = {key: parts(each) for key, each in sorted(tally.keys.items())}
    return tally.total, tally.first, tally.last, tally.recent, keys


def test_a_backfill_gives_the_instants_that_a_greater_number_needs() -> None:
    (few,) = compiled({"name": "buy", "at_least": 2, "within": "P7D"}).needs.queries
    made = compiled({"name": "buy", "at_least": 5, "within": "P7D"})
    (many,) = made.needs.queries
    history = [Happened("buy", {}, NOW - n * HOUR, NOW - n * HOUR) for n in range(6)]
    tally = Tally(since=NOW - DAY)
    for event in history:
        tally, _ = counted(tally, few, event.at, {})
    assert not made.test(scope({few.id: tally}, NOW))
    assert made.test(scope(backfill({few.id: tally}, [many], history, scope_of), NOW))


FIRST, SECOND = 1_792_889_400_000, 1_792_890_600_000
"""02:50 in summer time and 02:10 in winter time, 20 minutes later, in Berlin on 25 October 2026."""


@pytest.mark.parametrize(
    ("asked", "length"), [({}, "P1D"), ({"at_least": 1}, "P1D"), ({"at_most": 0}, "P7D"), ({"exactly": 0}, "P1W")]
)
def test_r32_in_a_count_what_comes_later_is_over_later_when_an_hour_comes_twice(asked: Any, length: str) -> None:
    made = compiled({"name": "buy", **asked, "within": length})
    found = tallied(made, [(FIRST, {}), (SECOND, {})])
    there = made.test(scope(found, SECOND))
    over = shift(FIRST, parse(length), BERLIN)
    assert made.test(scope(found, over - 1)) is there  # the first one is within it until then
    end = made.next_change(scope(found, over - 1))
    assert over <= end <= over + HOUR
    assert made.test(scope(found, end)) is not there


@given(st.lists(st.integers(FIRST - 3 * HOUR, FIRST + 3 * HOUR), min_size=1, max_size=8), st.integers(1, 3))
def test_r32_a_count_keeps_each_event_at_least_until_its_time_is_over(instants: list[int], n: int) -> None:
    made = compiled({"name": "buy", "at_least": n, "within": "P1D"})
    found = tallied(made, [(at, {}) for at in instants])
    ends = sorted(shift(at, parse("P1D"), BERLIN) for at in instants)
    if len(ends) >= n:
        assert made.test(scope(found, ends[-n] - 1))
    assert not made.test(scope(found, max(instants) + 26 * HOUR))


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("America/New_York")])
@pytest.mark.parametrize("at", [-62_135_596_800_000, -63_000_000_000_000, -(10**17)])
def test_r32_what_happened_before_all_calendars_is_over(at: int, zone: Any) -> None:
    for asked in ({"within": "P1D"}, {"within": "P1M", "last": {"event.n": {"equals": 1}}}):
        made = compiled({"name": "buy", **asked})
        facts = Facts(NOW, zone, tallied(made, [(at, {"n": 1})]))
        assert not made.test(Scope("ann", {}, {}, facts=facts))
