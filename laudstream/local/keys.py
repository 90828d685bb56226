"""Secrets of a data folder: made once, kept in `keys.json` (mode 0600), shown again at each start."""

from __future__ import annotations

import os
import secrets
from hashlib import sha256
from pathlib import Path

import msgspec

from laudstream.errors import Refused
from laudstream.postgres import connect, queries, tenancy
from laudstream.postgres.workspaces import PREFIX, create_workspace

WORKSPACE = "localdev"
_FILE = "keys.json"


class Keys(msgspec.Struct, frozen=True):
    database_password: str
    workspace: str = WORKSPACE
    write_key: str = ""
    """Empty: there is no workspace yet."""
    admin_token: str = ""
    webhook_secret: str = ""


def load(data: Path) -> Keys:
    """The keys of a folder; new ones if it has none."""
    try:
        keys = msgspec.json.decode((data / _FILE).read_bytes(), type=Keys)
        if keys.webhook_secret:
            return keys
    except FileNotFoundError:
        keys = Keys(secrets.token_hex(16))
    keys = msgspec.structs.replace(keys, webhook_secret=secrets.token_hex(32))
    save(data, keys)
    return keys


def save(data: Path, keys: Keys) -> None:
    write_private(data / _FILE, msgspec.json.format(msgspec.json.encode(keys)) + b"\n")


def write_private(path: Path, content: bytes) -> None:
    """Replace a file in one go; only its owner may read it."""
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    new.replace(path)


async def with_workspace(dsn: str, keys: Keys) -> Keys:
    """The same keys if they open their workspace, else with new ones. `dsn` is of the role that owns the tables."""
    pool = await connect(dsn, max_size=1)
    sql = queries("keys")
    try:
        row = await pool.fetchrow(sql["workspace_of_key"], _hash(keys.admin_token))
        if row and row["workspace_id"] == keys.workspace:
            return keys
        try:
            write, admin = await create_workspace(pool, keys.workspace, "Local")
        except Refused:  # there is one, whose keys were lost
            made = {kind: prefix + secrets.token_urlsafe(24) for kind, prefix in PREFIX.items()}
            async with tenancy.workspace(pool, keys.workspace) as connection:
                for kind, key in made.items():
                    await connection.execute(sql["add_key"], keys.workspace, _hash(key), kind, key[-4:])
            write, admin = made["write"], made["admin"]
    finally:
        await pool.close()
    return msgspec.structs.replace(keys, write_key=write, admin_token=admin)


def _hash(key: str) -> bytes:
    return sha256(key.encode()).digest()
