"""`laudstream segments`: the segments of a workspace, and the members of those that are lists."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import click

from laudstream.cli import files, show
from laudstream.cli.client import Client
from laudstream.cli.connect import api
from laudstream.cli.progress import bar
from laudstream.errors import Invalid, Problem

MOST_AT_ONCE = 1_000
"""Members in one request."""
SHOWN = 10
POLL_S = 5
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


@segments.command()
@click.argument("which", metavar="FILE|ID")
@show.as_json
def count(which: str, json: bool) -> None:
    """Count exactly who would be in the segment of a file, or in one that is live by its condition.

    All lanes look at all their customers, events and changes included; nothing is published by it.
    """
    with api() as client:
        wanted = _conditions(client, which)
        found = {id: _counted(client, id, condition) for id, condition in wanted}
    if json:
        show.print_json(found)
        return
    for id, answer in found.items():
        matching, of = answer["matching"], answer["looked_at"]
        share = f" ({100 * matching / of:.1f} %)" if of else ""
        click.echo(f"{id}: {matching:,} of {of:,} customers{share}")
        if answer["failed"]:
            click.echo(f"  {answer['failed']:,} could not be asked, and are not in it")
        if answer["unseen"]:
            click.echo(f"  counted from a publish on only: {', '.join(answer['unseen'])}")
        for one in answer["sample"]:
            click.echo(f"  {one['id']}  {one['email'] or ''}".rstrip())


def _conditions(client: Client, which: str) -> list[tuple[str, dict[str, Any]]]:
    path = Path(which)
    bodies = {item.id: item.body for item in files.load(path) if item.kind == "segment"} if path.is_file() else {}
    if not path.is_file():
        bodies = {which: client.get("segments", which)["body"]}
    found = [(id, body["condition"]) for id, body in bodies.items() if "condition" in body]
    if not found:
        raise Invalid(
            "nothing to count",
            (
                Problem(
                    which,
                    "there is no segment with a condition",
                    "`laudstream segments list` says which have one; `segments show ID` the others",
                ),
            ),
        )
    return found


def _counted(client: Client, id: str, condition: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("censuses", body={"condition": condition})
    with bar(f"{id}: lanes", answer["of"]) as advance:
        seen = 0
        while True:
            advance(answer["lanes"] - seen)
            if answer["done"]:
                return answer
            seen = answer["lanes"]
            answer = client.get("censuses", str(answer["id"]), wait=POLL_S)


def _ids(path: Path | None) -> list[str]:
    """Each once, in the order of the file."""
    try:
        lines = [] if path is None else path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise Invalid(f"{path} is not UTF-8", (Problem(str(path), "is not UTF-8", "save it as UTF-8"),)) from None
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))
