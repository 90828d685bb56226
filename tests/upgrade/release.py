"""A release: a revision of this repository, as a tree of its own that runs on the present virtual environment."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

from laudstream.errors import Broken, Invalid
from laudstream.records.levels import LEAST, Levels
from laudstream.settings import Settings, environment

REPO = Path(__file__).parents[2]
LAST = "cd2f61b612ee"
"""Taken as the last release as long as no tag names one. Those before it make other bytes of the same inputs: their
messages do not say to which life of a customer they belong (R15). Since then that is said of one thing more: of events
that a run emits for its own customer."""
HERE = "HEAD"
_ABOUT = """
import agents, laudstream
from laudstream.records.head import CORE_LEVEL, STATE_FORMAT
from laudstream.settings import Settings, variable
settings = map(variable, Settings.__struct_fields__)
print(laudstream.__file__, agents.__file__, CORE_LEVEL, STATE_FORMAT, *settings, sep="\\n")
"""


class Release(NamedTuple):
    name: str
    """Its tag or hash; `+` behind it: with what is not committed."""
    tree: Path
    settings: frozenset[str]
    """Environment variables that it knows."""
    levels: Levels = LEAST
    """What it knows."""

    @classmethod
    def here(cls) -> Self:
        """What lies in the working tree."""
        changed = _git("status", "--porcelain", "--untracked-files=no")
        return cls._in(REPO, _git("rev-parse", "--short", HERE) + ("+" if changed else ""))

    @classmethod
    def of(cls, revision: str, folder: Path) -> Self:
        """Laid out in a new folder. Raises Invalid for a revision that is not in this clone."""
        hash = _git("rev-parse", "--short", "--verify", f"{revision}^{{commit}}")
        archive = subprocess.run(["git", "archive", hash], cwd=REPO, stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        return cls._in(folder, hash if revision.startswith(hash) else revision)

    @classmethod
    def _in(cls, tree: Path, name: str) -> Self:
        """Raises Broken if Python runs another one."""
        lines = _python(tree, "-c", _ABOUT).splitlines()
        if not all(Path(file).is_relative_to(tree) for file in lines[:2]):
            raise Broken(f"{name} should run from {tree}, and comes from {lines[:2]}")
        return cls(name, tree, frozenset(lines[4:]), Levels(*map(int, lines[2:4])))

    def env(self, given: Mapping[str, str]) -> dict[str, str]:
        """`given`, for this one: where Python finds it, and no setting that it does not know and that says nothing."""
        idle = environment(Settings()).items()
        kept = {name: value for name, value in given.items() if name in self.settings or (name, value) not in idle}
        return {**kept, "PYTHONPATH": str(self.tree)}

    def run(self, *module: str, env: Mapping[str, str] | None = None) -> str:
        """What a module of it says, given its name and arguments. Raises Broken if it fails."""
        return _python(self.tree, "-m", *module, env=self.env(env or {}))


def previous() -> str:
    """The newest tag before HEAD; LAST if there is none."""
    try:
        return _git("describe", "--tags", "--abbrev=0", f"{HERE}^")
    except Invalid:
        return LAST


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=REPO, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Invalid(
            f"git {' '.join(arguments)}: {done.stderr.strip()}; the whole history is needed: git fetch --tags"
        )
    return done.stdout.strip()


def _python(tree: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    whole = {**os.environ, **(env or {}), "PYTHONPATH": str(tree)}
    done = subprocess.run(
        [sys.executable, "-P", *arguments], cwd="/", env=whole, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Broken(
            f"{tree}: {' '.join(arguments[:4])} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}"
        )
    return done.stdout
