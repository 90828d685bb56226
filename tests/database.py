"""A PostgreSQL of its own for tests, with the product's roles, and fresh databases in it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from laudstream.postgres import connect
from laudstream.postgres.migrate import migrate

WORKSPACE = "testshop"
_BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/usr/bin"))
_ROLES = """
CREATE ROLE laudstream LOGIN SUPERUSER;
CREATE ROLE laudstream_api LOGIN;
CREATE ROLE laudstream_worker LOGIN BYPASSRLS;
CREATE ROLE laudstream_cdc LOGIN REPLICATION;
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _as_postgres(*command: str | Path) -> None:
    """PostgreSQL refuses to run as root."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *map(str, command)], check=True, capture_output=True, cwd="/")


@contextmanager
def running() -> Iterator[int]:
    """Its port."""
    folder = Path(tempfile.mkdtemp(prefix="laudstream-postgres-"))
    port = free_port()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    store = folder / "store"
    try:
        _as_postgres(_BIN / "initdb", "-D", store, "-A", "trust", "-U", "root", "-E", "UTF8", "--no-sync")
        options = f"-p {port} -k {folder} -h 127.0.0.1 -c fsync=off"
        _as_postgres(_BIN / "pg_ctl", "-D", store, "-w", "-o", options, "-l", folder / "log", "start")
        try:
            login = ("psql", "-h", "127.0.0.1", "-p", str(port), "-U", "root", "-d", "postgres", "-q", "-c")
            subprocess.run([*login, _ROLES], check=True, capture_output=True)
            yield port
        finally:
            _as_postgres(_BIN / "pg_ctl", "-D", store, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def fresh(postgres: int) -> str:
    """A fresh database with one workspace: its address, in the role of workers."""
    admin = await connect(f"postgresql://root@127.0.0.1:{postgres}/postgres", max_size=1)
    await admin.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
    await admin.execute("CREATE DATABASE shop OWNER laudstream")
    await admin.close()
    owner = await connect(f"postgresql://laudstream@127.0.0.1:{postgres}/shop", max_size=1)
    await migrate(owner)
    await owner.execute("INSERT INTO workspaces (workspace_id, name) VALUES ($1, 'Test shop')", WORKSPACE)
    await owner.close()
    return f"postgresql://laudstream_worker@127.0.0.1:{postgres}/shop"
