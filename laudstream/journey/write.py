"""A write: a change of a customer's row that a lane wants (A19). The projector carries it out, in order."""

from __future__ import annotations

from typing import Any

import msgspec


class Write(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    workspace: str
    customer: str
    number: int
    """1, 2, 3, … per customer; the row shows the last number it contains."""
    op: str
    """first_sight: insert the row if there is none; set: merge `attributes`; unset: remove `names`."""
    at: int
    attributes: dict[str, Any] = {}
    names: list[str] = []
    born: int = 0
    """The life of the row that the lane knew (A16); 0: none yet. A write never changes another life."""
