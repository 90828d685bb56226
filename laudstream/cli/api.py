"""`laudstream api`: the HTTP API and the UI."""

from __future__ import annotations

import click
import uvicorn

from laudstream.settings import load

GRACE_S = 5


@click.command()
def api() -> None:
    """Listen on LAUDSTREAM_API_HOST and LAUDSTREAM_API_PORT; SIGTERM lets open requests end first."""
    settings = load()
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        server_header=False,
        log_level=settings.log_level.lower(),
        timeout_graceful_shutdown=GRACE_S,
    )
