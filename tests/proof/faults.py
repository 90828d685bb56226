"""Faults of the core, one at a time: the machine has to find every one of them, and to name the rule.

python -m tests.proof.faults [--seed N] [FAULT …]     # all of them, with how many lives each took
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from msgspec.structs import replace

from laudstream.ids import share
from laudstream.journey import (
    advance,
    asking,
    caps,
    entering,
    gates,
    goals,
    listening,
    matching,
    migrating,
    moves,
    receipts,
    rows,
    sends,
    signals,
    standing,
    telling,
    trial,
    work,
)
from laudstream.journey.kinds import delay, experiment, message, wait, window
from laudstream.simulate import places
from tests.proof.meaning import HOUR
from tests.proof.test_proof import Life

MOST_EXAMPLES = 300

Fault = tuple[Any, str, Callable[..., Any]]
"""(where, name, what stands there instead)."""


def _cap_off_by_one(held: Any, *rest: Any) -> int:
    return _cap_frees_at([replace(cap, limit=cap.limit + 1) for cap in held], *rest)


def _quiet_hours_end_early(quiet: Any, clock: int, zone: Any) -> int:
    ends = _quiet_until(quiet, clock, zone)
    return ends if ends - clock > HOUR else 0


def _seen_before_is_new(recent: bytes, mark: bytes, now: int) -> bytes:
    found = _admit(recent, mark, now)
    return recent if found is None else found


def _any_key_will_do(at: Any, run: Any, version: Any, on: Any, event: Any, now: int = 0) -> bool:
    return _meets(at, run, version, replace(on, any_key=True), event, now)


def _every_place_is_given(at: Any, run: Any, grant: Any) -> None:
    _answer(at, run, replace(grant, granted=True))


def _one_too_few(branch: Any, progress: int) -> bool:
    return progress >= branch.count - (branch.count > 1) if not branch.all_of else _satisfied(branch, progress)


def _consents_stay(at: Any) -> None:
    kept = at.core.consents
    _erase(at)
    at.core.consents = kept


def _the_other_way_round(priority: int, *rest: Any) -> Any:
    return _want(10 - priority, *rest)


def _machines_click(told: Any, news: Any) -> bool:
    return _tells(told, news._replace(machine=False))


def _the_same_slot_again(ask: Any, catalog: Any, now: Any, clock: int) -> Any:
    grant, after = _pace(ask, catalog, now, clock)
    return grant, replace(after, following=after.following - len(ask.places))


def _nobody_waits(at: Any, step: Any) -> str:
    return _chosen(at, step) or experiment.assign(step, share(at.workspace, step.id, at.customer))


_want, _tells, _pace, _chosen = message.Want, matching.tells, places.pace, experiment.chosen
_cap_frees_at, _quiet_until, _admit, _meets = caps.cap_frees_at, caps.quiet_until, advance.admit, matching.meets
_answer, _satisfied, _erase, _wake_at = asking.answer, matching.satisfied, rows._erase, work.wake_at
_send_before, _rest, _opening, _expired = gates.send_before, moves.rest, window.opening, gates._expired

FAULTS: dict[str, tuple[str, list[Fault]]] = {
    "cap off by one": ("R10", [(caps, "cap_frees_at", _cap_off_by_one)]),
    "an open slot is not counted": ("R10", [(caps, "_counted", lambda cap, slot: not slot.open)]),
    "timer a second early": ("R3", [(delay, "rest", lambda run, at: _rest(run, at - 1000))]),
    "quiet hours end an hour early": ("R37", [(caps, "quiet_until", _quiet_hours_end_early)]),
    "what came twice counts twice": ("R2", [(advance, "admit", _seen_before_is_new)]),
    "exits and goals of any key": ("R6", [(listening, "meets", _any_key_will_do), (goals, "meets", _any_key_will_do)]),
    "exits never": ("R6", [(telling, "exit_rule", lambda *rest: None)]),
    "the last run is not remembered": ("R23", [(entering, "_remember", lambda at, run: None)]),
    "every place is given": ("R18", [(asking, "answer", _every_place_is_given)]),
    "goals end with the run": ("R16", [(moves, "_aim", lambda at, run: None)]),
    "a count is met too early": ("R27", [(listening, "satisfied", _one_too_few), (wait, "satisfied", _one_too_few)]),
    "nobody is held out": ("R17", [(gates, "_held_out", lambda *rest: False)]),
    "the other arm": ("R9", [(experiment, "assign", lambda step, point: step.arms[-1][0])]),
    "consents outlive a deletion": ("R37", [(rows, "_erase", _consents_stay)]),
    "messages outlive a deletion": ("R15", [(receipts, "of_another_life", lambda *rest, **more: False)]),
    "what runs emit outlives a deletion": ("R2", [(advance, "of_another_life", lambda *rest, **more: False)]),
    "segments wake nobody": ("R29", [(work, "wake_at", lambda core, *rest: _wake_at(replace(core, ticks={}), *rest))]),
    "sent after the night began": ("R40", [(sends.gates, "send_before", lambda *rest: _send_before(*rest) + HOUR)]),
    "a window is always open": ("R31", [(window, "opening", lambda one, at, zone: (at, at + HOUR))]),
    "the last priority comes first": ("R39", [(message, "Want", _the_other_way_round)]),
    "machines click": ("R27", [(matching, "tells", _machines_click)]),
    "who clicked in a condition": ("R29", [(standing, "_of_message", lambda *rest: True)]),
    "maps lead nobody": ("R48", [(migrating, "_move", lambda *rest: None)]),
    "a trial takes nobody": ("R8", [(trial, "taking", lambda at, live, otherwise: otherwise)]),
    "a slot for two": ("A11", [(places, "pace", _the_same_slot_again)]),
    "nobody waits for the winner": ("R45", [(experiment, "chosen", _nobody_waits)]),
    "a signal comes again": ("R34", [(signals, "awaits", lambda core, space: bool(core.row.born and space.signals)),
                                     (signals, "_concerns", lambda core, space, each: each.name in space.listeners)]),
    "nothing expires": ("R37", [(gates, "_expired", lambda *rest: False)]),
}  # fmt: skip


def found(fault: str, examples: int = MOST_EXAMPLES, seed: int = 0) -> str:
    """What the machine says of the core with this fault; empty: nothing. Another seed draws other lives."""
    return tried(fault, examples, seed)[0]


def tried(fault: str, examples: int, seed: int) -> tuple[str, int]:
    """What the machine says, and how many lives it took."""
    lives = 0

    def life() -> Life:
        nonlocal lives
        lives += 1
        return Life()

    life._hypothesis_internal_use_seed = seed  # type: ignore[attr-defined]
    patches = [patch.object(*each) for each in FAULTS[fault][1]]
    for each in patches:
        each.start()
    try:
        run_state_machine_as_test(life, settings=_settings(examples))  # type: ignore[arg-type]
    except AssertionError as error:
        return str(error) or repr(error), lives
    finally:
        for each in patches:
            each.stop()
    return "", lives


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=15, deadline=None, database=None, phases=[Phase.generate],
        report_multiple_bugs=False, print_blob=False, suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.faults")
    parser.add_argument("faults", nargs="*", choices=[[], *FAULTS], default=[])
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    missed, names = 0, asked.faults or list(FAULTS)
    for fault in names:
        begun = time.perf_counter()
        said, lives = tried(fault, MOST_EXAMPLES, asked.seed)
        missed += not said
        print(
            f"{fault}: {'FOUND' if said else 'missed'} in {lives} lives, {time.perf_counter() - begun:.1f} s; "
            f"{FAULTS[fault][0]}; {said[:150]}",
            flush=True,
        )
    print(f"faults: seed={asked.seed} found={len(names) - missed} of={len(names)}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
