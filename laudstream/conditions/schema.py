"""JSON Schema (2020-12) of a condition."""

from __future__ import annotations

from typing import Any

from laudstream.conditions.counting import COUNTS
from laudstream.conditions.events import DELIVERED, OF_MESSAGES, WAS
from laudstream.conditions.operators import MAX_ITEMS, OPERATORS
from laudstream.conditions.states import STATUSES
from laudstream.conditions.tally import INSTANTS

REF = {"$ref": "#/$defs/condition"}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_DURATION = {"type": "string", "pattern": "^P", "description": "ISO 8601, e.g. PT20S, PT1H, P1D"}
_DATE = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d", "description": "a day, or a time with or without an offset"}
_SHARE = {"type": "number", "minimum": 0, "maximum": 100}
_TRUE = {"const": True}


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    names = {name.rstrip("_"): value for name, value in properties.items()}
    made: dict[str, Any] = {"type": "object", "properties": names, "additionalProperties": False}
    return {**made, "required": list(required)} if required else made


def _operand(operator: str) -> dict[str, Any]:
    relative = {"oneOf": [_object(("ago",), ago=_DURATION), _object(("ahead",), ahead=_DURATION)]}
    match operator:
        case "exists" | "not_exists":
            return _TRUE
        case "in" | "not_in":
            return {"type": "array", "minItems": 1, "maxItems": MAX_ITEMS}
        case "between":
            return {"type": "array", "minItems": 2, "maxItems": 2}
        case "within_last" | "within_next" | "changed_within" | "held_for":
            return _DURATION
        case "before" | "after":
            return {"anyOf": [_DATE, {"enum": ["now", "today"]}, relative]}
        case "on":
            return {"anyOf": [_DATE, {"const": "today"}, relative]}
        case "anniversary":
            return {"anyOf": [{"const": "today"}, relative]}
    return {}


def condition_schema(name: str) -> dict[str, Any]:
    """Of a condition, which `#/$defs/condition` names; `name`: schema of a name's pattern."""
    named = {"type": "string", "pattern": f"^{name}$"}
    pinned = {"type": "string", "pattern": f"^{name}(@[1-9][0-9]*)?$"}
    number = {"type": "integer", "minimum": 0, "maximum": INSTANTS}
    counted = {**dict.fromkeys(COUNTS, number), "within": _DURATION, "since": _DATE}
    keyed = {"anyOf": [_TEXT, _object(("by", "value"), by=_TEXT, value=_TEXT)]}
    nodes = {node: {"type": "array", "items": REF, "minItems": 1, "maxItems": 100} for node in ("all", "any", "none")}
    status = {"enum": list(STATUSES)}
    subjects = {
        "event": _object(("name",), name=_TEXT, where=REF, keyed=keyed, first=REF, last=REF, **counted),
        "message": _object(("is",), is_={"enum": list(DELIVERED)}, **dict.fromkeys(OF_MESSAGES, named), **counted,
            link={"type": "string", "minLength": 1, "maxLength": 2000},
            machine={"enum": ["include", "exclude"], "default": "exclude"},
        ),
        "run": _object(
            ("journey",), journey=named, is_={"const": "active"}, was={"enum": list(WAS)}, outcome=named, **counted
        ),
        "segment": {"anyOf": [pinned, _object(("in",), in_=pinned, held_for=_DURATION)]},
        "consent": _object(
            ("channel", "is"), channel=named, subscription=named,
            is_={"anyOf": [status, {"type": "array", "items": status, "minItems": 1, "maxItems": len(STATUSES)}]},
        ),
        "bucket": _object(("salt", "from", "to"), salt=_TEXT, from_=_SHARE, to=_SHARE),
    }  # fmt: skip
    operators = {
        "type": "object", "properties": {name: _operand(name) for name in OPERATORS}, "additionalProperties": False,
        "minProperties": 1,
    }  # fmt: skip
    return {
        "type": "object", "minProperties": 1, "properties": {**nodes, **subjects},
        "patternProperties": {r"^(customer|group|entry|event|steps)\.": operators}, "additionalProperties": False,
    }  # fmt: skip


def segment_schema(name: str) -> dict[str, Any]:
    """Of a segment; JSON and YAML alike. `name`: pattern of a name."""
    named = {"type": "string", "pattern": f"^{name}$"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Segment",
        "oneOf": [
            _object(("id", "condition"), id=named, name=_TEXT, condition=REF),
            _object(("id", "manual"), id=named, name=_TEXT, manual=_TRUE),
        ],
        "$defs": {"condition": condition_schema(name)},
    }
