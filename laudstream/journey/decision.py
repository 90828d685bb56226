"""A decision: what was chosen for a customer, and why. Open and schema-stable: anyone may read the topic.

kind          | meaning                                          | from/to, data
entered       | a run began                                      | to = first step; data: entry
not_entered   | an entry was met but refused (reason)            | data: the values looked at
moved         | a run left a step for the next                   | step -> to; branch; data: the values looked at
message       | a message was requested, refused or put off      | step; reason; data: gates, send_id, template,
              |                                                  | deferred_until where it is put off
delivery      | a delivery reached the run                       | step; data: send_id, kind
ended         | a run ended                                      | step; outcome or reason
migrated      | a run went to another version (R48)              | step -> to; version: the new one; data: of (the old
              |                                                  | version), migration, deferred
goal          | a run reached its goal                           | data: value
failed        | a run was parked by an error (A6)                | step; data: error
limit         | a hard limit was met (A7)                        | data: which
segment       | the customer entered or left a segment           | data: segment, version, change, because
merged        | two customers became one (R50): of the source    | data: into, merge (its number)
              | last one; of the target                          | data: from, merge
deleted       | the customer was deleted; nothing from before is | (also of ids that were aliases)
              | shown any more (R15)                             |
counted       | a lane has counted who is where in a journey, or | no customer; data: seq, partition, cells (version,
              | of whom a condition holds                        | step, parked, runs, people), or those of census.Told
control       | a lane read a definition's new status (A9)       | no customer; data: seq, partition
"""

from __future__ import annotations

from typing import Any

import msgspec

KINDS = (
    "entered", "not_entered", "moved", "message", "delivery", "ended", "goal", "failed", "limit", "control", "segment",
    "migrated", "merged", "deleted", "counted",
)  # fmt: skip


class Decision(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    id: str
    """Deterministic; 32 hex digits."""
    kind: str
    workspace: str
    customer: str
    at: int
    """Lane time, ms: when it counts as having happened."""
    clock: int
    """Clock of the round that made it, ms."""
    n: int = 0
    """Number of this decision among the customer's: 1, 2, 3, …; after a merge on from the greater of both."""
    journey: str = ""
    version: int = 0
    run: str = ""
    step: str = ""
    visit: int = 0
    to: str = ""
    """entered, moved, migrated: the step the run is at now."""
    branch: str = ""
    """moved: the branch, arm or answer that was taken (`sent`, `refused`, `timeout`, an arm's name, …)."""
    reason: str = ""
    """A word of `laudstream.journey.reasons`."""
    outcome: str = ""
    data: dict[str, Any] = {}
    """The values that were looked at; small."""
