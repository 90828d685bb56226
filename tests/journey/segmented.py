"""What tests of segments share."""

from __future__ import annotations

from typing import Any

HOUR, DAY = 3_600_000, 86_400_000
GOLD = {"customer.plan": {"equals": "gold"}}
BUYER = {"event": {"name": "buy", "at_least": 2, "within": "P7D"}}


def segment(condition: Any, id: str = "s") -> dict[str, Any]:
    return {"id": id, "condition": condition}


def on(edge: str = "enter", id: str = "s", **more: Any) -> dict[str, Any]:
    """An entry by a change of a segment."""
    return {"segment": {"id": id, "on": edge}, **more}


def changes(w: Any) -> list[tuple[str, str, str]]:
    """(segment, entered or left, because of what): of the last input."""
    return [(d.data["segment"], d.data["change"], d.data["because"]) for d in w.decisions("segment")]
