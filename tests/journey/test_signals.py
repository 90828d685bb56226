"""Signals start the audiences that listen to them (R34)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.journey.catalog import Catalog
from laudstream.journey.control import Control
from laudstream.journey.definition import parse

DAY = 86_400_000
ENTRY = {"audience": {"signal": "price_dropped"}}


def send(w: Any, name: str = "price_dropped", number: int = 0, **properties: Any) -> None:
    """The control record; nobody is touched yet."""
    w.seq += 1
    number = number or w.seq
    w.bodies["signal", name, number] = {"properties": properties}
    w.catalog = w.catalog.apply(Control(w.seq, "workspace1", "signal", name, number, "live"), w.now, w.body_of)


@pytest.fixture
def listening(world: Any, make: Any) -> Any:
    def made(entry: Any = None, **more: Any) -> Any:
        return world(make({"rest": {"delay": {"for": "PT1H"}, "next": "done"}}, entry=[entry or ENTRY], **more))

    return made


def test_r34_who_is_there_enters_and_its_properties_are_the_entry(listening: Any) -> None:
    w = listening({**ENTRY, "where": {"customer.city": {"equals": "Wien"}, "entry.percent": {"at_least": 10}}})
    w.row(email="ann@example.org", city="Wien")
    assert w.touch() == []  # publishing takes nobody
    send(w, percent=5)
    assert w.touch() == []  # who merely does not belong to it is not recorded (R59)
    send(w, percent=20)
    assert w.touch() == ["entered"]
    assert w.decision("entered").data == {"signal": "price_dropped", "percent": 20}
    assert (w.run.entry.by, w.run.entry.properties) == ("signal", {"percent": 20})


def test_r34_each_customer_enters_once_per_signal(listening: Any) -> None:
    w = listening({**ENTRY, "while_active": "restart"})
    send(w)
    assert w.touch() == ["entered"]
    assert w.touch() == []
    assert w.event("something") == []
    send(w)
    assert w.event("something") == ["ended", "entered"]  # an input before the sweep does it first
    assert w.touch() == []


def test_r34_a_delivery_that_comes_before_the_sweep_does_it_first(world: Any, make: Any) -> None:
    mail = {"hi": {"message": {"channel": "email", "template": "mail"}, "next": "rest"}}
    rest = {"rest": {"delay": {"for": "P1D"}, "next": "done"}}
    w = world(make(mail | rest, id="mails"), make(rest, id="hears", entry=[ENTRY]))
    w.event("go")
    (request,) = w.sends()
    send(w)
    assert w.deliver(request, "sent") == ["entered"]


def test_r34_two_signals_that_come_at_once_are_two(listening: Any) -> None:
    w = listening({**ENTRY, "while_active": "restart"})
    send(w, of="one")
    send(w, of="two")
    assert w.touch() == ["entered", "ended", "entered"]
    assert w.run.entry.properties == {"of": "two"}


def test_r34_another_signal_is_not_heard(listening: Any) -> None:
    w = listening()
    send(w, "price_raised")
    assert w.touch() == []
    assert w.customer.core.swept == {}  # it concerns nobody, so nothing is written


def test_r34_who_came_later_was_not_there(listening: Any, world: Any, make: Any) -> None:
    w = listening()
    w.now -= 2 * DAY  # the customer's row was created afterwards
    send(w)
    w.now += 2 * DAY
    assert w.touch() == []


def test_a5_a_version_takes_signals_from_its_publishing_on(listening: Any, make: Any) -> None:
    w = listening()
    send(w)
    w.now += 1
    w.publish(make({"other": {"delay": {"for": "PT1H"}, "next": "done"}}, entry=[ENTRY]), version=2)
    assert w.touch() == ["entered"]
    assert (w.run.version, w.at) == (1, "rest")
    send(w)
    assert w.touch() == ["not_entered"]
    assert w.decision("not_entered").reason == "already_in"


def test_r49_in_a_pause_it_is_refused_and_not_made_up(listening: Any) -> None:
    w = listening()
    w.control("paused")
    send(w)
    assert w.touch() == ["not_entered"]
    assert w.decision("not_entered").reason == "paused"
    w.control("live")
    assert w.touch() == []


def test_r7_a_signal_of_a_stop_is_not_made_up_by_a_version_from_before_it(listening: Any, make: Any) -> None:
    w = listening()
    w.now += 1
    w.publish(make({"other": {"delay": {"for": "PT1H"}, "next": "done"}}), version=2)
    w.now += 1
    w.control("stopped", version=2)
    w.now += 1
    send(w)
    assert w.touch() == []
    w.now += 1
    w.control("live", version=2)
    assert w.touch() == []
    assert w.event("something") == []


def test_r23_it_recurs_so_the_default_is_always(listening: Any) -> None:
    w = listening()
    for _ in range(2):
        send(w)
        assert w.touch() == ["entered"]
        w.wait(DAY)
    w = listening({**ENTRY, "reentry": "never"})
    send(w)
    w.touch()
    w.wait(DAY)
    send(w)
    assert w.touch() == ["not_entered"]


def test_r34_a_lane_that_opens_again_knows_the_signals_of_the_day(listening: Any) -> None:
    w = listening()
    send(w, of="old")
    w.now += DAY
    send(w, of="new")
    known = [signal.properties for signal in w.catalog.spaces["workspace1"].signals]
    assert known == [{"of": "new"}]
    again = Catalog.load(w.catalog.entries(), w.body_of)
    assert again.spaces["workspace1"].signals == w.catalog.spaces["workspace1"].signals
    w.catalog = again
    assert w.touch() == ["entered"]


@pytest.mark.parametrize(
    ("audience", "pointer"),
    [
        ({"signal": ""}, "/entry/0/audience/signal"),
        ({"signal": "x", "of": "both"}, "/entry/0/audience/of"),
        ({"signal": "x", "at": "2026-12-01T09:00"}, "/entry/0/audience/at"),
    ],
)
def test_r60_what_is_wrong_with_it_is_named(make: Any, audience: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(make({"rest": {"delay": {"for": "PT1H"}, "next": "done"}}, entry=[{"audience": audience}]))
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
