"""What decisions count. Pure.

Counters, by step ("" is the journey itself):

    decision     at ""                             at the step
    entered      entered                           arrived (first step)
    not_entered  not_entered:<reason>
    moved                                          left:<branch>, arrived (next step)
    migrated     moved_out (old version),          left:migrated (old version), arrived (new one)
                 moved_in (new one)
    message                                        requested | refused:<reason> | deferred:<reason>
    ended        ended:<outcome or reason>         ended:<outcome or reason>
    goal         goal                             goal:<arm>, at each experiment that the run passed
    failed       parked                            parked

    delivery                                       <kind>, refused:<reason>; once per message and kind

So at a step: here = arrived - left - ended.
"""

from __future__ import annotations

from agents.projection.rows import Counter
from laudstream.journey.decision import Decision

REQUESTED = "requested"


def count(counts: dict[Counter, int], d: Decision) -> None:
    """Add what a decision counts."""
    found = [(d.version, *each) for each in _counters(d)]
    if d.kind == "migrated":
        old = d.data["of"]
        found = [(old, "", "moved_out"), (old, d.step, "left:migrated"), (d.version, "", "moved_in")]
        found.append((d.version, d.to, "arrived"))
    for version, step, counter in found:
        at = (d.workspace, d.journey, version, step, counter)
        counts[at] = counts.get(at, 0) + 1


def _counters(d: Decision) -> tuple[tuple[str, str], ...]:
    """(step, counter) of everything that a decision counts in."""
    match d.kind:
        case "moved":
            return (d.step, f"left:{d.branch}"), (d.to, "arrived")
        case "entered":
            return ("", "entered"), (d.to, "arrived")
        case "ended":
            why = f"ended:{d.outcome or d.reason}"
            return ("", why), (d.step, why)
        case "message":
            if not d.reason:
                return ((d.step, REQUESTED),)
            return ((d.step, f"{'deferred' if 'deferred_until' in d.data else 'refused'}:{d.reason}"),)
        case "not_entered":
            return (("", f"not_entered:{d.reason}"),)
        case "failed":
            return (("", "parked"), (d.step, "parked")) if d.step else (("", "parked"),)
        case "goal":
            arms = d.data.get("arms")
            return (("", "goal"), *((step, f"goal:{arm}") for step, arm in (arms or {}).items()))
    return ()
