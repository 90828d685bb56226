"""The test kit: it does what it says, fails with readable texts, and its page holds."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.testing import World
from tests.simulate.conftest import LOCAL, waiting

DOCS = Path(__file__).parents[2] / "docs"


def test_the_example_of_the_page_runs_and_fails_where_the_journey_is_wrong(tmp_path: Path) -> None:
    page = (DOCS / "testing-journeys.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"`([\w./-]+)`:\n\n```\w+\n(.*?)```", page, re.DOTALL))
    assert set(files) == {"journeys/forgotten-cart.yaml", "test_forgotten_cart.py"}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    installed = entry_points(group="pytest11", name="laudstream")  # loaded by itself then, and only once
    plugin = () if installed else ("-p", "laudstream.pytest_plugin")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin]
    good = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "6 passed" in good.stdout, good.stdout + good.stderr
    journey = tmp_path / "journeys" / "forgotten-cart.yaml"
    journey.write_text(journey.read_text(encoding="utf-8").replace("PT1H", "PT2H"), encoding="utf-8")
    (tmp_path / "test_fixture.py").write_text(
        "def test_it(journey_world):\n    assert journey_world().now.year == 2026\n"
    )
    bad = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "4 failed, 3 passed" in bad.stdout  # the fixture's test is one of the three
    assert "expected ann to get cart-reminder" in bad.stdout
    assert "entered forgotten-cart by cart_updated (c1) → hour" in bad.stdout


@pytest.fixture
def world() -> World:
    return World(waiting(), at="2026-01-05T09:00")


def failed(act: Any, *arguments: str) -> str:
    with pytest.raises(AssertionError) as caught:
        act(*arguments)
    return str(caught.value)


def test_every_assert_fails_with_what_was_expected_what_was_found_and_the_timeline(world: World) -> None:
    ann = world.customer("ann", email="ann@example.org")
    assert "but ann is in no journey\ntimeline of ann:\n  nothing was decided" in failed(ann.assert_at, "look")
    assert "but: no entry was met" in failed(ann.assert_not_entered)
    assert "but no run of it has ended" in failed(ann.assert_ended, "paid")
    ann.track("purchase")
    said = failed(ann.assert_messages, "hello", "remind")
    assert said.startswith(
        "expected ann to get hello, remind\nbut ann got hello\ntimeline of ann:\n  2026-01-05 09:00:00"
    )
    assert "but ann is at 'look'" in failed(ann.assert_at, "late")
    assert "but it is hello → look" in failed(ann.assert_path, "hello")
    assert "but: it entered" in failed(ann.assert_not_entered, "reentry")
    assert "but its refusals are: nothing" in failed(ann.assert_refused, "hello")
    world.pass_time("PT1H")
    assert "but it ended with 'late'" in failed(ann.assert_ended, "paid")
    ann.track("purchase")
    assert "but: reentry" in failed(ann.assert_not_entered, "full")


def test_messages_say_template_step_and_local_time() -> None:
    world = World(waiting(), at="2026-07-05T09:00", zone="America/New_York")
    ann = world.customer("ann", email="ann@example.org")
    ann.track("purchase", {"a.b": 1}, total=2)
    (message,) = ann.messages
    assert (message.template, message.journey, message.step) == ("hello", "pay", "hello")
    assert message.at.isoformat() == "2026-07-05T09:00:00-04:00" == world.now.isoformat()


def test_r38_a_held_message_moves_the_run_only_when_it_is_delivered() -> None:
    body = waiting()
    body["steps"]["hello"]["next"] = {"sent": "look", "refused": "late"}
    world = World(body, held=True)
    ann, bob = world.customer("ann", email="a@example.org"), world.customer("bob", email="b@example.org")
    for who in (ann, bob):
        who.track("purchase")
    world.pass_time("PT1H")
    ann.assert_at("hello")
    ann.opens("hello")
    bob.deliver("hello", "refused", reason="suppressed")
    ann.assert_at("look")
    bob.assert_ended("late")
    assert "ann has got no 'remind' that could be clicked" in failed(ann.clicks, "remind")


def test_identify_pause_resume_stop_and_delete(world: World) -> None:
    eve = world.stranger("eve")
    eve.identify(email="eve@example.org", plan="pro")
    assert eve.attributes == {"email": "eve@example.org", "plan": "pro"}
    eve.track("purchase")
    world.pause("pay")
    world.pass_time("PT2H")
    eve.assert_at("look")
    world.resume("pay")
    world.pass_time("PT1S")
    eve.assert_ended("late")
    world.drain("pay")
    bob = world.customer("bob")
    bob.track("purchase")
    bob.assert_not_entered("draining")
    world.stop("pay")
    eve.delete()
    assert eve.attributes == {}
    assert eve.path() == ["hello", "look", "remind", "late"]


def test_suppressed_and_bounced(world: World) -> None:
    ann = world.customer("ann", email="a@example.org")
    ann.suppress()
    ann.track("purchase")
    ann.assert_refused("hello", "suppressed")
    bob = world.customer("bob", email="b@example.org")
    bob.track("purchase")
    bob.bounces("hello")
    assert bob.step("pay") == "look"


def test_a_wrong_definition_names_file_line_and_fix(tmp_path: Path) -> None:
    path = tmp_path / "pay.yaml"
    path.write_text("id: pay\nentry: [{event: {name: go}}]\nstart: nowhere\nsteps:\n  a: {exit: {outcome: b}}\n")
    with pytest.raises(Invalid) as caught:
        World(path)
    assert f"{path}:3 /start: there is no step 'nowhere' → use one of: a" in str(caught.value)
    with pytest.raises(Invalid, match="/start: there is no step"):
        World(
            {"id": "x", "entry": [{"event": {"name": "go"}}], "start": "z", "steps": {"a": {"exit": {"outcome": "b"}}}}
        )


def test_folders_of_journeys_and_templates_are_read() -> None:
    world = World(LOCAL / "templates", LOCAL / "journeys" / "second-purchase.yaml")
    ann = world.customer("ann", email="ann@example.org")
    ann.track("purchase", amount=10)
    ann.track("purchase", amount=10)
    ann.assert_messages("welcome", "thanks")
    assert [message.request.template_version for message in ann.messages] == [1, 1]


def test_r55_places_and_r36_audiences_are_answered_at_once() -> None:
    world = World(waiting(max_entries=1))
    ann, bob = world.customer("ann"), world.customer("bob")
    ann.track("purchase")
    bob.track("purchase")
    ann.assert_at("look")
    bob.assert_not_entered("full")
    world.publish({**waiting(entry=[{"audience": {}}]), "id": "all"})
    assert (ann.step("all"), bob.step("all")) == ("look", "look")


LOYAL = {"kind": "segment", "id": "loyal", "condition": {"customer.orders": {"at_least": 3}}}


def test_r35_kinds_are_published_in_order_and_a_segment_looks_at_everybody() -> None:
    journey = waiting(entry=[{"segment": {"id": "loyal"}}])
    big = {"kind": "segment", "id": "big", "condition": {"segment": "loyal", "customer.total": {"at_least": 100}}}
    world = World(journey, big, LOYAL, {"kind": "workspace", "time_zone": "Europe/Berlin"})
    ann = world.customer("ann", orders=2, total=500)
    ann.identify(orders=3)
    ann.assert_at("look")
    assert "entered the segment loyal (by input)" in ann.timeline()
    assert "entered pay by entering loyal → hello" in ann.timeline()
    assert "entered the segment big (by input)" in ann.timeline()
    bob = world.customer("bob", orders=2)
    world.publish({**LOYAL, "condition": {"customer.orders": {"at_least": 2}}})
    assert "entered the segment loyal (by definition)" in bob.timeline()
    assert bob.step() == ""  # a change of the definition enters nobody


def test_a_mapping_of_no_known_kind_is_refused() -> None:
    with pytest.raises(Invalid, match="there is no kind 'signal'"):
        World({"kind": "signal", "id": "x"})


def test_r48_a_journey_that_is_published_again_takes_people_along_by_its_map() -> None:
    first = waiting(id="pay")
    world = World(first, at="2026-01-05T09:00")
    ann, bob = world.customer("ann"), world.customer("bob")
    ann.track("purchase")
    world.pass_time("PT5S")
    steps = {"again" if name == "look" else name: step for name, step in first["steps"].items()}
    steps["hello"] = {**steps["hello"], "next": "again"}
    world.publish({**first, "steps": steps, "migrate": {"look": "again"}})
    ann.assert_at("again")
    ann.assert_path("hello", "look", "again")
    assert "look of version 1 –migrated→ again of version 2" in ann.timeline()
    bob.track("purchase")
    bob.assert_path("hello", "again")
    ann.track("paid")
    ann.assert_ended("paid")
