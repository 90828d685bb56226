"""The definitions of a workspace after one of them has changed: where each kind has its place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any

from msgspec.structs import replace

from laudstream.conditions.tally import EVENT, RUN
from laudstream.journey import lookups, pins
from laudstream.journey.compiling import Key
from laudstream.journey.control import MIGRATION, WINNER
from laudstream.journey.live import DELETED, GONE, LiveJourney, Signal, Space, Status
from laudstream.journey.signals import SIGNAL
from laudstream.journey.statuses import DAY_MS
from laudstream.segments.watch import Live, made


def placed(space: Space, key: tuple[str, str, str], status: Status, seq: int, compiled: Mapping[Key, Any]) -> Space:
    """`key`: (workspace, kind, id); `seq`: the control record; `compiled`: its versions are among them."""
    _, kind, id = key
    if kind == WINNER:
        others = {name: arm for name, arm in space.winners.items() if name != id}
        return replace(space, winners=others if status.status == DELETED else {**others, id: status.status})
    versions = {version: compiled[(*key, version)] for version, _ in status.published}
    if kind == SIGNAL:
        found = [Signal(number, at, id, versions[number]) for number, at in status.published]
        return replace(space, signals=_of_a_day([*found, *(each for each in space.signals if each.name != id)]))
    live = compiled[(*key, status.live)]
    if kind == "workspace":
        zones = [(at, versions[version].zone) for version, at in status.published]
        return replace(space, workspace=live, zone_seq=seq, zones=_changes(zones))
    if kind == "template":
        pinned = {f"{id}@{version}": each for version, each in versions.items()}
        return replace(space, templates={**space.templates, **pinned, id: live})
    if kind == "subscription":
        return replace(space, subscriptions={**space.subscriptions, id: live})
    if kind == "segment":
        return _with_segment(space, id, status, seq, live, versions)
    if kind == MIGRATION:
        return _with_migrations(space, id, status, versions)
    before = space.journeys.get(id)
    return _with_journey(
        space, LiveJourney(id, status, versions, migrations=before.migrations if before is not None else ())
    )


def _of_a_day(signals: list[Signal]) -> tuple[Signal, ...]:
    newest = max(each.at for each in signals)
    return tuple(sorted((each for each in signals if each.at > newest - DAY_MS), key=lambda each: each.number))


def _changes(zones: list[tuple[int, tzinfo]]) -> tuple[tuple[int, tzinfo], ...]:
    """Those that are another one than before; UTC where nothing is said."""
    found: list[tuple[int, tzinfo]] = []
    for at, zone in zones:
        if zone != (found[-1][1] if found else UTC):
            found.append((at, zone))
    return tuple(found)


def _with_segment(space: Space, id: str, status: Status, seq: int, live: Any, versions: dict[int, Any]) -> Space:
    there, published = status.status not in GONE, dict(status.published)
    segments = {name: other for name, other in space.segments.items() if name != id}
    if there:
        segments[id] = Live(live, status.live, seq, published.get(status.live, 0))
    pinnable = {name: each for name, each in space.segment_versions.items() if pins.base_of(name) != id}
    for version, since in status.published if there else ():
        name, each = pins.pinned(versions[version], version)
        pinnable[name] = each, since
    return replace(space, segments=segments, segment_versions=pinnable, segments_seq=max(space.segments_seq, seq))


def _with_migrations(space: Space, id: str, status: Status, versions: dict[int, Any]) -> Space:
    before = space.journeys.get(id)
    if before is None:
        return space
    maps = tuple(replace(versions[number], at=at) for number, at in status.published)
    return _with_journey(space, replace(before, migrations=maps))


def _with_journey(space: Space, journey: LiveJourney) -> Space:
    journeys = {**space.journeys, journey.id: journey}
    return replace(
        space,
        migrated_at=max(space.migrated_at, journey.migrated_at),
        journeys=journeys,
        entries=lookups.by_event(journeys),
        audiences=lookups.audiences(journeys),
        timed=lookups.timed(journeys),
        listeners=lookups.by_signal(journeys),
    )


def watching(space: Space) -> Space:
    """The space with what it watches."""
    versions = [
        (version.needs, dict(journey.status.published).get(number, 0))
        for journey in space.journeys.values()
        for number, version in journey.versions.items()
    ]
    pinned = pins.pins(space)
    following = [journey.status.seq for journey in space.journeys.values() if _follows(journey)]
    following += [live.seq for live in pinned.values()]
    judged = max([space.segments_seq, *following])
    if judged:
        judged = max(judged, space.zone_seq)
    watch = made({**space.segments, **pinned}, (each for each in versions if each[0].stateful), judged, space.zone_seq)
    ticking = any(version.timed for journey in space.journeys.values() for version in journey.versions.values())
    return replace(
        space, watch=watch, counted=watch.events, judged=judged, edges=lookups.by_edge(space.journeys), ticking=ticking,
        asks_consents=any(needs.consents for needs, _ in versions), rezoned_at=_rezoned_at(space),
    )  # fmt: skip


def _follows(journey: LiveJourney) -> bool:
    """Whether it asks for what is to be found out of each customer first."""
    needs = [version.needs for version in journey.versions.values()]
    return any(each.trackers or any(query.kind in (EVENT, RUN) for query in each.queries) for each in needs)


def _rezoned_at(space: Space) -> int:
    published = [at for journey in space.journeys.values() for _, at in journey.status.published]
    changed = space.zones[-1][0] if space.zones else 0
    return changed if published and min(published) < changed else 0
