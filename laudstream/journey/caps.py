"""Caps and quiet hours: what they allow at an instant, and when they allow it next.

- A slot counts from the request: at `send_before` until the delivery gives the true time (R41).
- Rolling: a message at t counts until t + P, forwards (R32). Calendar: in the period of its time or a later one,
  so that no order of deliveries ever brings a period over its limit (R10).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta, tzinfo

from laudstream.journey.customer import Slot
from laudstream.journey.durations import instant, local
from laudstream.journey.steps import Cap, QuietHours

KEEP_MS = 32 * 86_400_000
MOST_SLOTS = 1_000


def kept(slots: tuple[Slot, ...], clock: int) -> tuple[Slot, ...]:
    """Slots that a cap may still count at `clock` (ms)."""
    if len(slots) < MOST_SLOTS and not (slots and slots[0].at <= clock - KEEP_MS):
        return slots
    return tuple(slot for slot in slots if slot.at > clock - KEEP_MS)[-MOST_SLOTS + 1 :]


def cap_frees_at(
    caps: Iterable[Cap], slots: tuple[Slot, ...], channel: str, tags: tuple[str, ...], clock: int, zone: tzinfo
) -> int:
    """When all `caps` allow one more message of that channel with those tags: 0 is now, else ms."""
    latest = 0
    for cap in caps:
        if (cap.channel and cap.channel != channel) or (cap.tag and cap.tag not in tags):
            continue
        ends = sorted(
            end for slot in slots if _counted(cap, slot) and (end := _counts_until(cap, slot.at, zone)) > clock
        )
        if len(ends) >= cap.limit:
            latest = max(latest, ends[len(ends) - cap.limit])
    return latest


def _counted(cap: Cap, slot: Slot) -> bool:
    if slot.message_class == "transactional" and not cap.counts_all:
        return False
    return (not cap.channel or cap.channel == slot.channel) and (not cap.tag or cap.tag in slot.tags)


def _counts_until(cap: Cap, at: int, zone: tzinfo) -> int:
    if cap.within is not None:
        return cap.within.add(at, zone)
    day = datetime.combine(local(at, zone).date(), time())
    if cap.each == "day":
        following = day + timedelta(days=1)
    elif cap.each == "week":
        following = day + timedelta(days=7 - day.weekday())
    else:
        following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return instant(following, zone)


def quiet_until(quiet: QuietHours, clock: int, zone: tzinfo) -> int:
    """End of the quiet time that `clock` lies in, ms; 0: it is not quiet."""
    now = local(clock, zone)
    for days in (-1, 0):  # a window belongs to the day on which it opens
        begin, finish = _window(quiet, now + timedelta(days=days), zone)
        if begin <= clock < finish:
            return finish
    return 0


def quiet_from(quiet: QuietHours, clock: int, zone: tzinfo) -> int:
    """Start of the next quiet time after `clock`, ms."""
    now = local(clock, zone)
    return next(begin for days in range(3) if (begin := _window(quiet, now + timedelta(days=days), zone)[0]) > clock)


def _window(quiet: QuietHours, day: datetime, zone: tzinfo) -> tuple[int, int]:
    midnight = datetime.combine(day.date(), time())
    finish = midnight + timedelta(days=1 if quiet.end < quiet.start else 0, minutes=quiet.end)
    return instant(midnight + timedelta(minutes=quiet.start), zone), instant(finish, zone)
