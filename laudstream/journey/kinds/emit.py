"""emit: the run emits an event for its customer or another, or lets one enter or leave another journey (R52).

It goes through `laudstream.handoffs` and is an input like any other, one link further on in its chain.
"""

from __future__ import annotations

from typing import Any

from laudstream.conditions import Get
from laudstream.customers.event import ENTER, LEAVE, TRACK, Event
from laudstream.errors import Invalid
from laudstream.ids import customer_key, derive
from laudstream.journey import schemas
from laudstream.journey.customer import Run
from laudstream.journey.handoff import MOST_DEPTH, Emitted
from laudstream.journey.kinds.place import Kind, Place, next_of
from laudstream.journey.kinds.values import Values, path, size, value
from laudstream.journey.moves import CONTEXT_BYTES, Left
from laudstream.journey.reader import at
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey, Step
from laudstream.journey.work import Work

WHAT = {"event": TRACK, "enter": ENTER, "leave": LEAVE}
MOST = 100
LEFT = "left"
"""The outcome of a run that left because of an `emit`, where it names none."""


class EmitStep(Step, frozen=True, gc=False):
    type: str
    """track, enter or leave."""
    name: str
    """Of the event, or of the journey."""
    properties: Values
    to: Get | None
    """Id of the customer; None: that of the run."""
    next: str


def read(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    reader.only(body, spot, (*WHAT, "properties", "to", "outcome"))
    kinds = [what for what in WHAT if what in body]
    what = kinds[0] if kinds else "event"
    if len(kinds) != 1:
        reader.wrong(spot, "an emit says one thing", f"write one of: {', '.join(WHAT)}")
    elif what == "event":
        reader.text_of(body[what], at(spot, what), "the name of an event")
    else:
        reader.name_of(body[what], at(spot, what), "the journey")
    properties: Values = ()
    if "properties" in body:
        found = reader.object_of(body["properties"], at(spot, "properties"), "'properties'") or {}
        if len(found) > MOST or what == "leave":
            reader.wrong(
                at(spot, "properties"), f"an event has up to {MOST} properties; leaving has none", "write less"
            )
        properties = tuple((name, value(reader, item, at(spot, "properties", name))) for name, item in found.items())
    if "outcome" in body and what != "leave":
        reader.wrong(at(spot, "outcome"), "only leaving has an outcome", "leave it out")
    if what == "leave":
        outcome = reader.name_of(body.get("outcome", LEFT), at(spot, "outcome"), "'outcome'")
        properties = (("outcome", lambda scope: outcome),)
    to = path(reader, body["to"], at(spot, "to")) if "to" in body else None
    return EmitStep(WHAT[what], str(body.get(what)), properties, to, next_of(place, step))


def schema() -> dict[str, Any]:
    to = {"type": "string", "description": "path to the id of a customer; default: the run's own"}
    values = {
        "type": "object", "maxProperties": MOST, "additionalProperties": schemas.VALUE,
        "description": "name -> value, or {from: path}",
    }  # fmt: skip
    ways = (
        schemas.object_of(("event",), event=schemas.TEXT, properties=values, to=to),
        schemas.object_of(("enter",), enter=schemas.NAME, properties=values, to=to),
        schemas.object_of(("leave",), leave=schemas.NAME, outcome=schemas.NAME, to=to),
    )
    return schemas.step("emit", {"oneOf": list(ways)}, next=schemas.NAME)


def edges(step: EmitStep) -> dict[str, str]:
    return {"next": step.next}


def arrive(work: Work, run: Run, version: Journey, step: EmitStep, at: int) -> Left:
    scope, depth = work.scope(run), work.depth + 1
    properties = {name: get(scope) for name, get in step.properties}
    customer = work.customer if step.to is None else _id(step.to(scope))
    data = {step.type: step.name, **({"to": customer} if step.to is not None else {})}
    reason = (
        Reason.TOO_DEEP if depth > MOST_DEPTH
        else Reason.NOBODY if not _known(work.workspace, customer)
        else Reason.TOO_LARGE if size(properties) > CONTEXT_BYTES
        else ""
    )  # fmt: skip
    if reason:
        return Left("next", step.next, {**data, "reason": reason}, at)
    id = derive("emitted", work.workspace, work.moment.epoch, run.id, run.step, run.visit)
    event = Event(id, step.type, step.name, properties, at, work.moment.now, depth)
    life = work.core.row.life if customer == work.customer else None
    work.out.append(Emitted(work.workspace, customer, event, run.id, life=life))
    return Left("next", step.next, data, at)


def _id(value: Any) -> str:
    """A customer's id as it stands in a property: a text, or a whole number."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _known(workspace: str, customer: str) -> bool:
    try:
        return bool(customer_key(workspace, customer))
    except Invalid:
        return False


KIND = Kind("emit", EmitStep, read, schema, edges, arrive, ("next",))
