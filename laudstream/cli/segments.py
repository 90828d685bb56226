"""`laudstream segments`: the segments of a workspace, and the members of those that are lists."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import click

from laudstream.cli import show
from laudstream.cli.connect import api
from laudstream.errors import Invalid, Problem

MOST_AT_ONCE = 1_000
"""Members in one request."""
SHOWN = 10
_COLUMNS = ("id", "name", "kind", "status", "live_version")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def segments() -> None:
    """List and show segments, change the members of manual ones; `laudstream apply` changes the others."""


@segments.command("list")
@show.as_json
def list_(json: bool) -> None:
    """All segments."""
    with api() as client:
        answer = client.get("segments")
    if json:
        show.print_json(answer)
    else:
        rows = ({**row, "kind": "manual" if "manual" in row["body"] else "condition"} for row in answer["items"])
        show.print_table(_COLUMNS, ([row.get(column) for column in _COLUMNS] for row in rows))


@segments.command("show")
@click.argument("id")
@show.as_json
def show_(id: str, json: bool) -> None:
    """One segment as it is live."""
    with api() as client:
        segment = client.get("segments", id)
    if json:
        show.print_json(segment)
    else:
        show.print_definition(segment)


@segments.command()
@click.argument("id")
@click.option("--add", type=_FILE, help="Customers who become members: an id a line.")
@click.option("--remove", type=_FILE, help="Customers who are members no longer.")
@show.as_json
def members(id: str, add: Path | None, remove: Path | None, json: bool) -> None:
    """Add customers to a manual segment, or take them out. The same again changes nothing.

    Ends with 1 if there are ids of nobody; the others are done all the same.
    """
    if add is None and remove is None:
        raise Invalid("nothing to do", (Problem("", "neither members to add nor to remove", "--add FILE"),))
    wanted = {"add": _ids(add), "remove": _ids(remove)}
    both = sorted(set(wanted["add"]) & set(wanted["remove"]))
    if both:
        problem = Problem(str(remove), f"{both[0]!r} is in both files", "take it out of one")
        raise Invalid("nobody can be added and removed at once", (problem,))
    done: dict[str, Any] = {"added": 0, "removed": 0, "unknown": []}
    with api() as client:
        for what, ids in wanted.items():
            rest = iter(ids)
            while some := list(islice(rest, MOST_AT_ONCE)):
                answer = client.post("segments", id, "members", body={what: some})
                for name in done:
                    done[name] += answer[name]
    if json:
        show.print_json(done)
    else:
        click.echo(f"{id}: {done['added']:,} added, {done['removed']:,} removed, {len(done['unknown']):,} unknown")
    if done["unknown"]:
        more = ", …" if len(done["unknown"]) > SHOWN else ""
        raise click.ClickException(f"ids of nobody: {', '.join(done['unknown'][:SHOWN])}{more}")


def _ids(path: Path | None) -> list[str]:
    """Each once, in the order of the file."""
    try:
        lines = [] if path is None else path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise Invalid(f"{path} is not UTF-8", (Problem(str(path), "is not UTF-8", "save it as UTF-8"),)) from None
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))
