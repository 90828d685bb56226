"""A decision in words, with the meaning of its reason: a line of a timeline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

from laudstream.journey.decision import Decision
from laudstream.journey.reasons import Reason


def when(at: int, zone: tzinfo) -> str:
    """An instant (ms) as local time, to the second."""
    return datetime.fromtimestamp(at / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")


def meaning(reason: str) -> str:
    """`reason (what it means)`; the word alone if it is none of ours."""
    return f"{reason} ({_MEANINGS[reason]})" if reason in _MEANINGS else reason


_MEANINGS = {str(reason): reason.meaning for reason in Reason}


def line(d: Decision) -> str:
    """What a decision says, without its time."""
    return _LINES.get(d.kind, _other)(d)


def _entered(d: Decision) -> str:
    return " ".join(filter(None, (f"entered {d.journey}", _by(d.data), f"→ {d.to}")))


def _by(data: dict[str, Any]) -> str:
    """By what it came: an event, a segment, a date, an audience or a call; with its key."""
    key = f" ({data['key']})" if data.get("key") else ""
    if "event" in data:
        return f"by {data['event']}{key}"
    if "segment" in data:
        return f"by {'leaving' if data['on'] == 'leave' else 'entering'} {data['segment']}"
    if "date" in data:
        return f"by the date {data['date']}"
    if "signal" in data:
        return f"by the signal {data['signal']}"
    return "by the audience" if "audience" in data else f"by a call{key}" if "api" in data else ""


def _not_entered(d: Decision) -> str:
    return f"did not enter {d.journey}: {meaning(d.reason)}"


def _moved(d: Decision) -> str:
    why = f" ({meaning(d.data['reason'])})" if d.data.get("reason") else ""
    return f"{d.step} –{d.branch}→ {d.to}{why}"


def _message(d: Decision) -> str:
    name = d.data.get("template", "")
    if not d.reason:
        return f"message {name} at {d.step}"
    what = "put off" if "deferred_until" in d.data else "refused"
    missing = d.data.get("gates", {}).get("missing")
    return f"message {name} at {d.step} {what}: {meaning(d.reason)}" + (f": {', '.join(missing)}" if missing else "")


def _delivery(d: Decision) -> str:
    return f"delivery at {d.step}: {d.data.get('kind', '')}" + (f", {meaning(d.reason)}" if d.reason else "")


def _migrated(d: Decision) -> str:
    return f"{d.step} of version {d.data.get('of', '')} –migrated→ {d.to} of version {d.version}"


def _ended(d: Decision) -> str:
    how = f"as {d.outcome}" if d.outcome else meaning(d.reason)
    return f"ended {d.journey} at {d.step}: {how}" if d.step else f"ended {d.journey}: {how}"


def _merged(d: Decision) -> str:
    return f"merged into {d.data['into']}" if "into" in d.data else f"took in {d.data['from']}"


def _segment(d: Decision) -> str:
    return f"{d.data['change']} the segment {d.data['segment']} (by {d.data['because']})"


def _goal(d: Decision) -> str:
    value = d.data.get("value")
    return f"reached the goal of {d.journey}" + (f": {value}" if value is not None else "")


def _other(d: Decision) -> str:
    return " ".join(filter(None, (d.kind, d.journey, d.step, meaning(d.reason), str(d.data.get("error", "")))))


_LINES: dict[str, Callable[[Decision], str]] = {
    "entered": _entered,
    "not_entered": _not_entered,
    "moved": _moved,
    "message": _message,
    "delivery": _delivery,
    "ended": _ended,
    "merged": _merged,
    "migrated": _migrated,
    "goal": _goal,
    "segment": _segment,
}
