"""`laudstream migrate`: tables of PostgreSQL."""

from __future__ import annotations

import asyncio

import click

from laudstream.cli.connect import settings
from laudstream.postgres import connect
from laudstream.postgres.migrate import Migration, migrate


@click.command("migrate")
def migrate_() -> None:
    """Apply the migrations that LAUDSTREAM_DATABASE_URL does not have yet; safe to run again and at once."""
    applied = asyncio.run(_migrate(settings().database_url))
    for migration in applied:
        click.echo(f"applied {migration.file}")
    if not applied:
        click.echo("nothing to do")


async def _migrate(dsn: str) -> list[Migration]:
    pool = await connect(dsn, max_size=1, application="laudstream migrate")
    try:
        return await migrate(pool)
    finally:
        await pool.close()
