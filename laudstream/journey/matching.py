"""Whether an input is one that a place of a version listens to, for a run (R24, R26, R28, R56)."""

from __future__ import annotations

from typing import Any, NamedTuple

from laudstream.conditions.dates import shift
from laudstream.conditions.tally import key_text
from laudstream.customers.event import Event
from laudstream.journey.customer import Run
from laudstream.journey.steps import Journey, On, Told, WaitBranch
from laudstream.journey.work import Work
from laudstream.messages.delivery import PROVES, Delivery


class News(NamedTuple):
    """What a delivery tells of a message of this run."""

    kind: str
    step: str
    link: str = ""
    machine: bool = False


class Change(NamedTuple):
    """A value of the customer that is another one now."""

    path: str
    old: Any
    new: Any


Heard = Event | News | Change


def key_value(properties: dict[str, Any], name: str) -> str:
    """Text of a key; empty if the event lacks it."""
    return key_text(properties.get(name))


YOUNG_MS = 3_600_000
"""Younger than any max_age of days, in every zone."""


def too_old(work: Work, version: Journey, on: On, event: Event, now: int = 0) -> bool:
    """Whether the event happened too long ago for this place (R26). `now`: when it came, ms; 0: just now."""
    oldest = on.max_age
    if oldest is None or not event.timestamp:
        return False
    now = now or work.moment.now
    if now - event.timestamp < YOUNG_MS and oldest.days:
        return False
    return shift(event.timestamp, oldest, work.zone(version)) <= now


def meets(work: Work, run: Run, version: Journey, on: On, event: Event, now: int = 0) -> bool:
    """Whether the event is one that `on` listens to, for this run (R24)."""
    if on.name != event.name or too_old(work, version, on, event, now):
        return False
    if run.key and not on.any_key and key_value(event.properties, on.key or run.key_name) != run.key:
        return False
    return on.where is None or on.where.test(work.scope(run, event.properties))


def news_of(delivery: Delivery) -> News:
    return News(delivery.kind, delivery.step, delivery.link, delivery.machine)


def tells(told: Told, news: News) -> bool:
    """Whether the delivery tells what a branch waits for; machines open and click nothing (R56)."""
    kind = PROVES.get(news.kind, news.kind) if told.kind == "sent" else news.kind
    if kind != told.kind or (told.of and news.step not in told.of) or (told.link and news.link != told.link):
        return False
    return told.machine or not news.machine or kind not in ("opened", "clicked")


def weight(work: Work, run: Run, version: Journey, branch: WaitBranch, heard: Heard, now: int = 0) -> int:
    """What an input adds to the progress of a branch; 0: it is none of its inputs. Of `all_of` a bit a member."""
    if isinstance(heard, Event):
        if branch.on is not None:
            return int(meets(work, run, version, branch.on, heard, now))
        members = enumerate(branch.all_of)
        return sum(1 << bit for bit, member in members if meets(work, run, version, member, heard, now))
    if isinstance(heard, News):
        return int(branch.told is not None and tells(branch.told, heard))
    return int(branch.changed is not None and branch.changed[0] == heard.path)


def progressed(branch: WaitBranch, progress: int, weight: int) -> int:
    """The progress of a branch after an input (R28)."""
    return progress | weight if branch.all_of else progress + 1


def satisfied(branch: WaitBranch, progress: int) -> bool:
    return progress == (1 << len(branch.all_of)) - 1 if branch.all_of else progress >= branch.count


def looked_at(work: Work, run: Run, branch: WaitBranch, heard: Heard) -> dict[str, Any]:
    """What a decision says of the input that satisfied a branch."""
    if isinstance(heard, Event):
        data: dict[str, Any] = {"event": heard.name}
        if branch.on is not None and branch.on.where is None:
            return data
        for on in (branch.on, *branch.all_of):
            if on is not None and on.where is not None and on.name == heard.name:
                data |= on.where.looked_at(work.scope(run, heard.properties))
        return data
    if isinstance(heard, News):
        return {"kind": heard.kind, "of": heard.step, **({"link": heard.link} if heard.link else {})}
    return {heard.path: brief(heard.new), "was": brief(heard.old)}


def properties(heard: Heard) -> dict[str, Any]:
    """`steps.<id>.event`: what ended the wait (R25)."""
    if isinstance(heard, Event):
        return heard.properties
    return {name: value for name, value in heard._asdict().items() if value not in ("", False)}


LOOKED_AT = 200  # characters of a text that a decision keeps


def brief(value: Any) -> Any:
    """A value as a decision keeps it."""
    if isinstance(value, str):
        return value[:LOOKED_AT]
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, dict | list) else value
