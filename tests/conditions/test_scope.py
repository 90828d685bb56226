"""What conditions may read, and how a path says it (R25)."""

from __future__ import annotations

import pytest

from laudstream.conditions.scope import Facts, Scope, getter, way

ROOTS = ("customer", "entry", "steps", "event")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("customer.id", ("id", ())),
        ("customer.home.city", ("attributes", ("home", "city"))),
        ("entry.total", ("entry", ("total",))),
        ("steps.look.event.total", ("steps", ("look", "event", "total"))),
        ("steps.look.events", ("steps", ("look", "events"))),
        ("steps.look.event", None),
        ("steps.look", None),
        ("steps.look.other.total", None),
        ("customer", None),
    ],
)
def test_r25_a_path_names_one_value_of_what_may_be_read(path: str, found: object) -> None:
    assert way(path, ROOTS) == found
    assert (getter(path, ROOTS) is None) == (found is None)


def test_plain_facts_know_the_versions_of_segments_that_they_were_given() -> None:
    facts = Facts(versions={"vip": 3})
    assert (facts.segment_version("vip"), facts.segment_version("other")) == (3, 0)
    assert Scope("ann", {}, {}).facts.segment_version("vip") == 0
