"""`laudstream api`: the HTTP API and the UI."""

from __future__ import annotations

import click

from api.app import serve
from laudstream.settings import load


@click.command()
def api() -> None:
    """Listen on LAUDSTREAM_API_HOST and LAUDSTREAM_API_PORT; SIGTERM lets open requests end first."""
    serve(load())
