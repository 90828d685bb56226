"""Definitions as bodies of requests: what the published JSON Schema says of them, as parts of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from laudstream.conditions.schema import segment_schema
from laudstream.journey.reader import NAME
from laudstream.journey.schema import journey_schema

_CONDITION = "Condition"


class Body(NamedTuple):
    name: str
    """Of the component."""
    schema: Callable[[], dict[str, Any]]

    def components(self, ref: str) -> dict[str, Any]:
        """By name; `ref`: form of a reference to one. The id may be left out: the address has it."""
        whole = self.schema()
        condition = whole.pop("$defs")["condition"]
        del whole["$schema"]
        forms = whole.get("oneOf", [whole])
        for form in forms:
            form["required"] = [name for name in form["required"] if name != "id"]
        found: dict[str, Any] = _led({self.name: whole, _CONDITION: condition}, ref.format(name=_CONDITION))
        return found


JOURNEY = Body("JourneyDefinition", journey_schema)
SEGMENT = Body("SegmentDefinition", lambda: segment_schema(NAME.pattern))


def _led(value: Any, ref: str) -> Any:
    """With every `#/$defs/condition` as `ref`."""
    if isinstance(value, dict):
        return {key: ref if key == "$ref" else _led(inner, ref) for key, inner in value.items()}
    return [_led(inner, ref) for inner in value] if isinstance(value, list) else value
