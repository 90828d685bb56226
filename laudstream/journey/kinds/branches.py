"""Branches of a wait: what they wait for, as it is written (R27 to R29)."""

from __future__ import annotations

from typing import Any

from laudstream import conditions
from laudstream.conditions import getter
from laudstream.journey import schemas
from laudstream.journey.kinds.place import EVENT_ROOTS, STATE_ROOTS, label_of, on
from laudstream.journey.reader import Reader, at
from laudstream.journey.steps import Told, WaitBranch

MAX_COUNT = 1_000
MOST_MEMBERS = 20
TOLD = ("sent", "delivered", "opened", "clicked", "bounced", "complained", "failed", "replied", "unsubscribed")
KINDS = ("event", "all_of", "message", "changed", "condition")
PLANNED_KINDS = ("segment",)
BESIDE = {"event": ("where", "count")}


def read(reader: Reader, body: Any, pointer: str) -> WaitBranch:
    found = reader.object_of(body, pointer, "a branch") or {}
    kinds = [kind for kind in KINDS if kind in found]
    kind = kinds[0] if kinds else ""
    reader.only(found, pointer, ("name", "next", *(kinds or KINDS), *BESIDE.get(kind, ())), PLANNED_KINDS)
    following = reader.name_of(found.get("next"), at(pointer, "next"), "'next'") or ""
    if len(kinds) != 1:
        if not set(PLANNED_KINDS) & found.keys():
            reader.wrong(pointer, "a branch waits for one thing", f"write one of: {', '.join(KINDS)}")
        return WaitBranch("", following)
    spot = at(pointer, kind)
    if kind == "event":
        hears = on(reader, found["event"], pointer, found.get("where"), EVENT_ROOTS)
        count = 1
        if "count" in found:
            count = reader.whole_of(found["count"], at(pointer, "count"), "'count'", 1, MAX_COUNT) or 1
        return WaitBranch(label_of(reader, found, pointer, hears.name), following, hears, count)
    if kind == "all_of":
        members = reader.list_of(found["all_of"], spot, "'all_of'", least=2, most=MOST_MEMBERS)
        each = tuple(_member(reader, member, at(spot, index)) for index, member in enumerate(members))
        return WaitBranch(label_of(reader, found, pointer, "all_of"), following, all_of=each)
    if kind == "message":
        told = _told(reader, found["message"], spot)
        return WaitBranch(label_of(reader, found, pointer, told.kind), following, told=told)
    if kind == "changed":
        path = reader.text_of(found["changed"], spot, "'changed'") or ""
        get = getter(path, ("customer",))
        if get is None or path == "customer.id":
            reader.wrong(spot, f"{path!r} is no value that changes", "write a path: customer.…")
        changed = (path, get) if get is not None else None
        return WaitBranch(label_of(reader, found, pointer, "changed"), following, changed=changed)
    holds = conditions.read(reader, found["condition"], spot, STATE_ROOTS)
    return WaitBranch(label_of(reader, found, pointer, "condition"), following, condition=holds)


def _member(reader: Reader, body: Any, pointer: str) -> Any:
    found = reader.object_of(body, pointer, "a member of 'all_of'") or {}
    reader.only(found, pointer, ("event", "where"))
    return on(reader, found.get("event"), pointer, found.get("where"), EVENT_ROOTS)


def _told(reader: Reader, body: Any, pointer: str) -> Told:
    found = reader.object_of(body, pointer, "'message'") or {}
    reader.only(found, pointer, ("of", "is", "link", "machine"))
    kind = reader.choice_of(found.get("is"), at(pointer, "is"), "'is'", TOLD) or "sent"
    of: tuple[str, ...] = ()
    if "of" in found:
        names = reader.list_of(found["of"], at(pointer, "of"), "'of'", most=50)
        of = tuple(reader.name_of(name, at(pointer, "of", i), "a step") or "" for i, name in enumerate(names))
    link = reader.text_of(found["link"], at(pointer, "link"), "'link'", most=2000) or "" if "link" in found else ""
    if link and kind != "clicked":
        reader.wrong(at(pointer, "link"), "only a click has a link", "write is: clicked, or leave it out")
    machine = "exclude"
    if "machine" in found:
        choices = ("include", "exclude")
        machine = reader.choice_of(found["machine"], at(pointer, "machine"), "'machine'", choices) or machine
    return Told(kind, of, link, machine == "include")


def schema() -> dict[str, Any]:
    name, text, condition = schemas.NAME, schemas.TEXT, schemas.CONDITION
    heard = schemas.event(any_key={"type": "boolean"})
    count = {"type": "integer", "minimum": 1, "maximum": MAX_COUNT}
    member = schemas.object_of(("event",), event=heard, where=condition)
    members = {"type": "array", "items": member, "minItems": 2, "maxItems": MOST_MEMBERS}
    message = schemas.object_of(
        ("is",), of=schemas.list_of(name, 50), is_={"enum": list(TOLD)}, link={"type": "string", "minLength": 1},
        machine={"enum": ["include", "exclude"], "default": "exclude"},
    )  # fmt: skip
    path = {"type": "string", "pattern": r"^customer\."}
    return {
        "oneOf": [
            schemas.object_of(("event", "next"), name=text, event=heard, where=condition, count=count, next=name),
            schemas.object_of(("all_of", "next"), name=text, all_of=members, next=name),
            schemas.object_of(("message", "next"), name=text, message=message, next=name),
            schemas.object_of(("changed", "next"), name=text, changed=path, next=name),
            schemas.object_of(("condition", "next"), name=text, condition=condition, next=name),
        ]
    }
