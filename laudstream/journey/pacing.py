"""The pace of a journey: at most so many messages in each minute or hour of the clock, over all lanes (A11).

A message that all gates let pass asks for its slot, and waits like one that a cap holds back. It goes within the period
of its slot, by the clock of the round; who misses that asks again. So each period has at most as many messages as it
has slots, whatever lanes do at the same time. A slot that is not used is lost.

At the message step a run keeps the slot in `progress`: ASKED, or from when on it may go. Of a message that was refused
late, its state and `due` say so.
"""

from __future__ import annotations

from laudstream.journey.customer import Message, Run
from laudstream.journey.handoff import PACE, Ask
from laudstream.journey.steps import Journey
from laudstream.journey.work import Work

ASKED = (0,)
LATE_ASKS, LATE_PACED = "late_asks", "late_paced"
"""States of a message that was refused late: it asks for a slot, or has one at `due`."""
_SEP = "/"
"""Between run and step in the name of a place for a late message."""

GOES, ASKS, WAITS = "goes", "asks", "waits"


def turn(work: Work, run: Run, version: Journey, message: Message, late: bool) -> tuple[str, int]:
    """(goes, asks or waits, until when in ms it waits) of a message that all gates let pass; it asks where it has no
    slot, or has missed it."""
    if version.settings.pace is None:
        return GOES, 0
    asked = message.state == LATE_ASKS if late else run.progress == ASKED
    if asked:
        return ASKS, 0
    slot = (message.due if message.state == LATE_PACED else 0) if late else (run.progress or ASKED)[0]
    clock = work.moment.clock
    if slot and clock < slot:
        return WAITS, slot
    if slot and clock < _ends(work, run.journey, slot):
        return GOES, 0
    place = f"{run.id}{_SEP}{message.step}" if late else run.id
    work.out.append(Ask(work.workspace, run.journey, ((work.customer, place),), of=PACE))
    return ASKS, 0


def _ends(work: Work, journey: str, slot: int) -> int:
    """The end of the period that a slot lies in, ms: by the live version, as slots are given."""
    live = work.journeys[journey]
    version = live.versions.get(live.status.live)
    pace = version.settings.pace if version is not None else None
    return (slot // pace.period + 1) * pace.period if pace is not None else 1 << 62


def waits_for(work: Work, place: str) -> tuple[Run, str] | None:
    """(run, step of its late message or empty) of a place that is still asked for; None: the slot is lost."""
    id, _, step = place.partition(_SEP)
    run = work.present(id)
    if run is None:
        return None
    if not step:
        return (run, "") if run.progress == ASKED else None
    asks = any(message.step == step and message.state == LATE_ASKS for message in run.messages)
    return (run, step) if asks else None
