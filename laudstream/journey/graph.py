"""The steps as a graph: where they lead, which are never reached, and cycles that nothing holds up (R14)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from laudstream.journey.kinds import OF
from laudstream.journey.steps import Step


def edges(step: Step) -> dict[str, str]:
    """Branch -> step that follows; the name of a branch is the one that decisions record."""
    return OF[type(step)].edges(step)


def unreachable(steps: dict[str, Step], start: str) -> list[str]:
    """Steps that no way leads to, in the order in which they are written."""
    found, ahead = {start}, [start]
    while ahead:
        step = steps.get(ahead.pop())
        for name in edges(step).values() if step is not None else ():
            if name not in found:
                found.add(name)
                ahead.append(name)
    return [name for name in steps if name not in found]


def rushing_cycle(steps: dict[str, Step]) -> list[str]:
    """A cycle without a wait or a delay, as the names of its steps; empty if there is none."""
    rushing = {name: step for name, step in steps.items() if not OF[type(step)].holds}
    done: set[str] = set()
    for root in rushing:
        cycle = _cycle_from(root, rushing, done)
        if cycle:
            return cycle
    return []


def _cycle_from(root: str, steps: Mapping[str, Step], done: set[str]) -> list[str]:
    """Depth first without recursion: `path` is the way from `root` to the present step."""
    if root in done:
        return []
    path: list[str] = [root]
    ahead: list[Iterator[str]] = [iter(edges(steps[root]).values())]
    while path:
        for name in ahead[-1]:
            if name in path:
                return path[path.index(name) :]
            if name in steps and name not in done:
                path.append(name)
                ahead.append(iter(edges(steps[name]).values()))
                break
        else:
            done.add(path.pop())
            ahead.pop()
    return []
