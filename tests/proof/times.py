"""When runs may leave delays, waits and windows: timers fire neither early nor late, windows let pass while open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from laudstream.journey.decision import Decision
from tests.proof.ledger import Passage
from tests.proof.live import Definitions
from tests.proof.meaning import MINUTE, instant, is_open, local, minutes, plus


def left_in_time(live: Definitions, run: Passage, step: Mapping[str, Any], made: Decision, zone: str) -> None:
    """A run leaves its step (R3, R31)."""
    resumed = live.resumed.get(run.journey, 0)
    wait = step.get("wait", {})
    by_timeout = made.branch == "timeout"
    length = step.get("delay", {}).get("for") or (by_timeout and wait.get("timeout", {}).get("after"))
    if length:
        due = plus(run.arrived_at, length, run.zone)
        assert made.at >= due, f"R3 a timer fires {due - made.at} ms early"
        assert made.at == max(due, resumed), f"R3 a timer fires {made.at - max(due, resumed)} ms late"
    if "window" in step:
        assert is_open([step["window"]], made.at, zone), f"R31 it passed {step['window']} at {local(made.at, zone)}"
    until = step.get("delay", {}).get("until") or (by_timeout and wait.get("timeout", {}).get("until"))
    if until and "date" not in until and made.at != resumed:
        spread = 10 * MINUTE if live.spreads else 0
        midnight = local(made.at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
        named = instant(midnight + timedelta(minutes=minutes(until["at"])), zone)
        assert 0 <= made.at - named <= spread, f"R31 it passed {until} at {local(made.at, zone)}"


def at_rest(live: Definitions, runs: list[Passage], now: int) -> None:
    """When all timers due before `now` have fired."""
    for run in runs:
        length = live.body(run)["steps"][run.step].get("delay", {}).get("for")
        if length and live.moves(run.journey):
            due = max(plus(run.arrived_at, length, run.zone), live.resumed.get(run.journey, 0))
            assert due >= now, f"R3 {run.id} should have left its delay {now - due} ms ago"
