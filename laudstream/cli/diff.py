"""`laudstream journeys diff`: a journey in a file against the one that is live."""

from __future__ import annotations

import json as json_
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from laudstream.cli import apply, show
from laudstream.cli.connect import api
from laudstream.cli.files import load
from laudstream.errors import Invalid, Problem
from laudstream.journey.reader import at

_NOTHING = object()
"""What stands nowhere: null is a value."""


class Change(msgspec.Struct, frozen=True):
    """One place where two journeys differ."""

    pointer: str
    kind: str
    """added, removed or changed."""
    live: Any = None
    file: Any = None


class Difference(msgspec.Struct, frozen=True):
    added: list[str]
    """Steps."""
    removed: list[str]
    changed: dict[str, list[Change]]
    """Step -> what differs in it; pointers begin at the step."""
    other: list[Change]
    """Outside of the steps."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.other)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@show.as_json
def diff(file: Path, json: bool) -> None:
    """Compare the journey in FILE with the one that is live: steps added, removed and changed, and all the rest."""
    (item,) = apply.check(load(file))
    if item.kind != "journey":
        raise Invalid("no journey", (Problem(str(file), f"holds a {item.kind}", "give the file of a journey"),))
    with api() as client:
        there = client.find("journeys", item.id)
    version = there["live_version"] if there else None
    live = there["body"] if there and version is not None else {}
    found = difference(live, item.body)
    if json:
        show.print_json({"id": item.id, "live_version": version, **msgspec.to_builtins(found)})
        return
    if version is None:
        click.echo(f"{item.id} is not live: all of it is new")
    elif not found:
        click.echo(f"{item.id}: the file is as version {version}, which is live")
    else:
        click.echo(f"{item.id}: version {version}, which is live, against {file}")
    for line in lines(found, live.get("steps", {}), item.body["steps"]):
        click.secho(line, fg={"+": "green", "-": "red", "~": "yellow"}.get(line[0]))


def difference(live: dict[str, Any], file: dict[str, Any]) -> Difference:
    """What `file` would change."""
    old, new = live.get("steps", {}), file.get("steps", {})
    changed = {name: found for name in new if name in old and (found := list(_changes(old[name], new[name], "")))}
    others = [{name: value for name, value in body.items() if name != "steps"} for body in (live, file)]
    return Difference(
        [name for name in new if name not in old],
        sorted(name for name in old if name not in new),
        changed,
        list(_changes(others[0], others[1], "")),
    )


def _changes(old: Any, new: Any, pointer: str) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*new, *sorted(old))):
            yield from _changes(old.get(name, _NOTHING), new.get(name, _NOTHING), at(pointer, name))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            left, right = (each[index] if index < len(each) else _NOTHING for each in (old, new))
            yield from _changes(left, right, at(pointer, index))
    elif old is _NOTHING:
        yield Change(pointer, "added", file=new)
    elif new is _NOTHING:
        yield Change(pointer, "removed", live=old)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Change(pointer, "changed", old, new)


def lines(found: Difference, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """For people: one line a change, those of a step below it."""
    for change in found.other:
        yield _line(change)
    for name in found.added:
        yield f"+ step {name}: {_short(new[name])}"
    for name in found.removed:
        yield f"- step {name}: {_short(old[name])}"
    for name, changes in found.changed.items():
        yield f"~ step {name}"
        yield from (f"    {_line(change)}" for change in changes)


def _line(change: Change) -> str:
    match change.kind:
        case "added":
            return f"+ {change.pointer}: {_short(change.file)}"
        case "removed":
            return f"- {change.pointer}: {_short(change.live)}"
    return f"~ {change.pointer}: {_short(change.live)} → {_short(change.file)}"


def _short(value: Any) -> str:
    text = json_.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:99] + "…"
