"""What migration maps must do: each run that is older goes once, from where it was then (R48)."""

from __future__ import annotations

from collections.abc import Callable

from laudstream.journey.decision import Decision
from tests.proof.ledger import Ledger, Passage
from tests.proof.live import Definitions, Map


def expected(ledger: Ledger, live: Definitions, now: int) -> list[Callable[[], None]]:
    """Checks for the end of a look at a customer, of journeys that move and were not in a pause since their map."""
    checks = []
    for run in ledger.active():
        waiting = [
            each
            for each in live.maps.get(run.journey, ())
            if each.number > ledger.migrated.get(run.journey, 0) and each.at <= now
        ]
        quiet = live.resumed.get(run.journey, 0) < waiting[0].at if waiting else False
        experiment = "experiment" in live.body(run)["steps"][run.step]
        if waiting and live.moves(run.journey) and quiet and not experiment and waiting[0].goes(run) != "stay":
            checks.append(lambda run=run, visit=run.visit, version=run.version: _went(run, visit, version))
    for journey, maps in live.maps.items():
        if live.moves(journey):
            ledger.migrated[journey] = max(each.number for each in maps)
    return checks


def _went(run: Passage, visit: int, version: int) -> None:
    went = run.over or (run.visit > visit and run.version != version)
    assert went, f"R48 {run.id} should have gone from {run.step} of version {version}"


def moved(live: Definitions, run: Passage, made: Decision) -> None:
    to = _map(live, run, made).goes(run)
    assert (to, live.maps[run.journey][made.data["migration"] - 1].to) == (made.to, made.version), (
        f"R48 {run.step} of version {run.version} leads to {to}, not to {made.to} of {made.version}"
    )
    assert live.moves(run.journey), "R48 in a pause nobody is moved"


def ended(live: Definitions, run: Passage, made: Decision) -> None:
    to = _map(live, run, made).goes(run)
    assert to == "exit", f"R48 {run.step} of version {run.version} leads to {to}, and the run ended"


def _map(live: Definitions, run: Passage, made: Decision) -> Map:
    return live.maps[run.journey][made.data["migration"] - 1]
