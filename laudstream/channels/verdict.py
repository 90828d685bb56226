"""What came of handing a message over."""

from __future__ import annotations

from typing import NamedTuple

MAX_DETAIL = 500  # characters of an answer that a delivery keeps


class Verdict(NamedTuple):
    kind: str
    """sent, bounced, failed, unknown: a delivery; retry: try again later."""
    reason: str
    """A word of `laudstream.journey.reasons`, for bounced and failed."""
    detail: str
    pause_s: float = 0.0
    """retry: when at the earliest; 0: as it is tried usually."""


def shown(text: str) -> str:
    """`text` in one printable line."""
    return "".join(filter(str.isprintable, " ".join(text.split())))[:MAX_DETAIL]
