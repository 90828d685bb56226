"""What runs have counted since their core was written last: a few numbers beside the core, so that an event that only
counts rewrites those and not the whole of its customer (R28, A7)."""

from __future__ import annotations

from msgspec.structs import replace

from laudstream.journey.customer import Core, Counted, Customer, Run


def progress_of(counted: Counted, run: Run) -> tuple[int, ...]:
    """Inputs that a run has counted for each branch of its wait; empty: none."""
    for id, progress in counted:
        if id == run.id:
            return progress
    return run.progress


def put(counted: Counted, run: str, progress: tuple[int, ...]) -> Counted:
    """With the numbers of a run."""
    mine = (run, progress)
    if not counted or (len(counted) == 1 and counted[0][0] == run):
        return (mine,)
    others = tuple(each for each in counted if each[0] != run)
    return (*others, mine)


def runs_of(core: Core, counted: Counted) -> list[Run]:
    """The runs with what they have counted."""
    if not counted:
        return list(core.runs)
    runs = []
    for run in core.runs:
        progress = progress_of(counted, run)
        if progress is not run.progress:
            run = replace(run, progress=progress)
        runs.append(run)
    return runs


def folded(customer: Customer) -> Customer:
    """The same customer with its numbers in the core, as formats before 2 have it."""
    if not customer.counted:
        return customer
    core = replace(customer.core, runs=tuple(runs_of(customer.core, customer.counted)))
    return replace(customer, core=core, counted=())
