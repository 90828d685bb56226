"""`laudstream groups`: the groups of a workspace, their traits and members."""

from __future__ import annotations

from typing import Any

import click

from laudstream.cli import show
from laudstream.cli.connect import api

_LIMIT = click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Rows.")


@click.group()
def groups() -> None:
    """List and show groups of customers; `group` calls of the API make them."""


@groups.command("list")
@click.option("--query", default="", help="Beginning of an id or a name.")
@_LIMIT
@show.as_json
def list_(query: str, limit: int, json: bool) -> None:
    """Groups, by id."""
    with api() as client:
        answer = client.get("groups", query=query, limit=limit)
    if json:
        show.print_json(answer)
        return
    rows = (
        [row["id"], row["traits"].get("name"), _members(row), row["behind"], show.when(row["updated_at"])]
        for row in answer["groups"]
    )
    show.print_table(("id", "name", "members", "behind", "updated_at"), rows)
    if answer["next"]:
        click.echo(f"the first {limit}; narrow them down with --query")


@groups.command("show")
@click.argument("id")
@_LIMIT
@show.as_json
def show_(id: str, limit: int, json: bool) -> None:
    """One group: traits, and members by id."""
    with api() as client:
        group = client.get("groups", id, limit=limit)
    if json:
        show.print_json(group)
        return
    show.print_table(("trait", "value"), group["traits"].items(), f"group {id}")
    members = (
        [row["id"], row["email"], show.when(row["since"]), _state(row["too_large"])] for row in group["customers"]
    )
    show.print_table(("customer", "email", "since", "row"), members, f"{group['members']:,} members")
    if group["behind"]:
        click.echo(f"{group['behind']:,} do not have the newest traits yet")
    if group["too_large"]:
        click.echo(f"{group['too_large']:,} keep older traits, since their rows would be too large")


def _members(row: dict[str, Any]) -> object:
    return f"{row['members']:,}+" if row["more"] else row["members"]


def _state(too_large: bool) -> str:
    return "keeps older traits: too large" if too_large else ""
