"""What is published while a simulation runs."""

from __future__ import annotations

from laudstream.simulate.plan import Plan, run
from tests.simulate.conftest import HOUR, START, journey, post, waiting
from tests.simulate.test_same_as_core import Decisions


def test_r8_what_is_published_later_counts_from_then_on() -> None:
    later = {**waiting(), "entry": [{"event": {"name": "purchase"}, "reentry": "always"}]}
    later["steps"] = {**later["steps"], "hello": {"delay": {"for": "PT1M"}, "next": "look"}}
    posts = [post(START + n * HOUR, who, "purchase", n) for n, who in enumerate(("ann", "bob", "cleo"))]
    plan = Plan(definitions=[journey(waiting())], later=[(START + HOUR, journey(later))], posts=posts, begin=START)
    found = Decisions()
    run(plan, found)
    versions = {made.customer: made.version for made in found.made if made.kind == "entered"}
    assert versions == {"ann": 1, "bob": 1, "cleo": 2}  # bob came at that very instant
