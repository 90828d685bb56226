"""message: the run wants a message; the gates decide (R37, R38)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import force_setattr

from laudstream.journey import schemas
from laudstream.journey.customer import Run
from laudstream.journey.durations import Duration
from laudstream.journey.kinds.place import DEFER, Kind, Place, defer_of, tags_of
from laudstream.journey.moves import Left
from laudstream.journey.parse_time import window_schema, windows_of
from laudstream.journey.reader import PLANNED, at
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import ACTIONS, CHANNELS, CLASSES, PLANNED_CHANNELS, Defer, Journey, Step
from laudstream.journey.windows import Window
from laudstream.journey.work import Want, Work


class MessageStep(Step, frozen=True, gc=False):
    channel: str
    template: str
    message_class: str
    sent: str
    """Step that follows `sent`."""
    refused: str
    """Step that follows `refused`; empty: the run does not wait for the delivery (R38)."""
    expires_after: Duration | None = None
    exit_on_refusal: bool = False
    defer: Defer = Defer()
    tags: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    """It goes only while one of them is open; empty: at any time."""
    subscription: str = ""
    customer_facing: bool = True
    """False: an action; nobody is asked whether a customer may get it (R43)."""
    marketing: bool = False
    """Whether holdouts, consent, quiet hours, windows and caps apply (R42, R43)."""
    template_id: str = ""
    """Without the version that it may be pinned to."""

    def __post_init__(self) -> None:
        force_setattr(self, "marketing", self.message_class == "marketing" and self.customer_facing)
        force_setattr(self, "template_id", self.template.partition("@")[0])

    @property
    def asks_consent(self) -> bool:
        """Whether an opt-out on its way keeps it from going (R43)."""
        return self.channel not in ACTIONS or (self.customer_facing and bool(self.subscription))


def read(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    reader.only(
        body, spot, ("channel", "template", "class", "expires_after", "on_refusal", "defer", "tags", "windows",
               "subscription", "customer_facing"),
    )  # fmt: skip
    channel = body.get("channel")
    if channel in PLANNED_CHANNELS:
        reader.wrong(at(spot, "channel"), f"channel {channel!r}: {PLANNED}", f"use one of: {', '.join(CHANNELS)}")
    else:
        reader.choice_of(channel, at(spot, "channel"), "'channel'", CHANNELS)
    message_class = place.message_class
    if "class" in body:
        message_class = reader.choice_of(body["class"], at(spot, "class"), "'class'", CLASSES) or message_class
    expires, leave = None, "skip"
    if "expires_after" in body:
        expires = reader.duration_of(body["expires_after"], at(spot, "expires_after"), "'expires_after'")
    if "on_refusal" in body:
        leave = reader.choice_of(body["on_refusal"], at(spot, "on_refusal"), "'on_refusal'", ("skip", "exit")) or leave
    defer, windows = place.settings.defer, place.settings.windows
    if "defer" in body:
        defer = defer_of(reader, body["defer"], at(spot, "defer"), defer)
    if "windows" in body:
        windows = windows_of(reader, body["windows"], at(spot, "windows"))
        if message_class == "transactional":
            reader.wrong(at(spot, "windows"), "transactional messages go at any time (R42)", "leave out 'windows'")
    tags = tags_of(reader, body["tags"], at(spot, "tags")) if "tags" in body else place.tags
    subscription, facing = "", channel not in ACTIONS
    if "subscription" in body:
        subscription = reader.name_of(body["subscription"], at(spot, "subscription"), "'subscription'") or ""
    if "customer_facing" in body:
        facing = bool(reader.flag_of(body["customer_facing"], at(spot, "customer_facing"), "'customer_facing'"))
        if channel not in ACTIONS:
            pointer = at(spot, "customer_facing")
            reader.wrong(pointer, f"a message by {channel} always reaches the customer", "leave it out")
    sent, refused = _after_message(place, step.get("next"))
    if refused and leave == "exit":
        reader.wrong(at(spot, "on_refusal"), "a step with a 'refused' branch cannot exit on refusal", "keep only one")
    return MessageStep(
        str(channel),
        _template(place, body),
        message_class,
        sent,
        refused,
        expires,
        leave == "exit",
        defer,
        tags,
        windows,
        subscription,
        facing,
    )


def _template(place: Place, body: dict[str, Any]) -> str:
    reader, spot = place.reader, at(place.pointer, "template")
    template = reader.text_of(body.get("template"), spot, "'template'") or ""
    id, pinned, version = template.partition("@")
    if pinned and not (version.isascii() and version.isdigit() and version[0] != "0"):
        reader.wrong(spot, f"{template!r} names no version of a template", "write e.g. welcome@3, or the name alone")
    elif template and place.templates is not None and not _there(place.templates, template, id):
        known = ", ".join(sorted(name for name in place.templates if "@" not in name)[:10]) or "none yet"
        reader.wrong(spot, f"there is no template {template!r}", f"publish it first; templates here: {known}")
    return template


def _there(templates: Mapping[str, Any], template: str, id: str) -> bool:
    """Whether it is among them; where they name no versions, a version of one of them is."""
    return template in templates or (id in templates and not any("@" in name for name in templates))


def _after_message(place: Place, following: object) -> tuple[str, str]:
    reader, spot = place.reader, at(place.outer, "next")
    if isinstance(following, str):
        return reader.name_of(following, spot, "'next'") or "", ""
    ways = reader.object_of(following, spot, "'next' (the name of a step, or {sent, refused})") or {}
    reader.only(ways, spot, ("sent", "refused"))
    sent = reader.name_of(ways.get("sent"), at(spot, "sent"), "'sent'") or ""
    refused = reader.name_of(ways["refused"], at(spot, "refused"), "'refused'") or "" if "refused" in ways else ""
    return sent, refused


def schema() -> dict[str, Any]:
    name, text = schemas.NAME, schemas.TEXT
    settings = schemas.object_of(
        ("channel", "template"), channel={"enum": list(CHANNELS)}, template=text, class_={"enum": list(CLASSES)},
        expires_after=schemas.DURATION, on_refusal={"enum": ["skip", "exit"]}, defer=DEFER,
        tags=schemas.TAGS, windows=schemas.list_of(window_schema(), 10), subscription=name,
        customer_facing={"type": "boolean"},
    )  # fmt: skip
    ways = {"anyOf": [name, schemas.object_of(("sent",), sent=name, refused=name)]}
    return schemas.step("message", settings, next=ways)


def edges(step: MessageStep) -> dict[str, str]:
    return {"sent": step.sent, **({"refused": step.refused} if step.refused else {})}


def arrive(work: Work, run: Run, version: Journey, step: MessageStep, at: int) -> Left | None:
    if not run.wanted_at:
        run.wanted_at = at
    work.wants.append(Want(version.settings.priority, run.wanted_at, run.entered_at, run.id, at))
    return None


def due(step: MessageStep, at: int) -> Left:
    """No delivery came in time (R38)."""
    return Left("sent", step.sent, {"reason": Reason.UNDELIVERED}, at)


KIND = Kind("message", MessageStep, read, schema, edges, arrive, ("next",), due)
