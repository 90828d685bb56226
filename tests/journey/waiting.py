"""What tests of waits share."""

from __future__ import annotations

from typing import Any

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
REST = {"delay": {"for": "PT1H"}, "next": "look"}


def waits(*branches: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"wait": {"branches": [{"next": "done", **branch} for branch in branches], **more}}


def both(*names: str, **beside: Any) -> dict[str, Any]:
    return {"all_of": [{"event": {"name": name}, **beside} for name in names]}


def mailed(*branches: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "hi": {"message": {"channel": "email", "template": "mail"}, "next": "look"},
        "look": waits(*branches, **more),
    }
