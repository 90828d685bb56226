"""What tests of windows share: the step, a message, and windows by name."""

from __future__ import annotations

from typing import Any

from laudstream.journey.windows import EVERY_DAY, Window

MON_TO_FRI = frozenset(range(5))
NINE, SIX, TEN_PM, SIX_AM = 540, 1080, 1320, 360
NIGHT = Window(EVERY_DAY, TEN_PM, SIX_AM)


def step(**window: Any) -> dict[str, Any]:
    return {"hours": {"window": {name.rstrip("_"): value for name, value in window.items()}, "next": "done"}}


def exact(**settings: Any) -> dict[str, Any]:
    return {"settings": {"release_spread": "PT0S", **settings}}


def mail(**message: Any) -> dict[str, Any]:
    return {"hi": {"message": {"channel": "email", "template": "mail", **message}, "next": "done"}}
