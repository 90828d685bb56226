"""update: the run writes to its customer's row, consents and manual segments (R53)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from laudstream.conditions.operators import same
from laudstream.customers.room import fits
from laudstream.journey import schemas
from laudstream.journey.customer import Pending, Run
from laudstream.journey.kinds.place import Kind, Place, next_of
from laudstream.journey.kinds.values import Values, value
from laudstream.journey.matching import brief
from laudstream.journey.moves import Left
from laudstream.journey.reader import at, shown
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import ALL_CHANNELS, Journey, Step
from laudstream.journey.work import Work
from laudstream.journey.write import CONSENT, INCREMENT, MEMBER, SET, UNSET
from laudstream.journey.writing import number, over, put

MOST = 50
PARTS = ("set", "unset", "increment", "subscribe", "unsubscribe", "add_to", "remove_from")


class UpdateStep(Step, frozen=True, gc=False):
    sets: Values
    unsets: tuple[str, ...]
    increments: Values
    consents: dict[str, str]
    """channel/subscription -> status."""
    members: dict[str, bool]
    """Manual segment -> whether the customer belongs to it from now on."""
    next: str


def read(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    reader.only(body, spot, PARTS)
    if not body:
        reader.wrong(spot, "an update changes something", f"use one of: {', '.join(PARTS)}")
    taken: set[str] = set()
    sets = _values(place, body, "set", taken)
    unsets = _each(place, body, "unset", lambda item, pointer: _attribute(place, item, pointer, taken))
    increments = _values(place, body, "increment", taken)
    consents: dict[str, str] = {}
    for part, status in (("unsubscribe", "unsubscribed"), ("subscribe", "subscribed")):
        for name in _each(place, body, part, lambda item, pointer: _consent(place, item, pointer)):
            _once(place, name, consents, at(spot, part))
            consents[name] = status
    members: dict[str, bool] = {}
    for part, member in (("add_to", True), ("remove_from", False)):
        for name in _each(place, body, part, lambda item, ptr: reader.name_of(item, ptr, "a segment") or ""):
            _once(place, name, members, at(spot, part))
            members[name] = member
    return UpdateStep(sets, tuple(unsets), increments, consents, members, next_of(place, step))


def _each(place: Place, body: dict[str, Any], part: str, read: Callable[[Any, str], str]) -> list[str]:
    spot = at(place.pointer, part)
    items = place.reader.list_of(body[part], spot, f"{part!r}", most=MOST) if part in body else []
    return [read(item, at(spot, index)) for index, item in enumerate(items)]


def _values(place: Place, body: dict[str, Any], part: str, taken: set[str]) -> Values:
    reader, spot = place.reader, at(place.pointer, part)
    found = reader.object_of(body[part], spot, f"{part!r}") or {} if part in body else {}
    made = []
    for name, item in found.items():
        _attribute(place, name, at(spot, name), taken)
        if part == "increment" and not number(item) and not isinstance(item, dict):
            reader.wrong(
                at(spot, name), f"{shown(item)} cannot be added to a number", "write a number, or {from: a path}"
            )
        made.append((name, value(reader, item, at(spot, name))))
    return tuple(made)


def _attribute(place: Place, name: object, pointer: str, taken: set[str]) -> str:
    found = place.reader.text_of(name, pointer, "the name of an attribute") or ""
    if found == "id" or "." in found or not found.isprintable():
        fix = "name a whole attribute, without dots; the id of a customer never changes"
        place.reader.wrong(pointer, f"{found!r} cannot be written", fix)
    elif found in taken:
        place.reader.wrong(pointer, f"{found!r} is changed twice", "write each attribute once")
    taken.add(found)
    return found


def _consent(place: Place, body: Any, pointer: str) -> str:
    reader = place.reader
    found = reader.object_of(body, pointer, "a consent") or {}
    reader.only(found, pointer, ("channel", "subscription"))
    channel = reader.choice_of(found.get("channel"), at(pointer, "channel"), "'channel'", ALL_CHANNELS)
    subscription = ""
    if "subscription" in found:
        subscription = reader.name_of(found["subscription"], at(pointer, "subscription"), "'subscription'") or ""
    return f"{channel}/{subscription}"


def _once(place: Place, name: str, taken: dict[str, Any], pointer: str) -> None:
    if name in taken:
        place.reader.wrong(pointer, f"{name!r} is changed twice", "write each one once")


def schema() -> dict[str, Any]:
    texts = {"type": "array", "items": schemas.TEXT, "minItems": 1, "maxItems": MOST}
    names = {"type": "array", "items": schemas.NAME, "minItems": 1, "maxItems": MOST}
    consent = schemas.object_of(("channel",), channel={"enum": list(ALL_CHANNELS)}, subscription=schemas.NAME)
    amount = {"anyOf": [{"type": "number"}, schemas.FROM]}
    written = {"type": "object", "additionalProperties": schemas.VALUE}
    settings = schemas.object_of(
        set={**written, "description": "attribute -> value, or {from: path}"}, unset=texts,
        increment={"type": "object", "additionalProperties": amount}, subscribe=schemas.list_of(consent, MOST),
        unsubscribe=schemas.list_of(consent, MOST), add_to=names, remove_from=names,
    )  # fmt: skip
    return schemas.step("update", {**settings, "minProperties": 1}, next=schemas.NAME)


def edges(step: UpdateStep) -> dict[str, str]:
    return {"next": step.next}


def arrive(work: Work, run: Run, version: Journey, step: UpdateStep, at: int) -> Left:
    """Values are those from before the step; what is as it should be already is not written again (R29)."""
    scope, core = work.scope(run), work.core
    data: dict[str, Any] = {}
    values = {name: get(scope) for name, get in step.sets}
    present = work.attributes
    sets = {name: new for name, new in values.items() if new is not None and not same(present.get(name), new)}
    gone = [name for name, new in values.items() if new is None]
    unsets = [name for name in (*step.unsets, *gone) if name in work.attributes]
    amounts = {name: amount for name, get in step.increments if number(amount := get(scope)) and amount}
    consents = {name: new for name, new in step.consents.items() if core.consents.get(name, ("",))[0] != new}
    members = {name: new for name, new in step.members.items() if core.members.get(name, (False,))[0] != new}
    for op, changed in ((SET, sets), (UNSET, dict.fromkeys(unsets)), (INCREMENT, amounts)):
        if changed and not _fits(work, run, op, changed, at):
            continue
        if changed:
            put(work, run.id, op, {} if op == UNSET else changed, unsets if op == UNSET else ())
            data |= {f"customer.{name}": brief(work.attributes.get(name)) for name in changed}
    for op, switched in ((CONSENT, consents), (MEMBER, members)):
        if switched:
            put(work, run.id, op, switched)
            data |= switched
    return Left("next", step.next, data, at)


def _fits(work: Work, run: Run, op: str, changed: dict[str, Any], at: int) -> bool:
    """Whether the attributes stay within what a row can hold (A7); else they stay as they are, and the run goes on."""
    if op == UNSET or fits(over(work.attributes, Pending(0, op, changed))):
        return True
    work.decide("limit", run, at, reason=Reason.LIMIT, data={"which": "attributes"})
    return False


KIND = Kind("update", UpdateStep, read, schema, edges, arrive, ("next",))
