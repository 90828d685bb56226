"""What a workspace says of hours, and hours that cannot be (R11, R38, R60)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.journey.catalog import Catalog
from laudstream.journey.definition import parse
from laudstream.journey.doubts import Known, check
from tests.journey.hours import exact, mail, step
from tests.journey.times import ms

# The workspace


def test_r38_a_journeys_quiet_hours_beat_the_workspaces_and_caps_of_both_hold(world: Any, make: Any) -> None:
    morning = {"from": "08:00", "to": "10:00"}
    evening = {"from": "20:00", "to": "22:00"}
    w = world(make(mail(), id="plain", **exact()), make(mail(), id="own", **exact(quiet_hours=evening)),
              make(mail(), id="never", **exact(quiet_hours="none")))  # fmt: skip
    w.publish({"quiet_hours": morning}, kind="workspace", id="workspace1")
    w.event("go")
    assert {request.journey for request in w.sends()} == {"own", "never"}
    assert (w.run.journey, w.run.wake_at) == ("plain", ms("2026-01-05T10:00"))
    one, two = ([{"limit": limit, "per": "day"}] for limit in (1, 2))
    for shared, own, sent in ((one, two, ["a"]), (two, one, ["a", "c"]), (two, two, ["a", "b"])):
        w = world(make(mail(), id="a", settings={"caps": two, "priority": 1}),
                  make(mail(), id="b", settings={"caps": own, "priority": 2}),
                  make(mail(), id="c", settings={"priority": 3}))  # fmt: skip
        w.publish({"caps": shared}, kind="workspace", id="workspace1")
        w.event("go")
        assert [request.journey for request in w.sends()] == sent


def test_r11_workspaces_say_their_zone(world: Any, make: Any) -> None:
    w = world(make(step(from_="12:00", to="13:00"), **exact()))
    w.publish({"time_zone": "Asia/Tokyo"}, kind="workspace", id="workspace1")
    w.event("go")
    assert w.run.wake_at == ms("2026-01-06T12:00", "Asia/Tokyo")


# Definitions


@pytest.mark.parametrize(
    ("window", "pointer", "word"),
    [
        ({}, "", "when it is open"),
        ({"from": "9"}, "/from", "local time"),
        ({"from": "09:00", "to": "09:00"}, "", "same time"),
        ({"weekday": []}, "/weekday", "list"),
        ({"weekday": "someday"}, "/weekday", "cannot be"),
        ({"starts_at": "2026-01-01T00:00:00Z"}, "/ends_at", "offset from UTC"),
        ({"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, "/ends_at", "before"),
        ({"from": "09:00", "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-02T00:00:00Z"}, "/from", "unknown"),
    ],
)
def test_r60_what_is_no_window_is_refused(make: Any, window: dict[str, Any], pointer: str, word: str) -> None:
    bodies = (make({"hours": {"window": window, "next": "done"}}), make(mail(windows=[window])),
              make(mail(), settings={"windows": [window]}))  # fmt: skip
    for body, place in zip(
        bodies, ("/steps/hours/window", "/steps/hi/message/windows/0", "/settings/windows/0"), strict=True
    ):
        with pytest.raises(Invalid) as raised:
            parse(body)
        (problem,) = raised.value.problems
        assert problem.pointer == place + pointer
        assert word in problem.message
        assert problem.fix


@pytest.mark.parametrize(
    ("said", "pointer"),
    [({"defer": 1}, "/defer"), ({"defer": {"caps": 1}}, "/defer/caps"), ({"defer": {"hours": True}}, "/defer/hours"),
     ({"defer_at_most": "P0D"}, "/defer_at_most"), ({"release_spread": "P2D"}, "/release_spread"),
     ({"release_spread": "P1M"}, "/release_spread"), ({"windows": []}, "/windows"),
     ({"quiet_hours": "never"}, "/quiet_hours")],
)  # fmt: skip
def test_r60_what_settings_cannot_say_is_refused(make: Any, said: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse(make(mail(), settings=said))
    assert raised.value.problems[0].pointer == "/settings" + pointer


def test_r60_a_weekly_window_is_never_past_and_a_transactional_message_has_none(make: Any) -> None:
    for steps, pointer in (
        (step(from_="09:00", if_past="exit"), "/steps/hours/window/if_past"),
        (mail(windows=[{"from": "09:00"}], **{"class": "transactional"}), "/steps/hi/message/windows"),
    ):
        with pytest.raises(Invalid) as raised:
            parse(make(steps))
        assert [problem.pointer for problem in raised.value.problems] == [pointer]
    body = step(starts_at="2026-01-01T00:00:00Z", ends_at="2026-01-02T00:00:00Z")
    assert [doubt.pointer for doubt in check(parse(make(body)), Known())] == ["/steps/hours/window/if_past"]


def test_r60_a_workspace_that_says_what_is_not_known_is_refused() -> None:
    from laudstream.journey.control import Control

    for body in (
        {"zone": "UTC"},
        {"time_zone": "Mars/Olympus"},
        {"caps": [{"limit": 0, "per": "day"}]},
        {"release_spread": 5},
    ):
        with pytest.raises(Invalid):
            Catalog().apply(
                Control(1, "workspace1", "workspace", "workspace1", 1, "live"), 0, lambda *_, body=body: body
            )
