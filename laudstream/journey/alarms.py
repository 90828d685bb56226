"""Entries by time: a customer is armed for its next date or the next occurrence of an audience, and enters then.

- A journey looks at each of its customers once per publishing; then it arms them (A10). So whoever is armed wakes by
  itself, and nobody has to go over all customers when an hour strikes.
- A date fires once for each value; a changed value arms again and ends the run that the old one started (R33).
- An occurrence that nobody was there to see is `missed`, but the latest is made up if it is young enough (R36).
"""

from __future__ import annotations

from datetime import date, tzinfo
from typing import Any

from msgspec.structs import replace

from laudstream.journey import entries
from laudstream.journey.customer import FAILED, Alarm
from laudstream.journey.durations import local
from laudstream.journey.live import LiveJourney
from laudstream.journey.moves import end
from laudstream.journey.occurrences import Schedule
from laudstream.journey.reasons import Reason
from laudstream.journey.releases import released, released_that_day
from laudstream.journey.steps import Audience, DateEntry, Journey
from laudstream.journey.until import Due
from laudstream.journey.windows import FOREVER
from laudstream.journey.work import Work

AUDIENCE = "audience"


def look(work: Work, live: LiveJourney) -> None:
    """The customer is looked at for a publishing of a journey: it enters its audience, or is armed for what comes."""
    version = live.versions[live.status.live]
    published = live.status.audience[1]
    audience = version.audience if version.audience is None or not version.audience.signal else None
    row = work.core.row
    since = max(published, row.created_at, live.status.resumed_at)
    alarms = {key: alarm for key, alarm in work.core.alarms.items() if not key.startswith(live.id + "/")}
    for index, entry in enumerate(version.dates):
        armed = _armed(work, live, version, entry, work.core.alarms.get(f"{live.id}/{index}"), since)
        if armed is not None:
            alarms[f"{live.id}/{index}"] = armed
    takes = audience is not None and audience.of in ("both", "present" if row.created_at <= published else "future")
    if audience is not None and takes and audience.schedule is not None:
        before = work.core.alarms.get(f"{live.id}/{AUDIENCE}")
        alarms[f"{live.id}/{AUDIENCE}"] = _next(work, live, version, audience.schedule, 0, since, before)
    if alarms != work.core.alarms:
        work.core.alarms = alarms
    if audience is not None and takes and audience.schedule is None:
        entries.enter_audience(work, live, audience)


# Arming


def _armed(
    work: Work, live: LiveJourney, version: Journey, entry: DateEntry, before: Alarm | None, since: int
) -> Alarm | None:
    """The alarm for the present value of a date; None: there is no date."""
    value, zone = _value(work, entry), work.zone(version)
    known = before if before is not None and before.value == value else None
    if entry.dates.nth(value, 0, zone) is None:
        return None
    number = known.number if known is not None else 0
    found = entry.dates.nth(value, number, zone) if known is not None and known.due else None
    if found is not None and known is not None and _released(work, version, found, zone) == known.due:
        return known  # also where it is due already
    following = entry.dates.following(value, number, since, zone)
    if following is None:
        return Alarm(value, number, 0)
    return Alarm(value, following[0], _released(work, version, following[1], zone))


def _value(work: Work, entry: DateEntry) -> Any:
    value: Any = work.attributes
    for name in entry.path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str | int | float) else None


def _released(work: Work, version: Journey, due: Due, zone: tzinfo) -> int:
    return released_that_day(work, version, due.at, zone) if due.many else due.at


def _next(
    work: Work, live: LiveJourney, version: Journey, schedule: Schedule, number: int, since: int, before: Alarm | None
) -> Alarm:
    """The alarm for the first occurrence from `number` on that is not before `since`."""
    published, zone = _first_day(work, live, version), _zone(work, version, schedule)
    found = schedule.following(number, published, since, zone)
    if found is None:
        return Alarm(None, number, 0)
    if schedule.times:
        first = schedule.following(0, published, live.status.audience[1], zone)
        if first is None or schedule.between(first[0], found[0], published) >= schedule.times:
            return Alarm(None, found[0], 0)
    due = _of_schedule(work, version, schedule, found[1], zone)
    return (
        before if before is not None and (before.number, before.due) == (found[0], due) else Alarm(None, found[0], due)
    )


def _of_schedule(work: Work, version: Journey, schedule: Schedule, due: Due, zone: tzinfo) -> int:
    if schedule.at:
        return released(work, version, due.at, FOREVER)
    return released_that_day(work, version, due.at, zone)


def _zone(work: Work, version: Journey, schedule: Schedule) -> tzinfo:
    return work.zone(version) if schedule.by_customer else work.zone_for_all(version)


def _first_day(work: Work, live: LiveJourney, version: Journey) -> date:
    """The day on which the journey was published, by the workspace's calendar then: the same for all customers, and
    whatever zone the workspace has later."""
    published = live.status.audience[1]
    zone = work.zone_for_all(version) if version.settings.time_zone else work.space.zone_on(published)
    return local(published, zone).date()


# Attributes changed


def check(work: Work) -> None:
    """Attributes changed: dates of the customer arm again, and all that goes by its zone is computed again."""
    moved = work.attributes.get("timezone") != work.before.attributes.get("timezone")
    for live in work.space.timed:
        version = live.versions.get(live.status.live)
        if version is None or work.core.swept.get(live.id) != live.status.audience[0]:
            continue  # it is looked at first
        for index, entry in enumerate(version.dates):
            key = f"{live.id}/{index}"
            before = work.core.alarms.get(key)
            if (None if before is None else before.value) != _value(work, entry):
                if before is not None and not entry.keep:
                    _end_run(work, live, before.value)
                _set(work, key, _armed(work, live, version, entry, None, work.moment.now))
            elif before is not None and moved and before.due:
                zone = work.zone(version)
                due = entry.dates.nth(before.value, before.number, zone)
                if due is not None:
                    _shift(work, key, before, _released(work, version, due, zone))
        schedule = version.audience.schedule if version.audience is not None else None
        before = work.core.alarms.get(f"{live.id}/{AUDIENCE}")
        if schedule is not None and schedule.by_customer and moved and before is not None and before.due:
            zone = _zone(work, version, schedule)
            due = schedule.nth(before.number, _first_day(work, live, version), zone)
            if due is not None:
                _shift(work, f"{live.id}/{AUDIENCE}", before, _of_schedule(work, version, schedule, due, zone))


def rezone(work: Work, live: LiveJourney, key: str) -> None:
    """The workspace's zone changed: the same occurrence comes at another instant."""
    alarm, version, which = work.core.alarms[key], live.versions.get(live.status.live), key.partition("/")[2]
    if not alarm.due or version is None or work.core.swept.get(live.id) != live.status.audience[0]:
        return  # it is looked at first
    if which == AUDIENCE and version.audience is not None and version.audience.schedule is not None:
        schedule = version.audience.schedule
        zone = _zone(work, version, schedule)
        due = schedule.nth(alarm.number, _first_day(work, live, version), zone)
        if due is not None:
            _shift(work, key, alarm, _of_schedule(work, version, schedule, due, zone))
    elif which.isdigit() and int(which) < len(version.dates):
        zone = work.zone(version)
        due = version.dates[int(which)].dates.nth(alarm.value, alarm.number, zone)
        if due is not None:
            _shift(work, key, alarm, _released(work, version, due, zone))


def _set(work: Work, key: str, alarm: Alarm | None) -> None:
    alarms = {other: kept for other, kept in work.core.alarms.items() if other != key}
    work.core.alarms = alarms if alarm is None else {**alarms, key: alarm}


def _shift(work: Work, key: str, alarm: Alarm, due: int) -> None:
    """The same occurrence at another instant; if that is over in the new zone, it comes now."""
    due = max(due, work.moment.now)
    if due != alarm.due:
        _set(work, key, Alarm(alarm.value, alarm.number, due))


def _end_run(work: Work, live: LiveJourney, value: Any) -> None:
    for run in tuple(work.runs):
        started = run.journey == live.id and run.entry.by == "date" and run.status != FAILED
        if started and run.entry.properties.get("date") == value:
            end(work, run, work.moment.now, reason=Reason.DATE_CHANGED, data={"date": value})


def drop(work: Work, key: str) -> None:
    """Forgets an alarm; nothing happens when it is due."""
    _set(work, key, None)


# Firing


def due(work: Work) -> tuple[int, int, str] | None:
    """(due, priority, key) of the next alarm that is due by now; None: there is none."""
    now, found = work.moment.now, None
    for key, alarm in work.core.alarms.items():
        if 0 < alarm.due <= now:
            live = work.journeys.get(key.partition("/")[0])
            if live is not None and live.wakes:
                version = live.versions.get(live.status.live)
                each = (alarm.due, version.settings.priority if version is not None else 9, key)
                found = each if found is None or each < found else found
    return found


def fire(work: Work, key: str) -> None:
    """An alarm is due: the customer enters, as of then, and is armed for what follows."""
    alarm, live = work.core.alarms[key], work.journeys[key.partition("/")[0]]
    version, which = live.versions[live.status.live], key.partition("/")[2]
    moment = work.moment
    work.moment = replace(moment, now=alarm.due)
    try:
        if which == AUDIENCE and version.audience is not None and version.audience.schedule is not None:
            _occur(work, live, version, version.audience, version.audience.schedule, key, alarm)
        elif which.isdigit() and int(which) < len(version.dates):
            _come(work, live, version, version.dates[int(which)], key, alarm)
        else:  # of a version that is not live any more
            drop(work, key)
    finally:
        work.moment = moment


def _come(work: Work, live: LiveJourney, version: Journey, entry: DateEntry, key: str, alarm: Alarm) -> None:
    zone = work.zone(version)
    now = entry.dates.nth(alarm.value, alarm.number, zone)
    since = now.at + 1 if now is not None else alarm.due + 1
    found = entry.dates.following(alarm.value, alarm.number + 1, since, zone)
    number = alarm.number + 1 if found is None else found[0]
    following = 0 if found is None else max(_released(work, version, found[1], zone), alarm.due + 1)
    _set(work, key, Alarm(alarm.value, number, following))
    properties = {"date": alarm.value, **({"number": alarm.number} if entry.dates.every else {})}
    entries.enter_date(work, live, entry, properties, (key, alarm.number))


def _occur(
    work: Work, live: LiveJourney, version: Journey, audience: Audience, schedule: Schedule, key: str, alarm: Alarm
) -> None:
    clock, zone = work.moment.clock, _zone(work, version, schedule)
    following = _after(work, live, version, schedule, alarm, zone)
    missed, last, gone = 0, alarm, alarm.due
    while following.due and following.due <= clock:  # a later one is over too: only the latest may be made up
        missed, last, gone = missed + 1, following, last.due
        following = _after(work, live, version, schedule, following, zone)
    late = audience.catch_up.add(last.due, zone) < clock
    if late:
        missed, gone = missed + 1, last.due
    takes = last is alarm and not late
    _set(work, key, following if takes or late else last)
    if takes:
        entries.enter_audience(work, live, audience, (key, alarm.number))
    elif missed:
        entries.miss(work, live, audience, {"occurrences": missed, "first": alarm.due, "last": gone})


def _after(work: Work, live: LiveJourney, version: Journey, schedule: Schedule, alarm: Alarm, zone: tzinfo) -> Alarm:
    now = schedule.nth(alarm.number, _first_day(work, live, version), zone)
    since = now.at + 1 if now is not None else alarm.due + 1
    found = _next(work, live, version, schedule, alarm.number + 1, since, None)
    return Alarm(None, found.number, max(found.due, alarm.due + 1)) if found.due else found
