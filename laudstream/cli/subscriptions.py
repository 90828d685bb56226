"""`laudstream subscriptions`: what customers of a workspace can consent to."""

from __future__ import annotations

import click

from laudstream.cli import show
from laudstream.cli.connect import api

_COLUMNS = ("id", "name", "channel", "opt_in", "status", "live_version")


@click.group()
def subscriptions() -> None:
    """List and show subscriptions; `laudstream apply` changes them."""


@subscriptions.command("list")
@show.as_json
def list_(json: bool) -> None:
    """All subscriptions."""
    with api() as client:
        answer = client.get("subscriptions")
    if json:
        show.print_json(answer)
    else:
        rows = ({"opt_in": "explicit", **row["body"], **row} for row in answer["items"])
        show.print_table(_COLUMNS, ([row.get(column) for column in _COLUMNS] for row in rows))


@subscriptions.command("show")
@click.argument("id")
@show.as_json
def show_(id: str, json: bool) -> None:
    """One subscription as it is live."""
    with api() as client:
        subscription = client.get("subscriptions", id)
    if json:
        show.print_json(subscription)
    else:
        show.print_definition(subscription)
