"""`laudstream journeys publish|versions|restore|promote|withdraw|migrate`: from one version to another."""

from __future__ import annotations

from typing import Any

import click
import yaml

from laudstream.cli import show
from laudstream.cli.connect import api
from laudstream.errors import Invalid, Problem

_wait = click.option("--wait", default=10, show_default=True, help="Seconds to wait until all lanes have it.")
_move = click.option(
    "--move", "moves", multiple=True, metavar="OLD=NEW",
    help="Where people at step OLD of other versions go: a step of the new one, exit or stay. Repeat it for each step.",
)  # fmt: skip


def said(id: str, answer: dict[str, Any]) -> None:
    """A line about what became of a journey. Ends with 1 if the control agent refused it."""
    version = f"  version {answer['version']}" if answer.get("version") else ""
    click.echo(f"{id}  {answer['status']}{version}")
    if answer.get("problem"):
        raise click.ClickException(f"refused by the control agent: {answer['problem']}")


def _map(moves: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for move in moves:
        old, equals, new = move.partition("=")
        if not (old and equals and new):
            raise Invalid(f"{move!r} is no move", (Problem("--move", f"{move!r} is no move", "write --move OLD=NEW"),))
        found[old] = new
    return found


@click.command()
@click.argument("id")
@click.option(
    "--share",
    type=click.FloatRange(0.01, 99.99),
    help="Only for so many per cent of those who enter, beside the live version.",
)
@_wait
def publish(id: str, share: float | None, wait: int) -> None:
    """Make the draft the live version, or with --share put it on trial beside the live one.

    With --share and no draft, the share of the version that is on trial changes; a larger one only adds customers.
    """
    asked: dict[str, Any] = {} if share is None else {"share": share}
    with api() as client:
        answer = client.post("journeys", id, "publish", wait=wait, **asked)
    if share is not None and not answer.get("problem"):
        click.echo(f"{id}  {answer['status']}  version {answer['version']} on trial with {share:g} %")
    else:
        said(id, answer)


@click.command("versions")
@click.argument("id")
@click.argument("version", type=int, required=False)
@show.as_json
def versions_(id: str, version: int | None, json: bool) -> None:
    """The versions of a journey and how many runs are on each; or what one of them says."""
    with api() as client:
        answer = client.get("journeys", id, "versions", *([] if version is None else [str(version)]))
    if json:
        show.print_json(answer)
    elif version is not None:
        click.echo(yaml.safe_dump(answer["body"], sort_keys=False, allow_unicode=True).rstrip())
    else:
        columns = ("version", "state", "runs", "published", "about")
        show.print_table(columns, [_row(line) for line in answer["versions"]])


def _row(line: dict[str, Any]) -> tuple[object, ...]:
    state = f"trial {line['share']:g} %" if line["state"] == "trial" else line["state"]
    about = [f"as version {line['restored_from']}"] if line["restored_from"] else []
    about += ["with a map"] if line["migrates"] else []
    return line["version"], state, line["runs"], show.when(line["published_at"]), ", ".join(about)


@click.command()
@click.argument("id")
@click.argument("version", type=int)
@_move
@_wait
def restore(id: str, version: int, moves: tuple[str, ...], wait: int) -> None:
    """Publish what VERSION says again, as a new version. Runs stay where they are, unless --move says otherwise."""
    body: dict[str, Any] = {"version": version, **({"migrate": _map(moves)} if moves else {})}
    with api() as client:
        said(id, client.post("journeys", id, "restore", body=body, wait=wait))


@click.command()
@click.argument("id")
@_wait
def promote(id: str, wait: int) -> None:
    """Let the version on trial take all entries; a map in it moves the runs of the others."""
    with api() as client:
        said(id, client.post("journeys", id, "promote", wait=wait))


@click.command()
@click.argument("id")
@_wait
def withdraw(id: str, wait: int) -> None:
    """Let the version on trial take no more entries; the runs on it go on."""
    with api() as client:
        said(id, client.post("journeys", id, "withdraw", wait=wait))


@click.command()
@click.argument("id")
@_move
@_wait
@click.option("--dry-run", is_flag=True, help="Only count whom it would move.")
@show.as_json
def migrate(id: str, moves: tuple[str, ...], wait: int, dry_run: bool, json: bool) -> None:
    """Move runs of other versions to the live one, as --move says; who is at a step that is not named stays."""
    from laudstream.cli.plan import counted, print_cells

    steps = _map(moves)
    if not steps:
        raise Invalid("nobody to move", (Problem("--move", "no step is named", "write --move OLD=NEW"),))
    with api() as client:
        if not dry_run:
            said(id, client.post("journeys", id, "migrate", body={"steps": steps}, wait=wait))
            return
        live = client.get("journeys", id)["live_version"]
        found = [cell for cell in counted(client, id, steps, wait) if cell["version"] != live]
    if json:
        show.print_json({"id": id, "cells": found})
    else:
        print_cells(found)


COMMANDS = (publish, versions_, restore, promote, withdraw, migrate)
