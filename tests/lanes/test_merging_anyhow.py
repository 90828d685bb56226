"""Merges in every interleaving of rounds: nothing is lost, nothing is there twice (R50, A18)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lanes.cluster import LANES
from tests.lanes.kit import waiting
from tests.lanes.merging import Merging

WHO = [f"c{n}" for n in range(6)]
OFTEN = {"id": "often", "condition": {"event": {"name": "visit", "at_least": 2}}}
PAY = waiting("PT1H", id="pay")
ONCE = waiting("PT1H", id="once", entry=[{"event": {"name": "visit"}}])

_who = st.sampled_from(WHO)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("event"), _who, st.sampled_from(["visit", "purchase", "paid"])),
        st.tuples(st.just("again"), _who, st.just("")),
        st.tuples(st.just("merge"), _who, _who),
        st.tuples(st.just("row"), _who, st.just("")),
        st.tuples(st.just("delete"), _who, st.just("")),
        st.tuples(st.just("round"), st.integers(0, LANES - 1), st.just("")),
    ),
    max_size=60,
)


class Story:
    """What was posted, and who was who then."""

    def __init__(self) -> None:
        self.world = Merging()
        self.world.publish(OFTEN, 1, "segment")
        self.world.publish(PAY, 1)
        self.world.publish(ONCE, 1)
        self.posted: list[tuple[str, str, str]] = []
        self.count = 0
        self.deleted = False

    def event(self, who: str, name: str) -> None:
        self.count += 1
        id = f"e{self.count}"
        self.posted.append((id, who, name))
        self.world.event(who, name, id=id)

    def again(self, who: str) -> None:
        """An event of the same person once more, by any of the ids."""
        root = self.world.root(who)
        known = [(id, name) for id, by, name in self.posted if self.world.root(by) == root]
        if known:
            self.world.event(who, known[-1][1], id=known[-1][0])

    def merge(self, source: str, target: str) -> None:
        """The API tells the root's lane at once, before any later event."""
        self.world.merge(source, target)

    def delete(self, who: str) -> None:
        """The whole person: what was posted for it is nobody's."""
        root = self.world.root(who)
        if root in self.world.rows:
            self.posted = [one for one in self.posted if self.world.root(one[1]) != root]
            self.world.delete(root)
            self.deleted = True

    def row(self, who: str) -> None:
        root = self.world.root(who)
        if root in self.world.rows:
            self.world.say(root)

    def end(self) -> None:
        self.world.settle()
        self.world.settle()


@given(_steps)
@settings(max_examples=120, deadline=None)
def test_r50_whatever_comes_first_everything_is_there_once(steps: list[tuple[Any, Any, str]]) -> None:
    story = Story()
    for kind, who, more in steps:
        if kind == "round":
            story.world.round(who)
        elif kind in ("event", "merge"):
            getattr(story, kind)(who, more)
        else:
            getattr(story, kind)(who)
    story.end()
    _check(story)


def _check(story: Story) -> None:
    world = story.world
    assert not any(result.parked or result.skipped for lane in world.lanes for result in lane.results)
    for who in WHO:
        state, root = world.state(who), world.root(who)
        if root != who:
            assert state.identity.root == root
            assert (state.core.runs, state.tallies, state.attributes, world.kept(who)) == ((), {}, {}, [])
            continue
        mine = [(id, name) for id, by, name in story.posted if world.root(by) == who]
        assert sorted(world.kept(who)) == sorted(id for id, _ in mine)
        visits = sum(name == "visit" for _, name in mine)
        assert sum(tally.total for tally in state.tallies.values()) == visits
        assert ("often" in state.core.segments) == (visits >= 2)
        active = Counter(run.journey for run in state.core.runs)
        assert all(count == 1 for count in active.values())
        assert not state.identity.waiting
        row = world.rows.get(who)
        if row is not None and state.identity.wanted:
            assert state.identity.taken == state.identity.wanted == row["merges"]
    world.check_runs(WHO, story.deleted)
    for lane in world.lanes:
        numbers: dict[str, int] = {}
        for made in lane.decisions():
            if made.customer:
                assert made.n > numbers.get(made.customer, 0)
                numbers[made.customer] = made.n
