"""Pinned segments: `vip@2` is what that version says, whatever is live (R48). Each is a segment of its own in a lane,
as long as something names it.
"""

from __future__ import annotations

from msgspec.structs import replace

from laudstream.journey.live import Space
from laudstream.journey.steps import Journey
from laudstream.segments.definition import Segment
from laudstream.segments.watch import Live


def base_of(name: str) -> str:
    """The segment that a name means, without the version."""
    return name.partition("@")[0]


def version_of(name: str) -> int:
    """The version that a name is pinned to; 0: none."""
    version = name.partition("@")[2]
    return int(version) if version.isdigit() else 0


def pinned(segment: Segment, version: int) -> tuple[str, Segment]:
    """A version under its own name."""
    name = f"{segment.id}@{version}"
    return name, replace(segment, id=name)


def named_by(version: Journey) -> set[str]:
    """Segments that a version names in conditions, entries and exits."""
    names = {*version.needs.segments, *(entry.segment for entry in version.segment_entries)}
    return names | {rule.leaves for rule in version.exits if rule.leaves}


def pins(space: Space) -> dict[str, Live]:
    """Those that live versions name, themselves or through segments. Their `seq` is that of the last one that names
    them, so customers are looked at for them then."""
    naming: list[tuple[set[str] | frozenset[str], int]] = [
        (named_by(version), journey.status.seq)
        for journey in space.journeys.values()
        for version in journey.versions.values()
    ]
    naming += [(live.segment.names, live.seq) for live in space.segments.values()]
    found: dict[str, Live] = {}
    while naming:
        names, seq = naming.pop()
        for name in sorted(names):
            known, there = found.get(name), space.segment_versions.get(name)
            if there is not None and (known is None or known.seq < seq):
                found[name] = Live(there[0], version_of(name), seq, there[1])
                naming.append((there[0].names, seq))
    return found
