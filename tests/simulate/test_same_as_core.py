"""The time machine and the plain core, input by input, decide the same (A13)."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from laudstream.journey.decision import Decision
from laudstream.simulate.listener import Listener
from laudstream.simulate.plan import Definition, Plan, run
from laudstream.simulate.sender import Sender
from tests.journey.conftest import TEMPLATE, WORKSPACE
from tests.journey.conftest import World as PlainWorld
from tests.simulate.conftest import DAY, HOUR, START, post

NAMES = ("go", "buy", "open", "bye")


class Decisions(Listener):
    def __init__(self) -> None:
        self.made: list[Decision] = []

    def decided(self, decision: Decision) -> None:
        self.made.append(decision)


class Unread(Decisions):
    ids = False


@st.composite
def journeys(draw: st.DrawFn) -> dict[str, Any]:
    """A journey with a message, a wait, an experiment and a delay, and a few ways to be different."""
    hours = draw(st.integers(1, 3))
    where = {"event.n": {"at_least": draw(st.integers(0, 3))}}
    key = draw(st.sampled_from([{}, {"key": "k"}]))
    reentry = draw(st.sampled_from(["never", "always", "after PT2H"]))
    body: dict[str, Any] = {
        "id": "j",
        "entry": [{"event": {"name": "go", **key}, "reentry": reentry,
                   "while_active": draw(st.sampled_from(["ignore", "restart"]))}],
        "exit": [{"event": {"name": "bye"}, "outcome": "gone"}],
        "settings": {"caps": [{"limit": draw(st.integers(1, 3)), "per": "P1D"}]},
        "start": "mail",
        "steps": {
            "mail": {"message": {"channel": "email", "template": "mail", "defer": draw(st.booleans())},
                     "next": draw(st.sampled_from(["look", {"sent": "look", "refused": "done"}]))},
            "look": {"wait": {"branches": [
                {"event": {"name": "buy"}, "where": where, "next": "arms"},
                {"event": {"name": "open"}, "count": draw(st.integers(1, 3)), "next": "rest"},
            ], "timeout": {"after": f"PT{hours}H", "next": "rest"}}},
            "arms": {"experiment": {"arms": {"x": 50, "y": 50}}, "next": {"x": "done", "y": "rest"}},
            "rest": {"delay": {"for": f"PT{draw(st.integers(1, 30))}H"}, "next": "second"},
            "second": {"message": {"channel": "email", "template": "mail"}, "next": "done"},
            "done": {"exit": {"outcome": "done"}},
        },
    }  # fmt: skip
    if draw(st.booleans()):
        body["settings"]["quiet_hours"] = {"from": "21:00", "to": "06:00"}
    return body


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 9),  # in half hours: many meet a timer at the same instant
        st.sampled_from(["ann", "ann", "bob"]),
        st.sampled_from(NAMES),
        st.integers(0, 4),
        st.sampled_from(["1", "2"]),
    ),
    max_size=25,
)


@given(journeys(), EVENTS, st.sampled_from([1_000, HOUR // 2]))
@settings(max_examples=150)
def test_r1_a_population_decides_what_each_customer_decides_alone(
    body: dict[str, Any], events: list[tuple[int, str, str, int, str]], after_ms: int
) -> None:
    found = Decisions()
    plan = planned(body, events, after_ms)
    report = run(plan, found)
    for who in ("ann", "bob"):
        mine = [made for made in found.made if made.customer == who]
        assert nameless(mine) == nameless(alone(who, body, list(enumerate(plan.posts)), after_ms, plan.until))
    assert sum(journey.entered for journey in report.journeys) == sum(made.kind == "entered" for made in found.made)


@given(journeys(), EVENTS)
@settings(max_examples=50)
def test_a15_without_ids_that_nobody_reads_all_else_is_the_same(
    body: dict[str, Any], events: list[tuple[int, str, str, int, str]]
) -> None:
    read, unread = Decisions(), Unread()
    plan = planned(body, events, 1_000)
    with_ids, without = (replace(run(plan, each), seconds=0, cpu_seconds=0) for each in (read, unread))
    assert with_ids == without
    assert nameless(read.made) == nameless(unread.made)
    assert len({made.id for made in read.made}) == len(read.made)
    assert not any(made.id in {kept.id for kept in read.made} for made in unread.made)


def planned(body: dict[str, Any], events: list[tuple[int, str, str, int, str]], after_ms: int) -> Plan:
    ordered = sorted(events, key=lambda event: event[0])
    posts = [
        post(START + at * HOUR // 2, who, name, number, n=n, k=k)
        for number, (at, who, name, n, k) in enumerate(ordered)
    ]
    return Plan(
        definitions=[Definition("journey", "j", body), Definition("template", "mail", TEMPLATE)],
        customers={"ann": {"email": "ann@example.org"}, "bob": {}}, posts=posts, begin=START, until=START + 40 * DAY,
        workspace=WORKSPACE, sender=Sender(after_ms=after_ms),
    )  # fmt: skip


def nameless(decisions: list[Decision]) -> list[Decision]:
    """Without ids: those go by the place of the cause in its log, which is another one for deliveries here. Ids of runs
    and messages stay: their causes are events."""
    return [replace(made, id="") for made in decisions]


def alone(who: str, body: dict[str, Any], posts: list[tuple[int, Any]], after_ms: int, until: int) -> list[Decision]:
    """The decisions of one customer in the World of the core's tests; inputs before timers of the same instant."""
    from laudstream.journey.codec import empty

    world = PlainWorld(body, row=False)
    world.customer = empty(WORKSPACE, who)
    world.row(**({"email": "ann@example.org"} if who == "ann" else {}))
    ahead: list[tuple[int, int, Any]] = [(at.at, 1, (number, at)) for number, at in posts if at.customer == who]
    made: list[Decision] = []

    def keep() -> None:
        made.extend(effect for effect in world.effects if isinstance(effect, Decision))
        ahead.extend((world.now + after_ms, 0, request) for request in world.sends())

    while ahead or 0 < world.customer.core.wake_at <= until:
        ahead.sort(key=lambda one: one[:2])
        due = world.customer.core.wake_at or until + 1
        if ahead and ahead[0][0] <= due:
            at, rank, what = ahead.pop(0)
            world.now = max(world.now, at)
            if rank == 0:
                world.deliver(what, "sent", at=at)
            else:
                number, posted = what
                world.offset = number - 1  # the cause is the place of the event among all events
                properties = posted.event.properties
                world.event(posted.event.name, id=posted.event.id, **properties)
                world.offset = 10_000 + number
        else:
            world.wait(due - world.now)
        keep()
    return made
