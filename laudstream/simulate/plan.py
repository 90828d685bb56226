"""What a simulation is made of, and a run of it from the first input to the last timer."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from typing import Any, NamedTuple

import msgspec

from laudstream.errors import Invalid, Problem
from laudstream.journey.definition import parse
from laudstream.journey.durations import parse as duration
from laudstream.journey.durations import zone_of
from laudstream.journey.live import NOTHING
from laudstream.journey.naming import WORKSPACE as WORKSPACE_ID
from laudstream.journey.naming import in_order
from laudstream.journey.steps import Journey
from laudstream.messages.forms import FORMS
from laudstream.simulate.listener import Listener
from laudstream.simulate.post import Post
from laudstream.simulate.report import Report, journey_report, segment_reports
from laudstream.simulate.sender import Sender
from laudstream.simulate.tally import Tally
from laudstream.simulate.world import WORKSPACE, World

AT_MOST = duration("P1Y")
"""Without an end, time goes on for so long after the last event, if anything is still to happen."""


class Definition(NamedTuple):
    """What is published at the beginning."""

    kind: str
    id: str
    body: dict[str, Any]


class Plan(msgspec.Struct, kw_only=True):
    definitions: Sequence[Definition] = ()
    """Of every kind and in any order. Templates that journeys name and that are not here are made up: see `made_up`."""
    later: Sequence[tuple[int, Definition]] = ()
    """(ms, definition): published then, after everything that happens at that instant."""
    customers: dict[str, dict[str, Any]] = {}
    """Customer -> attributes. All are there before anything is published."""
    posts: Sequence[Post] = ()
    """The earliest first."""
    begin: int = 0
    """ms: when everything is published. Earlier events are left out."""
    until: int = 0
    """ms; 0: until nothing is left to happen, at most AT_MOST after the last event."""
    workspace: str = WORKSPACE
    """Arms and holdouts go by a hash of it: give the real one to see the real arms."""
    zone: str = ""
    """Of the workspace, as in IANA's data; empty: what its settings say, else UTC."""
    sender: Sender = Sender()

    def of(self, kind: str) -> list[Definition]:
        """The definitions of a kind."""
        return [each for each in self.definitions if each.kind == kind]


def run(plan: Plan, *listeners: Listener, told: Callable[[int], object] | None = None) -> Report:
    """Plays a plan. `told` is called with a number of events now and then. Raises Invalid for definitions."""
    ids = any(each.ids for each in listeners if type(each).decided is not Listener.decided)
    world = World(now=plan.begin, workspace=plan.workspace, sender=plan.sender, ids=ids)
    tally = Tally()
    world.decided = _all([tally.decided, *_overridden(listeners, "decided")])
    world.requested = _all(_overridden(listeners, "requested"))
    world.delivered = _all([tally.delivered, *_overridden(listeners, "delivered")])
    for id, attributes in plan.customers.items():
        world.insert(id, attributes)
    world.handled.clear()
    posts = between(plan.posts, plan.begin, plan.until)
    last = posts[-1].at if posts else plan.begin
    with _quiet():
        began, worked = time.perf_counter(), time.process_time()
        _publish(world, plan)
        _play(world, plan.later, posts, told)
        until = plan.until or AT_MOST.add(last, zone_of(plan.zone))
        world.drain(until)
        if plan.until:
            world.until(plan.until)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - worked
    journeys = [journey_report(journey, tally) for journey in _live(world, plan)]
    return Report(
        plan.begin, world.now, len(world.people), len(posts), dict(sorted(world.handled.items())),
        sum(tally.decisions.values()), seconds, cpu_seconds, journeys, segment_reports(tally),
    )  # fmt: skip


def _publish(world: World, plan: Plan) -> None:
    settings = Definition("workspace", WORKSPACE_ID, {"time_zone": plan.zone})
    zoned = [settings] if plan.zone and not plan.of("workspace") else []
    for kind, id, body in in_order([*zoned, *plan.definitions, *made_up(plan.definitions)]):
        zone = {"time_zone": plan.zone} if kind == "workspace" and plan.zone else {}
        world.definitions.publish(kind, id, {**body, **zone})


def _play(
    world: World, later: Sequence[tuple[int, Definition]], posts: Sequence[Post], told: Callable[[int], object] | None
) -> None:
    for at, definition in sorted(later, key=lambda each: each[0]):
        world.play([post for post in posts if post.at <= at], told)
        world.until(at)
        world.definitions.publish(*definition)
        posts = [post for post in posts if post.at > at]
    world.play(posts, told)


def _live(world: World, plan: Plan) -> Iterator[Journey]:
    space = world.catalog.spaces.get(plan.workspace, NOTHING)
    for journey in plan.of("journey"):
        live = space.journeys[journey.id]
        yield live.versions[live.status.live]


def between(posts: Sequence[Post], begin: int, until: int) -> Sequence[Post]:
    """Those from `begin` to `until` (0: to the end)."""
    if posts and posts[0].at >= begin and (not until or posts[-1].at <= until):
        return posts
    return [post for post in posts if begin <= post.at and (not until or post.at <= until)]


def made_up(definitions: Sequence[Definition]) -> list[Definition]:
    """Stand-ins for templates that steps of journeys name and that are not there: nothing is rendered, so the name is
    enough. Raises Invalid where a channel has no stand-in, or a journey does not compile."""
    known = {each.id for each in definitions if each.kind == "template"}
    found: dict[str, Definition] = {}
    for journey in (each for each in definitions if each.kind == "journey"):
        for name, step in parse(journey.body).steps.items():
            template, channel = getattr(step, "template", ""), getattr(step, "channel", "")
            if not template or template in known or template in found:
                continue
            form = FORMS.get(channel)
            if form is None:
                message = f"template {template!r} is not here, and none can be made up for {channel}"
                raise Invalid(message, (Problem(f"/steps/{name}", message, "give its folder: --templates DIR"),))
            found[template] = Definition("template", template, form.stand_in(template))
    return list(found.values())


def _overridden(listeners: Sequence[Listener], name: str) -> list[Callable[[Any], object]]:
    """The methods of that name which do something."""
    return [getattr(each, name) for each in listeners if getattr(type(each), name) is not getattr(Listener, name)]


def _all(told: Sequence[Callable[[Any], object]]) -> Callable[[Any], object]:
    """One function that calls them all."""
    if not told:
        return lambda _: None
    if len(told) == 1:
        return told[0]
    if len(told) == 2:
        first, second = told

        def both(what: Any) -> None:
            first(what)
            second(what)

        return both

    def each(what: Any) -> None:
        for function in told:
            function(what)

    return each


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the cycle collector: millions of objects live until the end, and none of them is in a cycle."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def zone_named(name: str) -> tzinfo:
    """The zone of that name. Raises Invalid if there is none."""
    found = zone_of(name)
    if name and name != "UTC" and getattr(found, "key", "") != name:
        message = f"there is no time zone {name!r}"
        raise Invalid(message, (Problem("--zone", message, "write e.g. Europe/Berlin"),))
    return found
