"""The journeys of a workspace, by what they are asked for: by event, by signal, by change of a segment, by time."""

from __future__ import annotations

from collections.abc import Iterable

from laudstream.journey.live import GONE, LIVE, PAUSED, LiveJourney

Journeys = dict[str, LiveJourney]


def by_priority(journeys: Iterable[LiveJourney]) -> list[LiveJourney]:
    """Each once, by priority, then by id (R21)."""
    return sorted({live.id: live for live in journeys}.values(), key=lambda live: (_priority(live), live.id))


def _priority(journey: LiveJourney) -> int:
    live = journey.versions.get(journey.status.live)
    return live.settings.priority if live is not None else 9


def by_event(journeys: Journeys) -> dict[str, tuple[LiveJourney, ...]]:
    met: dict[str, list[LiveJourney]] = {}
    for journey in _entered(journeys):
        for name in sorted({name for version in journey.versions.values() for name in version.entry_events()}):
            met.setdefault(name, []).append(journey)
    return {name: tuple(found) for name, found in met.items()}


def by_signal(journeys: Journeys) -> dict[str, tuple[LiveJourney, ...]]:
    met: dict[str, list[LiveJourney]] = {}
    for journey in _entered(journeys):
        audiences = (version.audience for version in journey.versions.values())
        for name in sorted({each.signal for each in audiences if each is not None and each.signal}):
            met.setdefault(name, []).append(journey)
    return {name: tuple(found) for name, found in met.items()}


def by_edge(journeys: Journeys) -> dict[tuple[str, str], tuple[LiveJourney, ...]]:
    """(segment, enter or leave) -> journeys."""
    met: dict[tuple[str, str], list[LiveJourney]] = {}
    for journey in _entered(journeys):
        entries = (entry for version in journey.versions.values() for entry in version.segment_entries)
        for edge in sorted({(entry.segment, entry.edge) for entry in entries}):
            met.setdefault(edge, []).append(journey)
    return {edge: tuple(found) for edge, found in met.items()}


def _entered(journeys: Journeys) -> list[LiveJourney]:
    return [journey for journey in by_priority(journeys.values()) if journey.status.status not in GONE]


def audiences(journeys: Journeys) -> tuple[LiveJourney, ...]:
    """Those that ask for a look at each customer, in the order of publishing."""
    asking = [each for each in journeys.values() if each.status.audience[0] and each.status.status in (LIVE, PAUSED)]
    return tuple(sorted(asking, key=lambda journey: journey.status.audience))


def timed(journeys: Journeys) -> tuple[LiveJourney, ...]:
    """Those with entries that go by an attribute, by id."""
    found = []
    for journey in journeys.values():
        live = journey.versions.get(journey.status.live)
        schedule = live.audience.schedule if live is not None and live.audience is not None else None
        if live is not None and journey.wakes and (live.dates or (schedule is not None and schedule.by_customer)):
            found.append(journey)
    return tuple(sorted(found, key=lambda journey: journey.id))
