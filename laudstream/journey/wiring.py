"""How the steps of a journey hang together: what is wrong with it, and where what is left out leads (R14, R20)."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from laudstream.journey import graph
from laudstream.journey.kinds import OF
from laudstream.journey.kinds.experiment import ExperimentStep
from laudstream.journey.kinds.message import MessageStep
from laudstream.journey.kinds.wait import WaitStep
from laudstream.journey.reader import Reader, at
from laudstream.journey.steps import Goal, Step
from laudstream.journey.until import EXIT, PASS, SKIP


def check_ways(reader: Reader, steps: dict[str, Step], start: str, bodies: dict[str, Any]) -> None:
    names = ", ".join(list(steps)[:20])
    if start not in steps:
        reader.wrong("/start", f"there is no step {start!r}", f"use one of: {names}")
    for name, made in steps.items():
        for branch, following in graph.edges(made).items():
            if following not in steps:
                pointer = _edge_pointer(name, bodies[name], following)
                words = f"{PASS}, {SKIP}, {EXIT}, " if pointer.endswith("/if_past") else ""
                fix = f"use one of: {words}{names}"
                reader.wrong(pointer, f"{branch!r} leads to {following!r}, which is no step", fix)
        if isinstance(made, WaitStep):
            _check_told(reader, steps, name, made)
    if reader.problems:
        return
    for name in graph.unreachable(steps, start):
        reader.wrong(at("/steps", name), f"no way leads to step {name!r}", "lead a branch to it, or remove it")
    cycle = graph.rushing_cycle(steps)
    if cycle:
        way = " -> ".join([*cycle, cycle[0]])
        reader.wrong(at("/steps", cycle[0]), f"a cycle without a wait or a delay: {way}", "put a delay into it")


def _check_told(reader: Reader, steps: dict[str, Step], name: str, made: WaitStep) -> None:
    """Branches that wait for what becomes of a message name steps that send one."""
    sending = [step for step, other in steps.items() if isinstance(other, MessageStep)]
    for index, branch in enumerate(made.branches):
        for place, of in enumerate(branch.told.of if branch.told is not None else ()):
            if of not in sending:
                pointer = at("/steps", name, "wait", "branches", index, "message", "of", place)
                reader.wrong(pointer, f"{of!r} is no step that sends", f"use one of: {', '.join(sending[:20]) or '-'}")


def _edge_pointer(name: str, body: Any, following: str) -> str:
    """Pointer of the first place in a step that says `following` as a next step."""

    def search(value: Any, pointer: str, leads: bool) -> str:
        if leads and value == following:
            return pointer
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in items:
            below = search(item, at(pointer, key), leads or key in ("next", "else", "to", "jump", "if_past"))
            if below:
                return below
        return ""

    return search(body, at("/steps", name), False) or at("/steps", name)


def find_skips(reader: Reader, steps: dict[str, Step]) -> None:
    """Where `if_past: skip` leads: behind the step that follows."""
    for name, made in steps.items():
        fallback = getattr(made, "fallback", None)
        if fallback is None or fallback.if_past != SKIP:
            continue
        follows = getattr(made, "next", "") or getattr(made, "timeout", "")
        ways = graph.edges(steps[follows])
        behind = ways.get("sent") or (next(iter(ways.values())) if len(set(ways.values())) == 1 else "")
        if not behind:
            message = f"'skip' leaves out step {follows!r}, and it is not clear what comes behind that"
            reader.wrong(fallback_pointer(name, made), message, "name the step to go on with")
        steps[name] = replace(made, fallback=replace(fallback, to_step=behind))


def fallback_pointer(name: str, step: Step) -> str:
    kind = OF[type(step)].name
    return at("/steps", name, kind, *(("timeout",) if kind == "wait" else ()), "if_past")


def check_winners(reader: Reader, steps: dict[str, Step], goal: Goal | None) -> None:
    """What a winner goes by must be there to be counted."""
    sends = any(isinstance(made, MessageStep) for made in steps.values())
    for name, made in steps.items():
        if not isinstance(made, ExperimentStep) or made.winner is None:
            continue
        spot = at("/steps", name, "experiment", "winner", "metric")
        if made.winner.metric == "goal" and goal is None:
            reader.wrong(spot, "the journey has no goal to count", "give it a goal, or count opened or clicked")
        elif made.winner.metric != "goal" and not sends:
            reader.wrong(spot, "the journey sends no message to count", "count its goal")
