"""Dates in conditions (R11, R32): absolute and relative, and when they change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.conditions import Condition, Facts, Scope, read
from laudstream.conditions.dates import moment
from laudstream.journey.reader import Reader

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def compiled(operators: dict[str, Any], path: str = "customer.d") -> Condition:
    reader = Reader()
    made = read(reader, {path: operators}, "", ("customer",))
    assert reader.problems == []
    return made


def scope(value: Any, now: int, zone: Any = UTC) -> Scope:
    return Scope("ann", {"d": value}, {}, facts=Facts(now, zone))


NOW = "2026-05-10T12:00+02:00"  # a Sunday noon in Berlin


@pytest.mark.parametrize(
    ("value", "operator", "operand", "expected"),
    [
        ("2026-04-30", "before", "2026-05-01", True), ("2026-05-01", "before", "2026-05-01", False),
        ("2026-05-01T23:59", "after", "2026-05-01", False), ("2026-05-02", "after", "2026-05-01", True),
        ("2026-05-01T23:59", "on", "2026-05-01", True),
        # a day is the customer's: 22:30 in UTC is the next day in Berlin
        ("2026-04-30T22:30Z", "on", "2026-05-01", True), ("2026-04-30T21:30Z", "on", "2026-05-01", False),
        ("2026-05-01T10:00", "before", "2026-05-01T10:00", False),
        ("2026-05-01T10:00", "before", "2026-05-01T10:00:00.001", True),
        ("2026-05-01T10:00", "after", "2026-05-01T07:59Z", True),
        ("2026-05-01T10:00", "after", "2026-05-01T08:00Z", False),
        ("2026-05-10T11:59", "before", "now", True), ("2026-05-10T12:01", "after", "now", True),
        ("2026-05-10", "on", "today", True), ("2026-05-09T23:59", "before", "today", True),
        ("2026-05-10T23:59", "after", "today", False), ("2026-05-11", "after", "today", True),
        ("2026-05-07T12:00", "before", {"ago": "P3D"}, True), ("2026-05-07T12:01", "before", {"ago": "P3D"}, False),
        ("2026-05-07T12:01", "after", {"ago": "P3D"}, True),
        ("2026-06-10T12:01", "after", {"ahead": "P1M"}, True), ("2026-06-10T12:00", "after", {"ahead": "P1M"}, False),
        ("2026-05-07", "on", {"ago": "P3D"}, True), ("2026-05-13", "on", {"ahead": "P3D"}, True),
        ("2026-05-12", "on", {"ahead": "P3D"}, False),
        ("2026-05-09T12:01", "within_last", "P1D", True), ("2026-05-09T12:00", "within_last", "P1D", False),
        ("2026-05-10T12:01", "within_last", "P1D", False),
        ("2026-05-10T12:01", "within_next", "P1D", True), ("2026-05-11T12:00", "within_next", "P1D", True),
        ("2026-05-10T12:00", "within_next", "P1D", False), ("2026-05-11T12:01", "within_next", "P1D", False),
        ("1990-05-10", "anniversary", "today", True), ("2026-05-10", "anniversary", "today", False),
        ("1990-05-11", "anniversary", "today", False), ("1990-05-17", "anniversary", {"ahead": "P7D"}, True),
        ("1990-05-03", "anniversary", {"ago": "P1W"}, True), ("1990-06-10", "anniversary", {"ahead": "P1M"}, True),
        ("soon", "before", "now", False), (17, "before", "now", False), (None, "after", "now", False),
        ("2026-02-30", "before", "now", False), ("0001-01-01T00:00+14:00", "before", "now", True),
        ("9999-12-31T23:59", "within_next", "P1D", False), ("0001-01-01", "on", {"ago": "P100Y"}, False),
        # where the calendar of the zone does not reach
        ("9999-12-31T23:59Z", "within_next", "P1D", False), ("9999-12-31T23:59Z", "before", {"ahead": "P1D"}, False),
        ("0001-01-01T00:00+14:00", "within_last", "P1D", False),
        ("0001-01-01T00:00+14:00", "after", {"ago": "P1M"}, False),
    ],
)  # fmt: skip
def test_r32_each_form(value: Any, operator: str, operand: Any, expected: bool) -> None:
    assert compiled({operator: operand}).test(scope(value, ms(NOW), BERLIN)) is expected


def test_r32_within_last_counts_calendar_days_forwards_in_the_customers_zone() -> None:
    """The night from 28 to 29 March 2026 loses an hour in Berlin."""
    made = compiled({"within_last": "P1D"})
    event = "2026-03-28T12:00"
    end = ms("2026-03-29T12:00+02:00")
    assert made.test(scope(event, end - 1, BERLIN))
    assert not made.test(scope(event, end, BERLIN))
    assert made.next_change(scope(event, ms("2026-03-28T12:00+01:00"), BERLIN)) == end
    assert end - ms("2026-03-28T12:00+01:00") == 23 * HOUR


def test_r32_a_month_after_31_january_is_the_end_of_february() -> None:
    made = compiled({"within_last": "P1M"})
    assert made.next_change(scope("2026-01-31", ms("2026-02-01T00:00+00:00"))) == ms("2026-02-28T00:00+00:00")


@pytest.mark.parametrize(("year", "day"), [(2027, "2027-02-28"), (2028, "2028-02-29")])
def test_r32_who_is_born_on_29_february_celebrates_on_the_28th(year: int, day: str) -> None:
    made = compiled({"anniversary": "today"})
    start = ms(f"{day}T00:00+00:00")
    assert made.test(scope("2000-02-29", start))
    assert not made.test(scope("2000-02-29", start - 1))
    assert made.next_change(scope("2000-02-29", ms(f"{year}-01-01T00:00+00:00"))) == start
    assert made.next_change(scope("2000-02-29", start)) == start + DAY


def test_absolute_dates_have_no_time_in_them() -> None:
    assert compiled({"before": "2026-05-01"}).needs.timed is False
    assert compiled({"between": ["2026-05-01", "2026-05-02"]}).timers == ()
    assert compiled({"before": "now"}).needs.timed is True


dates = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)).map(lambda at: at.isoformat()[:16])
days = dates.map(lambda text: text[:10])
lengths = st.sampled_from(["PT1H", "PT36H", "P1D", "P3D", "P1W", "P1M", "P1M1DT1H", "P1Y", "P2Y"])
whole = st.sampled_from(["P1D", "P3D", "P1W", "P1M", "P1Y", "P14M"])
sides = st.sampled_from(["ago", "ahead"])
forms = (
    st.builds(lambda op, p: {op: p}, st.sampled_from(["within_last", "within_next"]), lengths)
    | st.builds(lambda op, s, p: {op: {s: p}}, st.sampled_from(["before", "after"]), sides, lengths)
    | st.builds(lambda op, s, p: {op: {s: p}}, st.sampled_from(["on", "anniversary"]), sides, whole)
    | st.builds(lambda op, w: {op: w}, st.sampled_from(["before", "after"]), st.sampled_from(["now", "today"]))
    | st.builds(lambda op: {op: "today"}, st.sampled_from(["on", "anniversary"]))
)
zones = st.sampled_from([UTC, BERLIN, ZoneInfo("America/St_Johns"), ZoneInfo("Australia/Lord_Howe")])


@given(
    st.lists(forms, min_size=1, max_size=3), st.sampled_from(["all", "any", "none"]), dates | days, zones,
    st.integers(ms("2024-01-01T00:00+00:00"), ms("2028-01-01T00:00+00:00")),
    st.lists(st.floats(0, 1), max_size=5),
)  # fmt: skip
def test_r3_nothing_changes_before_next_change(
    asked: list[Any], node: str, value: str, zone: Any, now: int, between: list[float]
) -> None:
    reader = Reader()
    made = read(reader, {node: [{"customer.d": form} for form in asked]}, "", ("customer",))
    assert reader.problems == []
    before = made.test(scope(value, now, zone))
    following = made.next_change(scope(value, now, zone))
    assert following == 0 or following > now
    horizon = following - 1 if following else now + 4 * 365 * DAY
    for at in (horizon, *(now + int(part * (horizon - now)) for part in between)):
        assert made.test(scope(value, at, zone)) is before


@given(forms, dates | days, zones, st.integers(ms("2024-01-01T00:00+00:00"), ms("2028-01-01T00:00+00:00")))
def test_a_form_by_itself_changes_at_next_change(form: Any, value: str, zone: Any, now: int) -> None:
    made = compiled(form)
    following = made.next_change(scope(value, now, zone))
    if following:
        assert made.test(scope(value, following, zone)) is not made.test(scope(value, now, zone))


@given(st.text(max_size=40))
def test_no_text_is_taken_for_a_date_that_it_is_not(text: str) -> None:
    found = moment(text)
    assert found is None or text[:4].isdigit()


@pytest.mark.parametrize(
    "text", ["20260501", "2026-W18-5", "2026-5-1", "2026-05-01T25:00", "2026-05-01Z", "２０２６-05-01"]
)
def test_only_plain_iso_dates_are_dates(text: str) -> None:
    assert moment(text) is None
