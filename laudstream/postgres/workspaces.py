"""Making a workspace, with its first keys."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

import asyncpg

from laudstream.errors import Invalid, Refused
from laudstream.ids import WORKSPACE
from laudstream.postgres import queries, tenancy

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

_SQL = queries("keys")

PREFIX = {"write": "wk_", "admin": "at_"}
"""So that people see which key they hold."""


async def create_workspace(pool: Pool, id: str, name: str) -> tuple[str, str]:
    """Makes a workspace; returns its write key and its admin token, which are shown here and never again.

    The role of `pool` owns the tables. Raises Invalid for an id that is none, Refused if there is one already.
    """
    if not WORKSPACE.fullmatch(id):
        raise Invalid(f"workspace id {id!r} is not [a-z0-9]{{8,32}}")
    keys = {kind: prefix + secrets.token_urlsafe(24) for kind, prefix in PREFIX.items()}
    try:
        async with tenancy.workspace(pool, id) as connection:
            await connection.execute(_SQL["add_workspace"], id, name)
            for kind, key in keys.items():
                await connection.execute(_SQL["add_key"], id, sha256(key.encode()).digest(), kind, key[-4:])
    except asyncpg.UniqueViolationError:
        raise Refused(f"there is a workspace {id} already") from None
    return keys["write"], keys["admin"]
