"""A world for one test: definitions, customers and time."""

from __future__ import annotations

from datetime import datetime, tzinfo
from itertools import count
from pathlib import Path
from typing import Any

from laudstream.cli.files import Item, load
from laudstream.customers.event import Event
from laudstream.errors import Invalid, Problem
from laudstream.journey import durations
from laudstream.journey.decision import Decision
from laudstream.journey.naming import KINDS, in_order
from laudstream.journey.naming import WORKSPACE as WORKSPACE_KIND
from laudstream.messages.request import SendRequest
from laudstream.simulate.plan import Definition, made_up, zone_named
from laudstream.simulate.post import Post
from laudstream.simulate.sender import Sender
from laudstream.simulate.world import WORKSPACE
from laudstream.simulate.world import World as Engine
from laudstream.testing.customer import Customer

Source = dict[str, Any] | str | Path
"""A definition as a mapping, or the path of a file or folder of definitions."""


class World:
    """`decisions` and `requests` are all that was decided and sent, of everybody, in its order.

    A message counts as `sent` one second after its request; with `held=True` only when `Customer.deliver` says so.
    """

    def __init__(
        self,
        *definitions: Source,
        at: str | datetime = "2026-01-05T09:00",
        zone: str = "UTC",
        workspace: str = WORKSPACE,
        held: bool = False,
    ) -> None:
        self.zone: tzinfo = zone_named(zone)
        self.engine = Engine(now=self._instant(at), workspace=workspace, sender=Sender(held=held))
        self.decisions: list[Decision] = []
        self.requests: list[SendRequest] = []
        self.engine.decided = self.decisions.append
        self.engine.requested = self.requests.append
        self._numbers = count(1)
        self._known: dict[str, Definition] = {}
        self._zone = {"time_zone": zone} if zone != "UTC" else {}
        if self._zone:
            self.engine.definitions.publish(WORKSPACE_KIND, WORKSPACE_KIND, self._zone)
        self.publish(*definitions)

    # Definitions

    def publish(self, *sources: Source) -> None:
        """Makes definitions live, now, what is named before who names it. A mapping with a `kind` is of that kind, else
        it is a journey. Templates that a journey names and that are not here are made up.

        Raises Invalid with every problem.
        """
        items: list[Item | Definition] = []
        for source in sources:
            items += [_definition(source)] if isinstance(source, dict) else load(Path(source))
        for item in in_order(items):
            try:
                self._publish(Definition(item.kind, item.id, item.body))
            except Invalid as error:
                raise _told(error, item if isinstance(item, Item) else None) from None

    def template(self, id: str, body: dict[str, Any]) -> None:
        """Makes a template live, now."""
        self.publish({**body, "kind": "template", "id": id})

    def _publish(self, definition: Definition) -> None:
        kind, id, body = definition
        if kind == "journey":
            for each in made_up([*self._known.values(), definition]):
                self._publish(each)
        elif kind == "template":
            self._known[id] = definition
        elif kind == WORKSPACE_KIND:
            body = {**body, **self._zone}
        self.engine.definitions.publish(kind, id, body)

    def pause(self, journey: str) -> None:
        self.engine.definitions.control("journey", journey, "paused")

    def resume(self, journey: str) -> None:
        self.engine.definitions.control("journey", journey, "live")

    def drain(self, journey: str) -> None:
        """No more entries; runs go on."""
        self.engine.definitions.control("journey", journey, "draining")

    def stop(self, journey: str) -> None:
        """Its runs end."""
        self.engine.definitions.control("journey", journey, "stopped")

    # People

    def customer(self, id: str, attributes: dict[str, Any] | None = None, /, **more: Any) -> Customer:
        """A customer with a row that has these attributes: `email`, `timezone`, and whatever journeys read."""
        self.engine.insert(id, {**(attributes or {}), **more})
        return Customer(self, id)

    def stranger(self, id: str) -> Customer:
        """A customer of whom nothing is known yet; what they do first makes them known."""
        return Customer(self, id)

    def signal(self, name: str, properties: dict[str, Any] | None = None, /, **more: Any) -> None:
        """An event that belongs to no customer, now (R34)."""
        self.engine.definitions.signal(name, {**(properties or {}), **more})

    def post(self, customer: str, kind: str, name: str, properties: dict[str, Any]) -> None:
        """An event of a customer, now; of an identify the properties are the traits."""
        now = self.engine.now
        event = Event(f"event-{next(self._numbers)}", kind, name, properties, now, now)
        self.engine.post(Post(now, customer, event))
        self.engine.until_inputs(now)

    # Time

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.engine.now / 1000, self.zone)

    def pass_time(self, duration: str) -> None:
        """Time passes, `PT20S`, `P1D`, …, in the zone of the workspace; what is due by then has happened."""
        self.engine.until(durations.parse(duration).add(self.engine.now, self.zone))

    def until(self, at: str | datetime) -> None:
        """Time passes until `2026-03-01T09:00`, in the zone of the workspace unless an offset says otherwise."""
        self.engine.until(self._instant(at))

    def _instant(self, at: str | datetime) -> int:
        """ms"""
        found = datetime.fromisoformat(at) if isinstance(at, str) else at
        return durations.instant(found, self.zone) if found.tzinfo is None else round(found.timestamp() * 1000)


def _definition(body: dict[str, Any]) -> Definition:
    kind = body.get("kind", "journey")
    if kind not in KINDS:
        problem = Problem("/kind", f"there is no kind {kind!r}", f"write one of: {', '.join(KINDS)}")
        raise _told(Invalid("what kind?", (problem,)))
    id = WORKSPACE_KIND if kind == WORKSPACE_KIND else str(body.get("id", kind))
    left_out = ("kind", "id") if kind in ("template", WORKSPACE_KIND) else ("kind",)
    return Definition(kind, id, {name: value for name, value in body.items() if name not in left_out})


def _told(error: Invalid, item: Item | None = None) -> Invalid:
    """The error with every problem in its text, and its place in the file if there is one."""
    problems = tuple(item.located(error.problems)) if item is not None else error.problems
    lines = [f"{problem.pointer}: {problem.message}" + f" → {problem.fix}" * bool(problem.fix) for problem in problems]
    return Invalid("\n".join(["the definition is wrong", *lines]) if lines else str(error), error.problems)
