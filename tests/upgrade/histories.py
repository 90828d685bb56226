"""Golden histories of two releases: each has to make the same of all rounds, digest for digest (A14).

But for those of lanes whose numbers the older one does not know.
"""

from __future__ import annotations

from pathlib import Path

from laudstream.records import levels
from tests.golden import history
from tests.upgrade.release import Release

FILES = "*.jsonl.gz"
FOLDER = "tests/golden"


def compare(old: Release, new: Release) -> tuple[int, list[str]]:
    """Rounds of the histories that either keeps, and those of which the two make something different.

    Old histories by new code: forth. New histories by old code: back.
    """
    rounds, different = 0, []
    for keeper in (old, new):
        found = sorted((keeper.tree / FOLDER).glob(FILES))
        files = [str(path) for path in found if _both_know(old, new, path)]
        made = [release.run("tests.golden", "digests", *files).splitlines() for release in (old, new)]
        rounds += len(made[0])
        different += [
            f"a round of {keeper.name}: {old.name} makes {one!r} of it, {new.name} {other!r}"
            for one, other in zip(*made, strict=True)
            if one != other
        ]
    return rounds, different


def _both_know(old: Release, new: Release, path: Path) -> bool:
    about = levels.of(history.read(path).about)
    return old.levels.cover(about) and new.levels.cover(about)
