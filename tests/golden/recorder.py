"""Takes a partition's rounds out of a running stack, with all that a replay of them needs."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from agents.definitions import Definitions
from agents.lanes.replay import read_rounds
from laudstream import topics
from laudstream.errors import Invalid
from laudstream.journey.control import BODILESS, body_key
from laudstream.records import codec
from laudstream.settings import Settings
from tests.golden.history import About, Bodies, History, Round, kept_input


async def record(settings: Settings, partition: int, about: str, fault: str = "") -> History:
    """All rounds up to the end of the journal now. Raises Broken if the first ones have expired."""
    definitions = Definitions(settings)
    await definitions.start()
    bodies, rounds = Bodies(), []
    try:
        async with aclosing(read_rounds(settings, partition)) as found:
            async for entry, taken in found:
                for control in taken[0]:
                    _keep_body(control, definitions, bodies)
                rounds.append(Round(entry, [kept_input(one) for records in taken for one in records]))
    finally:
        await definitions.stop()
    last = rounds[-1].journal
    return History(About(about, partition, fault, last.core_level, last.state_format), bodies, rounds)


def _keep_body(record: Any, definitions: Definitions, bodies: Bodies) -> None:
    assert record.topic == topics.CONTROL
    try:
        control = codec.control(record.value)
    except Invalid:
        return
    if control.kind in BODILESS:
        return
    named = (control.workspace, control.kind, control.id, control.version)
    if control.status != "deleted" or body_key(*named) not in bodies:
        bodies[body_key(*named)] = definitions.body(*named)
