"""Faults in a worker, made on purpose. `install()` in a process of its own makes a worker with them; a replay of its
rounds needs the same faults.

- A split raises for runs whose entry event says `poison: true`.
- A lane cannot read events that say `unreadable: true`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from agents.lanes import round as rounds
from laudstream.customers.event import Event
from laudstream.errors import Undecodable
from laudstream.journey import kinds
from laudstream.journey.customer import Run
from laudstream.journey.inputs import Cause, EventInput
from laudstream.journey.kinds.split import SplitStep

MESSAGE = "poisoned on purpose"
UNREAD: set[Cause] = set()
"""Events that a worker with the fault could not read; the same bytes were read by another worker later."""


def _put(handlers: dict[Any, Any], kind: Any, handler: Any) -> None:
    handlers[kind] = handler


def install(put: Callable[[dict[Any, Any], Any, Any], None] = _put, unread: Collection[Cause] | None = None) -> None:
    """`unread`: only these cannot be read."""
    arrive = kinds.ARRIVE[SplitStep]

    def poisoned(work: Any, run: Run, *rest: Any) -> Any:
        if run.entry.properties.get("poison"):
            raise RuntimeError(MESSAGE)
        return arrive(work, run, *rest)

    def unreadable(cause: Cause, event: Event, life: int | None = None) -> Any:
        if event.properties.get("unreadable") if unread is None else cause in unread:
            raise Undecodable(MESSAGE)
        return EventInput(cause, event, life)

    put(kinds.ARRIVE, SplitStep, poisoned)
    put(vars(rounds), "EventInput", unreadable)
