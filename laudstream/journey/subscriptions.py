"""Definitions of subscriptions: what a customer consents to on a channel (R12, R44)."""

from __future__ import annotations

from typing import Any

from laudstream.errors import Invalid
from laudstream.journey.live import Subscription
from laudstream.journey.reader import Reader
from laudstream.journey.steps import ALL_CHANNELS


def parse(body: dict[str, Any]) -> Subscription:
    """The subscription that {id, name, channel, opt_in: implied | explicit} defines. Raises Invalid."""
    reader = Reader()
    found = reader.object_of(body, "", "a subscription") or {}
    reader.only(found, "", ("id", "name", "channel", "opt_in"))
    id = reader.name_of(found.get("id"), "/id", "'id'") or ""
    name = reader.text_of(found["name"], "/name", "'name'") or "" if "name" in found else id
    channel = reader.choice_of(found.get("channel"), "/channel", "'channel'", ALL_CHANNELS) or ""
    opt_in = reader.choice_of(found.get("opt_in", "explicit"), "/opt_in", "'opt_in'", ("implied", "explicit"))
    if reader.problems:
        first = reader.problems[0]
        raise Invalid(f"{first.pointer or '/'}: {first.message}", tuple(reader.problems))
    return Subscription(id, name, channel, opt_in == "implied")
