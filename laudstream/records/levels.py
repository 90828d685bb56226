"""Levels: by which rules a lane decides and how its state is laid out, as two numbers (A14).

A lane has them in its head, and keeps them whatever release runs it. A control record raises them; nothing lowers them.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import msgspec

from laudstream.errors import Broken
from laudstream.journey.control import Control
from laudstream.records import head as heads


class Levels(NamedTuple):
    core_level: int = 1
    state_format: int = 1

    def __str__(self) -> str:
        return f"level {self.core_level}, format {self.state_format}"

    def cover(self, others: Levels) -> bool:
        """Who knows these knows the others too."""
        return self.core_level >= others.core_level and self.state_format >= others.state_format


NAMES = Levels._fields
"""Ids of the control records that raise them."""
TOLD = "laudstream"
"""Where a journey worker tells its numbers, in the JSON of its subscription."""
LEAST = Levels()
"""Of a lane whose head says nothing, and of a worker that says nothing."""


def newest() -> Levels:
    """What this release knows."""
    return Levels(heads.CORE_LEVEL, heads.STATE_FORMAT)


class Bearing(Protocol):
    """What has both: a head, a journal record, the result of a round."""

    @property
    def core_level(self) -> int: ...
    @property
    def state_format(self) -> int: ...


def heard(user_data: bytes) -> Levels:
    """What a worker knows that has this in its subscription; the first numbers if its release tells nothing."""
    try:
        said = msgspec.json.decode(user_data, type=dict[str, Any])[TOLD] if user_data else {}
        numbers = {name: said[name] for name in NAMES if type(said.get(name)) is int}
    except (msgspec.DecodeError, KeyError, AttributeError):
        return LEAST
    return Levels(**numbers)


def of(record: Bearing) -> Levels:
    return Levels(record.core_level, record.state_format)


def check(partition: int, levels: Levels) -> None:
    """Raises Broken if a lane has numbers that this release does not know."""
    if not newest().cover(levels):
        raise Broken(
            f"lane {partition} is written by a newer release: {levels}; this one knows {newest()}: "
            "start a worker of that release (docs/upgrading.md)"
        )


def raised(partition: int, levels: Levels, control: Control) -> Levels:
    """A lane's numbers after a control record that raises one; the same if they are as high already.

    Raises Broken if this release does not know that number.
    """
    if control.id not in NAMES:
        raise Broken(
            f"lane {partition}: control record {control.seq} raises {control.id!r}, which this release does not know: "
            "start a worker of a newer release (docs/upgrading.md)"
        )
    number = max(control.version, getattr(levels, control.id))
    after = levels._replace(**{control.id: number})
    check(partition, after)
    return after
