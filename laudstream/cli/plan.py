"""`laudstream journeys plan`: what publishing a file would do to the people who are in the journey (R48)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from laudstream.cli import apply, show
from laudstream.cli.client import Client
from laudstream.cli.connect import api
from laudstream.cli.diff import difference
from laudstream.cli.files import load
from laudstream.conditions.operators import same
from laudstream.errors import Invalid, Problem, Unavailable
from laudstream.journey.migration import EXIT, STAY

_AT_ONCE_S = 5
"""What the API waits for the lanes before it is asked again."""


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--wait", default=30, show_default=True, help="Seconds to wait until all lanes have counted.")
@show.as_json
def plan(file: Path, wait: int, json: bool) -> None:
    """What publishing the journey in FILE would do to the people in it; nothing is changed.

    Lanes count who is at which step of which version. Whoever is at a step that the file's map (`migrate`) names goes
    where it says; all others stay on the version they entered.
    """
    (item,) = apply.check(load(file))
    if item.kind != "journey":
        raise Invalid("no journey", (Problem(str(file), f"holds a {item.kind}", "give the file of a journey"),))
    with api() as client:
        there = client.find("journeys", item.id)
        version = there["live_version"] if there else None
        unchanged = there is not None and version is not None and not difference(there["body"], item.body)
        steps = {} if unchanged else item.body.get("migrate", {})
        cells = counted(client, item.id, steps, wait) if version is not None else []
        bodies = {number: _body(client, item.id, number) for number in {cell["version"] for cell in cells}}
    rows = [{**cell, "change": _change(bodies[cell["version"]], item.body, cell["step"])} for cell in cells]
    if json:
        show.print_json(
            {"id": item.id, "live_version": version, "same": unchanged, "cells": rows, "total": _total(rows)}
        )
        return
    click.echo(_headline(item.id, version, unchanged))
    if rows:
        print_cells(rows)


def counted(client: Client, id: str, steps: dict[str, str], wait: int) -> list[dict[str, Any]]:
    """Where people are, and where the map takes them. Raises Unavailable if not all lanes count within `wait` s."""
    wish: dict[str, Any] = {"migrate": steps}
    left, answer = wait, dict[str, Any]()
    while True:
        answer = client.post("journeys", id, "dry-run", body=wish, wait=min(left, _AT_ONCE_S))
        left -= _AT_ONCE_S
        if answer["done"] or left <= 0:
            break
        wish["order"] = answer["order"]
    if not answer["done"]:
        raise Unavailable(f"only {answer['lanes']} lanes have counted after {wait} s: is the journey worker running?")
    return list(answer["cells"])


def _body(client: Client, id: str, version: int) -> dict[str, Any]:
    return dict(client.get("journeys", id, "versions", str(version))["body"])


def _change(old: dict[str, Any], new: dict[str, Any], step: str) -> str:
    """What the file makes of the step where people are."""
    if step not in new["steps"]:
        return "gone"
    return "same" if same(old["steps"].get(step), new["steps"][step]) else "changed"


def _headline(id: str, version: int | None, unchanged: bool) -> str:
    if version is None:
        return f"{id} was never published: nobody is in it"
    if unchanged:
        return f"{id}: the file is as version {version}, which is live: publishing it changes nothing"
    return f"{id}: a new version takes entries in the place of version {version}"


def _total(cells: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Runs by what becomes of them; those that are parked stay too."""
    total = {"move": 0, EXIT: 0, STAY: 0, "parked": 0}
    for cell in cells:
        total["parked" if cell["parked"] else cell["to"] if cell["to"] in (EXIT, STAY) else "move"] += cell["runs"]
    return total


def print_cells(cells: list[dict[str, Any]]) -> None:
    """A table of where people are and what becomes of them, and a line of the sums."""
    compared = ("in_the_file",) if all("change" in cell for cell in cells) else ()
    columns = ("version", "step", "people", "runs", *compared, "what_becomes_of_them")
    rows = []
    for cell in cells:
        change = [cell["change"]] if "change" in cell else []
        rows.append((cell["version"], cell["step"], cell["people"], cell["runs"], *change, _word(cell)))
    show.print_table(columns, rows)
    total = _total(cells)
    parked = f", {total['parked']:,} stay parked" if total["parked"] else ""
    click.echo(f"{total['move']:,} runs move, {total[EXIT]:,} end as migrated, {total[STAY]:,} stay{parked}")


def _word(cell: dict[str, Any]) -> str:
    if cell["parked"]:
        return "stay parked by an error"
    words = {EXIT: "end as migrated", STAY: f"stay on version {cell['version']}"}
    return words.get(cell["to"], f"→ {cell['to']}")
