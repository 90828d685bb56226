"""Reads a definition and collects what is wrong with it: where (JSON pointer), what, and how to mend it (R60)."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from laudstream.errors import Problem
from laudstream.journey import durations
from laudstream.journey.durations import Duration

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
HORIZON = durations.parse("P90D")
"""How far history goes back where the workspace does not say (R58)."""
PLANNED = "this release does not run it yet"


def at(pointer: str, *keys: str | int) -> str:
    """`pointer` one or more keys deeper (RFC 6901)."""
    return pointer + "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def shown(value: object) -> str:
    """A value as a message may quote it: short, however large or deep it is."""
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    return repr(value[:100] if isinstance(value, str) else value)[:120]


def _there(segments: Collection[str], name: str, id: str) -> bool:
    """Whether it is among them; where they name no versions, a version of one of them is."""
    return name in segments or (id in segments and not any("@" in each for each in segments))


class Reader:
    """Problems of one definition. The `…_of` methods give a value of the wanted type, or None and a problem."""

    def __init__(self, horizon: Duration | None = None, segments: Collection[str] | None = None) -> None:
        self.problems: list[Problem] = []
        self.horizon = horizon
        """How far history goes back (R58); None: as far as anyone asks."""
        self.segments = segments
        """Segments that may be named; None: any."""
        self.needs: list[Any] = []
        """What the conditions that were read depend on."""

    def wrong(self, pointer: str, message: str, fix: str = "") -> None:
        self.problems.append(Problem(pointer, message, fix))

    def object_of(self, value: object, pointer: str, what: str) -> dict[str, Any] | None:
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return value
        self.wrong(pointer, f"{what} must be an object", "write it as a mapping of names to values")
        return None

    def list_of(self, value: object, pointer: str, what: str, least: int = 1, most: int = 100) -> list[Any]:
        if isinstance(value, list) and least <= len(value) <= most:
            return value
        self.wrong(pointer, f"{what} must be a list of {least} to {most} items", "write it as a list")
        return []

    def text_of(self, value: object, pointer: str, what: str, most: int = 200) -> str | None:
        if isinstance(value, str) and 0 < len(value) <= most:
            return value
        self.wrong(pointer, f"{what} must be a text of 1 to {most} characters", "write a text")
        return None

    def name_of(self, value: object, pointer: str, what: str) -> str | None:
        if isinstance(value, str) and NAME.fullmatch(value):
            return value
        self.wrong(pointer, f"{what} must be a name", "use up to 64 letters, digits, - and _")
        return None

    def segment_of(self, value: object, pointer: str, what: str) -> str | None:
        """The name of a segment that is there, or `name@n` of a version of it (R48)."""
        base, pinned, version = value.partition("@") if isinstance(value, str) else (value, "", "")
        if pinned and not (version.isascii() and version.isdigit() and version[0] != "0"):
            self.wrong(pointer, f"{shown(value)} names no version of a segment", "write e.g. vip@3, or the name alone")
            return None
        id = self.name_of(base, pointer, what)
        if id is None:
            return None
        name = f"{id}@{version}" if pinned else id
        if self.segments is not None and not _there(self.segments, name, id):
            known = ", ".join(sorted(each for each in self.segments if "@" not in each)[:10]) or "none yet"
            self.wrong(pointer, f"there is no segment {name!r}", f"publish it first; segments here: {known}")
        return name

    def choice_of(self, value: object, pointer: str, what: str, choices: tuple[str, ...]) -> str | None:
        if isinstance(value, str) and value in choices:
            return value
        self.wrong(pointer, f"{what} cannot be {shown(value)}", f"use one of: {', '.join(choices)}")
        return None

    def flag_of(self, value: object, pointer: str, what: str) -> bool | None:
        if isinstance(value, bool):
            return value
        self.wrong(pointer, f"{what} must be true or false", "write true or false")
        return None

    def whole_of(self, value: object, pointer: str, what: str, least: int, most: int) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.wrong(pointer, f"{what} must be a whole number from {least} to {most}", f"write e.g. {least}")
        return None

    def duration_of(self, value: object, pointer: str, what: str) -> Duration | None:
        try:
            found = durations.parse(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None or found.zero:
            self.wrong(pointer, f"{what} is no ISO 8601 duration above zero", "write e.g. PT20S, PT1H, P1D or P1M")
            return None
        return found

    def only(self, body: dict[str, Any], pointer: str, known: tuple[str, ...], planned: tuple[str, ...] = ()) -> None:
        """A problem for every key of `body` that nothing reads; nothing is ever ignored in silence."""
        for key in body:
            if key in planned:
                self.wrong(at(pointer, key), f"{key!r} is part of the language, but {PLANNED}", "leave it out")
            elif key not in known:
                self.wrong(at(pointer, key), f"{shown(key)} is unknown here", f"known are: {', '.join(known)}")
