"""JSON Schema (2020-12) of the definition language, as far as this release runs it. Editors and docs read it.

`definition.parse` is the judge: it also checks what a schema cannot say (edges, cycles, weights, templates).
"""

from __future__ import annotations

from typing import Any

from laudstream.conditions.schema import condition_schema
from laudstream.journey.definition import MAX_STEPS, MOST_ENTRIES
from laudstream.journey.parse_settings import PERIODS
from laudstream.journey.parse_steps import CHANNELS, CLASSES, MAX_COUNT
from laudstream.journey.reader import NAME

_NAME = {"type": "string", "pattern": f"^{NAME.pattern}$"}
_DURATION = {"type": "string", "pattern": "^P", "description": "ISO 8601, e.g. PT20S, PT1H, P1D"}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_CONDITION = {"$ref": "#/$defs/condition"}
_TAGS = {"type": "array", "items": _NAME, "minItems": 1, "maxItems": 20}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    names = {name.rstrip("_"): value for name, value in properties.items()}
    made: dict[str, Any] = {"type": "object", "properties": names, "additionalProperties": False}
    return {**made, "required": list(required)} if required else made


def _list(items: Any, most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most}


def _event(**more: Any) -> dict[str, Any]:
    age = {"anyOf": [_DURATION, {"const": "none"}], "description": "older events move nothing; default P1D"}
    return _object(("name",), name=_TEXT, key=_TEXT, max_age=age, **more)


def _step(kind: str, settings: dict[str, Any], **beside: Any) -> dict[str, Any]:
    return _object((kind, *beside), **{kind: settings}, **beside)


def _steps() -> list[dict[str, Any]]:
    heard = _event(any_key={"type": "boolean"})
    count = {"type": "integer", "minimum": 1, "maximum": MAX_COUNT}
    message = _object(
        ("channel", "template"), channel={"enum": list(CHANNELS)}, template=_TEXT, class_={"enum": list(CLASSES)},
        expires_after=_DURATION, on_refusal={"enum": ["skip", "exit"]}, defer={"type": "boolean"}, tags=_TAGS,
    )  # fmt: skip
    branch = {
        "oneOf": [
            _object(("event", "next"), name=_TEXT, event=heard, where=_CONDITION, count=count, next=_NAME),
            _object(("condition", "next"), name=_TEXT, condition=_CONDITION, next=_NAME),
        ]
    }
    timeout = _object(("after", "next"), after=_DURATION, next=_NAME)
    way = _object(("condition", "next"), name=_TEXT, condition=_CONDITION, next=_NAME)
    weights = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 100}}
    arms = {"anyOf": [_NAME, {"type": "object", "additionalProperties": _NAME}]}
    return [
        _step("message", message, next={"anyOf": [_NAME, _object(("sent",), sent=_NAME, refused=_NAME)]}),
        _step("delay", _object(("for",), for_=_DURATION), next=_NAME),
        _step("wait", _object(("branches",), branches=_list(branch, 20), timeout=timeout)),
        _step("split", _object(("branches", "else"), branches=_list(way, 50), else_=_NAME)),
        _step("experiment", _object(("arms",), id=_TEXT, arms=weights), next=arms),
        _step("exit", _object(("outcome",), outcome=_NAME)),
    ]


def _settings() -> dict[str, Any]:
    clock = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}
    instant = {"type": "string", "format": "date-time"}
    cap = _object(
        ("limit", "per"), limit={"type": "integer", "minimum": 1, "maximum": 200},
        per={"anyOf": [{"enum": list(PERIODS)}, _DURATION]}, channel={"enum": list(CHANNELS)}, tag=_NAME,
        counts={"enum": ["marketing", "all"]},
    )  # fmt: skip
    return _object(
        class_={"enum": list(CLASSES)}, priority={"type": "integer", "minimum": 1, "maximum": 9},
        holdout={"type": "number", "minimum": 0, "maximum": 100}, time_zone=_TEXT, starts_at=instant, ends_at=instant,
        caps=_list(cap, 10), quiet_hours=_object(("from", "to"), from_=clock, to=clock), tags=_TAGS,
    )  # fmt: skip


def journey_schema() -> dict[str, Any]:
    """The schema; JSON and YAML alike."""
    rules: dict[str, Any] = {
        "where": _CONDITION,
        "reentry": {"type": "string", "pattern": "^(never|always|after P.+)$", "default": "never"},
        "while_active": {"enum": ["ignore", "restart"], "default": "ignore"},
    }
    audience = {**_object(), "description": "all customers that there are when the journey is published"}
    edge = _object(("id",), id=_NAME, on={"enum": ["enter", "leave"], "default": "enter"})
    ways = (
        _object(("event",), event=_event(), **rules),
        _object(("segment",), segment=edge, **rules),
        _object(("audience",), audience=audience, **rules),
    )
    entry = {"oneOf": list(ways)}
    rule = {
        "oneOf": [
            _object(("event", "outcome"), event=_event(any_key={"type": "boolean"}), where=_CONDITION, outcome=_NAME),
            _object(("condition", "outcome"), condition=_CONDITION, outcome=_NAME),
            _object(("leaves", "outcome"), leaves=_NAME, outcome=_NAME),
        ]
    }
    steps = {
        "type": "object", "propertyNames": _NAME, "minProperties": 1, "maxProperties": MAX_STEPS,
        "additionalProperties": {"oneOf": _steps()},
    }  # fmt: skip
    body = _object(
        ("id", "entry", "start", "steps"), id=_NAME, name=_TEXT, entry=_list(entry, 20), exit=_list(rule, 20),
        max_entries={"type": "integer", "minimum": 1, "maximum": MOST_ENTRIES,
                     "description": "places of the journey, over all its versions"},
        settings=_settings(), start=_NAME, steps=steps,
    )  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Journey",
        **body,
        "$defs": {"condition": condition_schema(NAME.pattern)},
    }
