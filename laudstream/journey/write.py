"""A write: a change of a customer's row that a lane wants (A19). The projector carries it out, in order.

op          | attributes                       | names
first_sight |                                  |          insert the row if there is none
set         | attribute -> its new value       |
unset       |                                  | attributes that go away
increment   | attribute -> what is added to it |          what is no number counts as 0
consent     | channel/subscription -> status   |          an empty subscription is the whole channel
member      | manual segment -> true or false  |
forgotten   |                                  |          what was written before for a life without a row is void (R54)
"""

from __future__ import annotations

from typing import Any

import msgspec

FIRST_SIGHT, SET, UNSET, INCREMENT, CONSENT, MEMBER = "first_sight", "set", "unset", "increment", "consent", "member"
OPS = (FIRST_SIGHT, SET, UNSET, INCREMENT, CONSENT, MEMBER)
"""What changes a row."""
FORGOTTEN = "forgotten"


class Write(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    workspace: str
    customer: str
    number: int
    """1, 2, 3, … per customer; the row shows the last number it contains."""
    op: str
    """One of OPS, or FORGOTTEN."""
    at: int
    attributes: dict[str, Any] = {}
    names: list[str] = []
    born: int = 0
    """The life of the row that the lane knew (A16); 0: none yet. A write never changes another life. Of `forgotten` the
    number of the deletion."""
