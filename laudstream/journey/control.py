"""A control record: a definition's new status, once in every partition (A9)."""

from __future__ import annotations

import msgspec

MIGRATION = "migration"
"""Kind of a migration map (R48): its id is the journey, its version the number of the map among the journey's."""
COUNT = "count"
"""Kind of a question how many people are at which step of a journey, its id. It has no body and changes nothing."""
WINNER = "winner"
"""Kind of a control record that says which arm has won (R45): its id is the experiment, its status the arm."""
LEVEL = "level"
"""Kind of a control record that raises a number of all lanes (A14): its id says which, its version is the number. It is
of no workspace."""
BODILESS = (WINNER, COUNT, LEVEL)
"""Kinds that have no body."""


class Control(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    seq: int
    """Number of the change in the installation; a lane ignores what is not greater than its own."""
    workspace: str
    kind: str
    """journey, template, segment, subscription, workspace, migration; signal: one that was sent; census: a
    condition whose customers are to be counted. A winner (of an experiment), a count and a level have no body."""
    id: str
    version: int
    status: str
    """live, paused, draining, stopped, deleted; of one beside the live one trial, withdrawn; of a winner its arm."""
    at: int = 0
    """When it was asked for, ms; for people. Lanes use the record's append time."""
    share: int = 0
    """Of a trial: who gets it, in 1/10,000 of those who enter."""


def body_key(workspace: str, kind: str, id: str, version: int) -> str:
    """Key of the immutable body of a definition in `laudstream.definitions`."""
    return f"{workspace}:{kind}:{id}:{version}"
