"""Pieces of JSON Schema that definitions are put together from."""

from __future__ import annotations

from typing import Any

from laudstream.journey.reader import NAME as _NAME_FORM

NAME = {"type": "string", "pattern": f"^{_NAME_FORM.pattern}$"}
PINNED = {"type": "string", "pattern": f"^{_NAME_FORM.pattern}(@[1-9][0-9]*)?$", "description": "a name, or name@n"}
DURATION = {"type": "string", "pattern": "^P", "description": "ISO 8601, e.g. PT20S, PT1H, P1D"}
TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
CONDITION = {"$ref": "#/$defs/condition"}
FROM = {"type": "object", "properties": {"from": {"type": "string"}}, "required": ["from"],
        "additionalProperties": False}  # fmt: skip
VALUE = {"anyOf": [FROM, {"not": {"type": "object", "required": ["from"]}}]}
TAGS = {"type": "array", "items": NAME, "minItems": 1, "maxItems": 20}


def object_of(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    names = {name.rstrip("_"): value for name, value in properties.items()}
    made: dict[str, Any] = {"type": "object", "properties": names, "additionalProperties": False}
    return {**made, "required": list(required)} if required else made


def list_of(items: Any, most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most}


def event(**more: Any) -> dict[str, Any]:
    age = {"anyOf": [DURATION, {"const": "none"}], "description": "older events move nothing; default P1D"}
    return object_of(("name",), name=TEXT, key=TEXT, max_age=age, **more)


def step(kind: str, settings: dict[str, Any], **beside: Any) -> dict[str, Any]:
    return object_of((kind, *beside), **{kind: settings}, **beside)
