"""A control record: a definition's new status, once in every partition (A9)."""

from __future__ import annotations

import msgspec


class Control(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    seq: int
    """Number of the change in the installation; a lane ignores what is not greater than its own."""
    workspace: str
    kind: str
    """journey, template, subscription, workspace; signal: one that was sent; winner: of an experiment,
    without a body."""
    id: str
    version: int
    status: str
    """live, paused, draining, stopped, deleted; of a winner its arm."""
    at: int = 0
    """When it was asked for, ms; for people. Lanes use the record's append time."""


def body_key(workspace: str, kind: str, id: str, version: int) -> str:
    """Key of the immutable body of a definition in `laudstream.definitions`."""
    return f"{workspace}:{kind}:{id}:{version}"
