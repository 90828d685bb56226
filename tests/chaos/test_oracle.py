"""The judge of a schedule sees each thing that can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from laudstream.journey.decision import Decision
from laudstream.messages.request import SendRequest
from tests.chaos.load import PLACES, Names, Planned
from tests.chaos.oracle import Findings, Logged, Seen, figures, judge

NAMES = Names("buy", "cart", "probe", "paid", "order", "welcome", "place", "tell", "hook")
ANN = "ann"
ADDRESS = {ANN: "ann@example.org"}
WORDS = ("identify", "buy", "cart", "paid", "tell", "buy again")
AT = {"identify": 900, "buy": 1000, "cart": 1001, "paid": 7000, "buy again": 7100, "tell": 7050}


def _decision(n: int, kind: str, journey: str, at: int, **more: Any) -> Decision:
    return Decision(f"{n:032x}", kind, "workspace1", ANN, at, more.pop("clock", at), n, journey, **more)


def _seen() -> Seen:
    """Ann bought, paid in the last moment, bought again, left her cart alone, and was told of: all is well."""
    decisions = [
        _decision(1, "entered", "buy", 1000, to="greet"),
        _decision(2, "message", "buy", 1000, step="greet", data={"send_id": "s1"}),
        _decision(3, "moved", "buy", 1000, step="greet", to="look"),
        _decision(4, "entered", "cart", 1001, to="later"),
        _decision(5, "moved", "cart", 6001, step="later", to="done", clock=6004),
        _decision(6, "ended", "cart", 6001, step="done", outcome="patient", clock=6004),
        _decision(7, "moved", "buy", 7000, step="look", to="thank"),
        _decision(8, "ended", "buy", 7000, step="thank", outcome="paid"),
        _decision(9, "entered", "tell", 7050, to="call"),
        _decision(10, "message", "tell", 7050, step="call", data={"send_id": "s2"}),
        _decision(11, "moved", "tell", 7050, step="call", to="told"),
        _decision(12, "ended", "tell", 7050, step="told", outcome="told"),
        _decision(13, "not_entered", "buy", 7100, reason="reentry"),
    ]
    request = SendRequest(
        "s1", "workspace1", ANN, "email", "marketing", "buy", 1, "run", "greet", 1, 1, "welcome", 1, ADDRESS[ANN],
        1000, 90_000,
    )  # fmt: skip
    names = {"identify": "", "buy again": "buy"}
    logged = [Logged(ANN, word, names.get(word, word), AT[word]) for word in WORDS]
    planned = [Planned(AT[word] / 1000, {"userId": ANN, "messageId": word}) for word in WORDS]
    told = SendRequest(
        "s2", "workspace1", ANN, "webhook", "marketing", "tell", 1, "told", "call", 1, 1, "hook", 1, "", 7050, 90_000
    )
    return Seen(planned, logged, decisions, [request, told], {"s1": "sent", "s2": "sent"}, ["s1"], ["s2"], 0)


def _judged(seen: Seen) -> Findings:
    return judge(seen, NAMES, ADDRESS)


def _without(seen: Seen, n: int) -> Seen:
    return seen._replace(decisions=[d for d in seen.decisions if d.n != n])


def _changed(seen: Seen, n: int, **fields: Any) -> Seen:
    return seen._replace(decisions=[replace(d, **fields) if d.n == n else d for d in seen.decisions])


def test_what_the_journeys_say_is_well() -> None:
    assert not _judged(_seen())


def test_a_repeat_in_the_log_is_the_same_event() -> None:
    seen = _seen()
    assert not _judged(seen._replace(logged=[*seen.logged, seen.logged[1]._replace(at=9000)]))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("lost", lambda s: s._replace(logged=s.logged[:-1])),
        ("lost", lambda s: _without(s, 13)),  # the refusal, at the end: no number is missing
        ("lost", lambda s: s._replace(decisions=[])),
        ("lost", lambda s: _without(s, 2)),
        ("lost", lambda s: s._replace(requests=[])),
        ("lost", lambda s: s._replace(claims={})),
        ("lost", lambda s: s._replace(mails=[])),
        ("lost", lambda s: s._replace(calls=[])),
        ("wrong", lambda s: s._replace(mails=["s1", "s2"])),
        ("duplicated", lambda s: s._replace(calls=["s2", "s2"])),
        ("duplicated", lambda s: s._replace(decisions=[*s.decisions, s.decisions[-1]])),
        ("duplicated", lambda s: s._replace(decisions=[*s.decisions, _decision(14, "entered", "buy", 7101)])),
        ("duplicated", lambda s: s._replace(requests=s.requests * 2)),
        ("duplicated", lambda s: s._replace(mails=["s1", "s1"])),
        ("stuck", lambda s: s._replace(decisions=s.decisions[:7])),
        ("stuck", lambda s: s._replace(claims={"s1": "handing_over", "s2": "sent"})),
        ("wrong", lambda s: s._replace(logged=[s.logged[0], *reversed(s.logged[1:])])),
        ("wrong", lambda s: s._replace(decisions=[s.decisions[1], s.decisions[0], *s.decisions[2:]])),
        ("wrong", lambda s: _changed(s, 6, outcome="bought")),
        ("wrong", lambda s: _changed(s, 5, at=6000)),  # a timer before it was due
        ("wrong", lambda s: _changed(s, 5, clock=6000)),
        ("wrong", lambda s: _changed(s, 7, at=7001)),  # an answer after the timeout was due
        ("wrong", lambda s: _changed(s, 8, outcome="late")),
        ("wrong", lambda s: s._replace(claims={"s1": "unknown", "s2": "sent"})),
        ("wrong", lambda s: s._replace(requests=[replace(s.requests[0], to="bob@example.org")])),
    ],
)
def test_what_is_not_well_is_found(kind: str, change: Callable[[Seen], Seen]) -> None:
    findings = _judged(change(_seen()))
    assert getattr(findings, kind), list(findings.lines())


def test_a_probe_ends_once() -> None:
    seen = _seen()
    probe = [
        replace(_decision(n, kind, "probe", 1), customer="p", id=f"p{n}") for n, kind in ((1, "entered"), (2, "ended"))
    ]
    assert not _judged(seen._replace(decisions=[*seen.decisions, *probe]))
    again = [replace(d, n=d.n + 2, id=f"{d.id} again") for d in probe]
    assert _judged(seen._replace(decisions=[*seen.decisions, *probe, *again])).duplicated


def test_after_a_dead_sender_a_message_may_be_unknown_with_or_without_its_mail() -> None:
    seen = _seen()._replace(claims={"s1": "unknown", "s2": "sent"}, may_be_unknown=1)
    assert not _judged(seen)
    assert not _judged(seen._replace(mails=[]))


def test_figures_are_counted_from_decisions() -> None:
    assert figures(_seen().decisions, "buy") == {
        "entered": 1, "active": 0, "ended": {"paid": 1}, "not_entered": {"reentry": 1}, "parked": 0,
    }  # fmt: skip


def _places(inside: int, outside: int, wanted: int) -> Findings:
    """So many who wanted a place got one, so many were refused, the others have no answer."""
    decisions, logged, planned = [], [], []
    for n in range(wanted):
        who = f"c{n}"
        logged.append(Logged(who, f"{who}/place", "place", 1000))
        planned.append(Planned(1, {"userId": who, "messageId": f"{who}/place"}))
        if n < inside:
            answer = [_decision(1, "entered", "place", 1001), _decision(2, "ended", "place", 1001, outcome="in")]
        else:
            answer = [_decision(1, "not_entered", "place", 1001, reason="full")] if n < inside + outside else []
        decisions += [replace(d, customer=who, id=f"{who} {d.n}") for d in answer]
    return judge(Seen(planned, logged, decisions, [], {}, [], [], 0), NAMES, {})


@pytest.mark.parametrize(("inside", "outside", "kind"), [
    (PLACES, 5, ""), (PLACES + 1, 4, "wrong"), (PLACES - 1, 6, "wrong"), (PLACES, 4, "stuck"),
])  # fmt: skip
def test_as_many_as_there_are_have_a_place_and_all_others_an_answer(inside: int, outside: int, kind: str) -> None:
    found = _places(inside, outside, PLACES + 5)
    assert [name for name in Findings.__struct_fields__ if getattr(found, name)] == ([kind] if kind else [])
