"""`laudstream config`: all settings, and where each comes from."""

from __future__ import annotations

import os
from typing import NamedTuple

import click

from laudstream.cli import show
from laudstream.cli.connect import settings
from laudstream.postgres.pool import redacted
from laudstream.settings import described


class Line(NamedTuple):
    setting: str
    value: str
    source: str
    """default, environment or local stack."""
    meaning: str


@click.command()
@click.option("--env", is_flag=True, help="Print an environment file with the defaults, for deploy/.")
@show.as_json
def config(env: bool, json: bool) -> None:
    """Print all settings; passwords, keys and tokens are not shown."""
    if env:
        click.echo(env_file(), nl=False)
    elif json:
        show.print_json([line._asdict() for line in lines()])
    else:
        for line in lines():
            click.echo(f"{click.style(line.setting, bold=True)}={line.value}\n    {line.source} · {line.meaning}")


def lines() -> list[Line]:
    now = settings()
    found = []
    for variable, default, meaning, secret in described():
        value = getattr(now, variable.removeprefix("LAUDSTREAM_").lower())
        text = str(value).lower() if isinstance(value, bool) else str(value)
        source = "environment" if variable in os.environ else "default" if str(value) == default else "local stack"
        found.append(Line(variable, hidden(text) if secret else text, source, meaning))
    return found


def hidden(value: str) -> str:
    """An address without its password; of anything else only that it is set."""
    if not value:
        return ""
    return redacted(value) if "://" in value else "…"


def env_file() -> str:
    """Text of deploy/env.example: every setting with its meaning and default, commented out."""
    parts = [
        "# Settings of laudstream and their defaults, made by `laudstream config --env`.",
        "# Each process reads them from its environment.",
    ]
    for variable, default, meaning, _ in described():
        value = default.lower() if default in ("True", "False") else default
        parts.append(f"\n# {meaning}\n#{variable}={value}")
    return "\n".join(parts) + "\n"
