"""`laudstream journeys lint`: problems and doubts of files, without a server."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path
from typing import Any

import click
import msgspec

from laudstream.cli import references, show
from laudstream.cli.files import Item, load_all
from laudstream.errors import Invalid, Problem
from laudstream.journey import definition
from laudstream.journey.doubts import Known, check
from laudstream.journey.naming import missing

ELSEWHERE = "it must be in the workspace, or give its file too"


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@show.as_json
def lint(paths: tuple[Path, ...], json: bool) -> None:
    """Check files or folders of definitions, offline.

    Problems stop a publish: what is wrong, and where. Doubts do not: what may not be meant, and what is not among the
    files. Each is named with file, line and fix. Ends with 1 if there are problems.
    """
    problems: list[Problem] = []
    items: list[Item] = []
    try:
        items = load_all(paths)
    except Invalid as error:
        problems += error.problems
    bad = {(item.kind, item.id): found for item in items if (found := references.problems(item))}
    problems += [problem for found in bad.values() for problem in found]
    right = [item for item in items if (item.kind, item.id) not in bad]
    names = references.of_files(right)
    circles = [problem for item in right if item.kind == "segment" for problem in _circle(item, names)]
    doubts = [doubt for item in right for doubt in _doubts(item, names)]
    problems += circles
    if json:
        show.print_json({"problems": [_row(each) for each in problems], "doubts": [_row(each) for each in doubts]})
    else:
        for what, found, colour in (("problem", problems, "red"), ("doubt", doubts, "yellow")):
            for each in found:
                click.secho(f"{what}: ", fg=colour, nl=False)
                click.echo(f"{each.pointer}: {each.message}" + (f"\n    → {each.fix}" if each.fix else ""))
        click.echo(", ".join((_many(items, "definition"), _many(problems, "problem"), _many(doubts, "doubt"))))
    if problems:
        raise SystemExit(1)


def _many(found: Sized, noun: str) -> str:
    return f"{len(found)} {noun}{'' if len(found) == 1 else 's'}"


def _circle(item: Item, names: references.Names) -> list[Problem]:
    """Segments of the files that name each other."""
    known = names.segments or {}
    open_ended = {name: frozenset[str]() for each in known.values() for name in each if name not in known}
    return references.problems(item, references.Names(segments={**open_ended, **known}))


def _doubts(item: Item, names: references.Names) -> list[Problem]:
    """Of an item that is valid by itself: what it names is not among the files, and what may not be meant."""
    apart = references.problems(item, msgspec.structs.replace(names, segments=_near(item, names)))
    if item.kind != "journey":
        return [Problem(each.pointer, each.message, ELSEWHERE) for each in apart]
    journey = definition.parse(item.body)
    apart += item.located(tuple(missing(journey, names.subscriptions, names.manual, names.journeys)))
    doubts = item.located(tuple(check(journey, Known())))
    return doubts + [Problem(each.pointer, each.message, ELSEWHERE) for each in dict.fromkeys(apart)]


def _near(item: Item, names: references.Names) -> dict[str, frozenset[str]]:
    """Segments of the files; for a segment without what they name, since circles are problems, and found already."""
    known = names.segments or {}
    return dict.fromkeys(known, frozenset()) if item.kind == "segment" else known


def _row(problem: Problem) -> dict[str, Any]:
    return {"place": problem.pointer, "message": problem.message, "fix": problem.fix}
