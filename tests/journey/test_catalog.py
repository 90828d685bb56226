"""The catalogue: snapshots, bodies that are not here yet, and its own state (A5, A9)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.journey.catalog import Catalog
from laudstream.journey.control import Control


def test_a9_a_body_that_is_not_here_yet_passes_through_as_keyerror(world: Any) -> None:
    def nowhere(*_: object) -> Any:
        raise KeyError("workspace1:journey:x:1")

    w = world()
    before = w.catalog.entries()
    with pytest.raises(KeyError):
        w.catalog.apply(Control(9, "workspace1", "journey", "x", 1, "live"), w.now, nowhere)
    assert w.catalog.entries() == before


def test_a_snapshot_stays_as_it_is(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    old = w.catalog
    w.control("paused")
    assert old.spaces["workspace1"].journeys["j"].status.status == "live"
    assert w.catalog.spaces["workspace1"].journeys["j"].status.status == "paused"


def test_a9_loading_the_statuses_gives_the_same_catalogue(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}), make({"look": wait_step()}, id="k"))
    w.event("go")
    w.now += 1
    w.publish(make({"look": wait_step("other")}), version=2)
    w.control("paused", id="k")
    w.now += 1
    w.control("live", id="k")
    w.control("stopped", id="j", version=2)
    loaded = Catalog.load(w.catalog.entries(), w.body_of)
    assert loaded.entries() == w.catalog.entries()
    space, again = w.catalog.spaces["workspace1"], loaded.spaces["workspace1"]
    assert {id: (live.status, sorted(live.versions)) for id, live in space.journeys.items()} == {
        id: (live.status, sorted(live.versions)) for id, live in again.journeys.items()
    }
    assert {name: [live.id for live in met] for name, met in again.entries.items()} == {"go": ["k"]}
    w.catalog = loaded
    assert w.touch() == ["ended"]


def test_compiled_forms_are_made_once(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    first = w.catalog.spaces["workspace1"].journeys["j"].versions[1]
    w.bodies.clear()
    w.control("paused")
    assert w.catalog.spaces["workspace1"].journeys["j"].versions[1] is first


def test_a_body_that_does_not_compile_is_refused(world: Any) -> None:
    with pytest.raises(Invalid):
        world({"id": "j", "steps": {}})


def test_workspaces_do_not_see_each_others_journeys(world: Any, make: Any, wait_step: Any) -> None:
    w = world()
    w.bodies["journey", "j", 1] = make({"look": wait_step()})
    w.catalog = w.catalog.apply(Control(9, "workspace2", "journey", "j", 1, "live"), w.now, w.body_of)
    assert w.event("go") == []
