"""`laudstream templates`: the templates of a workspace."""

from __future__ import annotations

import click

from laudstream.cli import show
from laudstream.cli.connect import api

_COLUMNS = ("id", "channel", "status", "live_version", "subject")


@click.group()
def templates() -> None:
    """List and show templates; `laudstream apply` changes them."""


@templates.command("list")
@show.as_json
def list_(json: bool) -> None:
    """All templates."""
    with api() as client:
        answer = client.get("templates")
    if json:
        show.print_json(answer)
    else:
        show.print_table(_COLUMNS, ([row.get(column) for column in _COLUMNS] for row in answer["templates"]))


@templates.command("show")
@click.argument("id")
@show.as_json
def show_(id: str, json: bool) -> None:
    """One template as it is live."""
    with api() as client:
        template = client.get("templates", id)
    if json:
        show.print_json(template)
        return
    for name, value in template.get("body", {}).items():
        text = ", ".join(value) if isinstance(value, list) else str(value)
        click.echo(f"{name}: {text}" if "\n" not in text else f"{name}:\n{text.rstrip()}\n")
