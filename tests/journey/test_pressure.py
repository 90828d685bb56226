"""Caps, quiet hours, priorities, `defer`, classes and holdouts of many journeys press on one customer: what is sent and
what is refused is what a naive model of R10 and R37 to R42 says, half hour by half hour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.journey.conftest import DAY, HOUR, START, World

HALF = HOUR // 2
MIDNIGHT = START - START % DAY
PERIODS = {"PT5H": 5 * HOUR, "P1D": DAY, "PT2H": 2 * HOUR}
LONGEST = {"PT5H": 5 * HOUR, "P1D": DAY, "P3D": 3 * DAY}
Body = dict[str, Any]
What = tuple[int, str, str]
"""(at, journey, `sent`, `refused` or a reason not to enter)"""

_cap = st.fixed_dictionaries(
    {"limit": st.integers(1, 2), "per": st.sampled_from([*PERIODS, "day"])},
    optional={"counts": st.sampled_from(["marketing", "all"])},
)
_caps = st.lists(_cap, min_size=1, max_size=2)
_clock = st.integers(0, 47).map(lambda half: f"{half // 2:02}:{half % 2 * 30:02}")
_quiet = st.lists(_clock, min_size=2, max_size=2, unique=True).map(lambda two: {"from": two[0], "to": two[1]})
_workspace = st.fixed_dictionaries(
    {"release_spread": st.just("PT0S")},
    optional={"quiet_hours": _quiet, "caps": st.lists(_cap, min_size=1, max_size=1)},
)
_optional = st.fixed_dictionaries({}, optional={"caps": _caps, "quiet_hours": st.one_of(_quiet, st.just("none"))})
ENDS = {name: {"exit": {"outcome": name}} for name in ("sent", "refused")}
HI = {"message": {"channel": "email", "template": "mail"}, "next": {name: name for name in ENDS}}


@st.composite
def _journeys(draw: st.DrawFn) -> list[Body]:
    """No two of the same priority: each wish has its place."""
    ranks = draw(st.permutations(range(1, 10)))
    return [
        {
            "id": f"j{number}", "start": "hi", "steps": {"hi": HI, **ENDS},
            "entry": [{"event": {"name": draw(st.sampled_from(["go", "buy"]))}, "reentry": "always"}],
            "settings": {
                "priority": ranks[number], "holdout": draw(st.sampled_from([0, 0, 0, 100])),
                "class": draw(st.sampled_from(["marketing", "marketing", "marketing", "transactional"])),
                "defer_at_most": draw(st.sampled_from(list(LONGEST))),
                "defer": {"quiet_hours": draw(st.booleans()), "caps": draw(st.booleans())},
                **draw(_optional),
            },
        }
        for number in range(draw(st.integers(2, 6)))
    ]  # fmt: skip


_events = st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["go", "go", "buy"])), min_size=1, max_size=12)
"""(half hours since the one before, name)"""


@given(_workspace, _journeys(), _events)
@settings(max_examples=300, deadline=None)
def test_r37_what_presses_on_one_customer_goes_as_the_rules_say(
    workspace: Body, journeys: list[Body], events: list[tuple[int, str]]
) -> None:
    assert decided(workspace, journeys, events) == Model(workspace, journeys).play(events)


def decided(workspace: Body, journeys: list[Body], events: list[tuple[int, str]]) -> list[What]:
    w, found = World(*journeys, row=False), list[What]()
    w.publish(workspace, kind="workspace", id="workspace")
    w.row(email="ann@example.org")

    def note() -> None:
        sends, made = w.sends(), w.decisions()
        found.extend((d.at, d.journey, d.outcome or d.reason) for d in made if d.kind in ("ended", "not_entered"))
        for request in sends:
            w.deliver(request, "sent")
            note()

    def until(at: int) -> None:
        """Each timer for itself, so that what it sends has left before the next."""
        while 0 < w.customer.core.wake_at < at:
            w.wait(w.customer.core.wake_at - w.now)
            note()
        w.now = at

    for gap, name in events:
        until(w.now + gap * HALF)
        w.event(name)
        note()
    until(w.now + 5 * DAY)
    return sorted(found)


@dataclass
class Model:
    workspace: Body
    journeys: list[Body]
    slots: list[tuple[int, str]] = field(default_factory=list)
    """(when, class) of what was sent."""
    waiting: dict[str, int] = field(default_factory=dict)
    """Journey -> since when its message is wanted."""
    leaving: int = 0
    """Messages that are requested, and not sent yet."""
    found: list[What] = field(default_factory=list)

    def play(self, events: list[tuple[int, str]]) -> list[What]:
        now = START
        for gap, name in events:
            for _ in range(gap):
                self._again(now)
                now += HALF
            entering = []
            for body in self._ranked():
                if body["entry"][0]["event"]["name"] != name:
                    continue
                if body["id"] in self.waiting:
                    self.found.append((now, body["id"], "already_in"))
                else:
                    entering.append(body)
            for body in entering:
                self._wants(body, now, now)
            self._delivered(now)
        for at in range(now, now + 5 * DAY, HALF):
            self._again(at)
        return sorted(self.found)

    def _ranked(self) -> list[Body]:
        return sorted(self.journeys, key=lambda body: body["settings"]["priority"])

    def _again(self, now: int) -> None:
        """Who was put off is asked at the first instant that may be possible; at the last one in any case."""
        for body in self._ranked():
            since = self.waiting.get(body["id"])
            if since is None or since == now:
                continue
            if not self._expires(body, now) and not self._quiet(body, now):
                self._wants(body, since, now)
        self._delivered(now)

    def _delivered(self, now: int) -> None:
        """What was sent has left; each of these moves a slot, and all that is put off is asked again."""
        leaving, self.leaving = self.leaving, 0
        for _ in range(leaving):
            for body in self._ranked():
                if body["id"] in self.waiting and not self._expires(body, now):
                    self._wants(body, self.waiting[body["id"]], now)
            self._delivered(now)

    def _expires(self, body: Body, now: int) -> bool:
        late = self.waiting[body["id"]] + LONGEST[body["settings"]["defer_at_most"]] <= now
        if late:
            self._over(body, now, "refused")
        return late

    def _wants(self, body: Body, since: int, now: int) -> None:
        said = body["settings"]
        if said["class"] == "transactional":
            self._sends(body, now)
        elif said["holdout"]:
            self._over(body, now, "sent")
        else:
            refusing = {"quiet_hours"} if self._quiet(body, now) else set()
            refusing |= {"caps"} if self._full(body, now) else set()
            if not refusing:
                self._sends(body, now)
            elif all(said["defer"][gate] for gate in refusing):
                self.waiting[body["id"]] = since
            else:
                self._over(body, now, "refused")

    def _sends(self, body: Body, now: int) -> None:
        self.slots.append((now, body["settings"]["class"]))
        self.leaving += 1
        self._over(body, now, "sent")

    def _over(self, body: Body, now: int, how: str) -> None:
        self.waiting.pop(body["id"], None)
        self.found.append((now, body["id"], how))

    def _quiet(self, body: Body, now: int) -> bool:
        quiet = body["settings"].get("quiet_hours", self.workspace.get("quiet_hours", "none"))
        if quiet == "none":
            return False
        begin, end = (int(quiet[name][:2]) * HOUR + int(quiet[name][3:]) * HOUR // 60 for name in ("from", "to"))
        at = (now - MIDNIGHT) % DAY
        return begin <= at < end if begin < end else not end <= at < begin

    def _full(self, body: Body, now: int) -> bool:
        for cap in [*body["settings"].get("caps", []), *self.workspace.get("caps", [])]:
            counted = [at for at, of in self.slots if of == "marketing" or cap.get("counts") == "all"]
            if sum(self._counts_until(cap["per"], at) > now for at in counted) >= cap["limit"]:
                return True
        return False

    @staticmethod
    def _counts_until(per: str, at: int) -> int:
        return at + PERIODS[per] if per in PERIODS else at - (at - MIDNIGHT) % DAY + DAY
