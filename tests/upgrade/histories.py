"""Golden histories of two releases: each has to make the same of all rounds, digest for digest (A14)."""

from __future__ import annotations

from tests.upgrade.release import Release

FILES = "*.jsonl.gz"
FOLDER = "tests/golden"


def compare(old: Release, new: Release) -> tuple[int, list[str]]:
    """Rounds of the histories that either keeps, and those of which the two make something different.

    Old histories by new code: forth. New histories by old code: back.
    """
    rounds, different = 0, []
    for keeper in (old, new):
        files = [str(path) for path in sorted((keeper.tree / FOLDER).glob(FILES))]
        made = [release.run("tests.golden", "digests", *files).splitlines() for release in (old, new)]
        rounds += len(made[0])
        different += [
            f"a round of {keeper.name}: {old.name} makes {one!r} of it, {new.name} {other!r}"
            for one, other in zip(*made, strict=True)
            if one != other
        ]
    return rounds, different
