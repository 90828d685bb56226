"""A fault in the core, made on purpose: a split raises for runs whose entry event says `poison: true`.

`install()` in a process of its own makes a worker with that fault; a replay of its rounds needs the same fault.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from laudstream.journey import moves
from laudstream.journey.customer import Run
from laudstream.journey.steps import SplitStep

MESSAGE = "poisoned on purpose"


def _put(handlers: dict[Any, Any], kind: type, handler: Any) -> None:
    handlers[kind] = handler


def install(put: Callable[[dict[Any, Any], type, Any], None] = _put) -> None:
    real = moves.ARRIVE[SplitStep]

    def arrive(work: Any, run: Run, *rest: Any) -> Any:
        if run.entry.properties.get("poison"):
            raise RuntimeError(MESSAGE)
        return real(work, run, *rest)

    put(moves.ARRIVE, SplitStep, arrive)
