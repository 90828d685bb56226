"""What a journey names and is not there is said with its place and what there is (R60); the words of a window and far
occurrences (R31, R36)."""

from __future__ import annotations

from datetime import UTC, date, datetime

from laudstream.errors import Problem
from laudstream.journey.definition import parse
from laudstream.journey.naming import missing, other_channels
from laudstream.journey.occurrences import Schedule
from laudstream.journey.parse_time import window_forms
from tests.journey.conftest import journey

MAIL = {"message": {"channel": "email", "template": "mail", "subscription": "news"}, "next": "mark"}
MARK = {"update": {"add_to": ["vip"]}, "next": "call"}
CALL = {"emit": {"enter": "other"}, "next": "done"}


def test_r60_what_is_named_and_not_there() -> None:
    made = parse(journey({"hi": MAIL, "mark": MARK, "call": CALL}))
    fix = "publish it first; subscriptions here: a, b"
    assert missing(made, {"b", "a"}, (), ("one",)) == [
        Problem("/steps/hi/message/subscription", "there is no subscription 'news'", fix),
        Problem(
            "/steps/mark/update", "there is no manual segment 'vip'", "publish it first; manual segments here: none yet"
        ),
        Problem("/steps/call/emit/enter", "there is no journey 'other'", "save it first; journeys here: one"),
    ]
    assert missing(made, {"news"}, {"vip"}, {"other"}) == missing(made, {"news"}, {"vip"}) == []


def test_an_update_does_not_write_the_attribute_group() -> None:
    """Refused at publish, and read all the same: versions that are live go on."""
    wrong = {"update": {"set": {"group": "beta"}, "unset": ["plan"]}, "next": "also"}
    also = {"update": {"unset": ["group"], "increment": {"n": 1}}, "next": "done"}
    found = missing(parse(journey({"mark": wrong, "also": also})), (), ())
    assert [(each.pointer, each.message) for each in found] == [
        ("/steps/mark/update/set", "`group` holds the traits of the customer's group"),
        ("/steps/also/update/unset", "`group` holds the traits of the customer's group"),
    ]


def test_r60_a_template_of_another_channel() -> None:
    made = parse(journey({"hi": {**MAIL, "next": "done"}}))
    said = Problem(
        "/steps/hi/message/template",
        "template 'mail' is of channel webhook, the step of email",
        "name a template of email",
    )
    assert other_channels(made, {"mail": "webhook"}) == [said]
    assert other_channels(made, {"mail": "email"}) == other_channels(made, {}) == []


def test_r31_the_schema_has_the_words_of_a_window() -> None:
    weekly, once = window_forms()
    assert (set(weekly), set(once)) == ({"weekday", "from", "to"}, {"starts_at", "ends_at"})


def test_r36_the_next_of_many_days_a_month_is_found_years_on() -> None:
    schedule = Schedule(unit="months", every=1, on=tuple(range(1, 29)), clock=540)
    for month in (1, 6, 12):
        since = round(datetime(2030, month, 10, 9, 30, tzinfo=UTC).timestamp() * 1000)
        found = schedule.following(0, date(2026, 1, 5), since, UTC)
        assert found is not None
        assert datetime.fromtimestamp(found[1].at / 1000, UTC) == datetime(2030, month, 11, 9, tzinfo=UTC)
        assert schedule.nth(found[0] - 1, date(2026, 1, 5), UTC).at < since  # type: ignore[union-attr]
