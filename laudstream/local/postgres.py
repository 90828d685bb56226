"""PostgreSQL of a local stack.

PostgreSQL refuses to run as root: then it runs as the `postgres` user that Debian's package makes. That user may not
be allowed to walk to the data folder (a clone in /root), so the server gets the folder as an open file and is told
that its data are in /proc/self/fd/N, which needs no walk.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from pathlib import Path

import asyncpg

from laudstream.errors import Invalid
from laudstream.local import child
from laudstream.local.child import FOLDER, Died, Server
from laudstream.local.ports import HOST, Ports
from laudstream.local.site import SETUP, Site

DATABASE = "laudstream"
_DEBIAN = Path("/usr/lib/postgresql")


def address(role: str, password: str, ports: Ports) -> str:
    return f"postgresql://{role}:{password}@{HOST}:{ports.postgres}/{DATABASE}"


def server(site: Site, ports: Ports, password: str) -> Server:
    bin_folder = _programs()
    user = _user()

    async def prepare() -> None:
        if not (site.data / "postgres" / "PG_VERSION").exists():
            await _initialise(site, bin_folder, user, password)
        _configure(site.data / "postgres", site, ports)

    async def ready() -> bool:
        try:
            connection = await asyncpg.connect(address("laudstream", password, ports), timeout=5)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
            return False
        except asyncpg.InvalidPasswordError:
            raise Invalid(
                f"the PostgreSQL at port {ports.postgres} does not know the password of {site.data}"
            ) from None
        await connection.close()
        return True

    return Server(
        name="postgres",
        title=f"PostgreSQL {_version(bin_folder)}",
        command=(str(bin_folder / "postgres"), "-D", FOLDER),
        folder=site.data / "postgres",
        user=user,
        ports={"PostgreSQL": ports.postgres},
        prepare=prepare,
        ready=ready,
        detail=f"{HOST}:{ports.postgres}",
        stop_signal=signal.SIGINT,  # fast shutdown: does not wait for clients
        death_signal="INT",
        stop_s=20.0,
    )


async def _initialise(site: Site, bin_folder: Path, user: str, password: str) -> None:
    """A new cluster with our roles and database; under its name only when all of it is done."""
    new = site.data / "postgres.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if user:
        shutil.chown(new, user)
    initdb = [str(bin_folder / "initdb"), "-D", FOLDER, "--username=postgres", "--auth=trust", "--no-sync"]
    log = {"site": site, "name": "initdb", "folder": new, "user": user}
    await child.run([*initdb, "--encoding=UTF8", "--locale=C.UTF-8"], **log)  # type: ignore[arg-type]
    single = [str(bin_folder / "postgres"), "--single", "-j", "-D", FOLDER, "postgres"]
    sql = site.filled("postgres.sql", password=password).replace(";\n", ";\n\n")  # -j: an empty line ends a statement
    said = await child.run(single, stdin=sql, **log)  # type: ignore[arg-type]
    if "ERROR:" in said:
        raise Died("initdb", "could not make the roles", site.log("initdb"))
    new.rename(site.data / "postgres")


def _configure(folder: Path, site: Site, ports: Ports) -> None:
    (folder / "postgresql.conf").write_text(site.filled("postgresql.conf", postgres=ports.postgres))
    (folder / "pg_hba.conf").write_text(site.filled("pg_hba.conf"))


def _programs() -> Path:
    """Folder of the newest installed server."""
    there = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    found = there[-1] if there else shutil.which("postgres")
    if not found:
        raise Invalid(f"PostgreSQL is not installed: {SETUP}, or install postgresql")
    return Path(found).resolve().parent


def _version(bin_folder: Path) -> str:
    return bin_folder.parent.name if bin_folder.parent.name.isdecimal() else ""


def _user() -> str:
    """User that the server runs as; empty: ourselves."""
    if os.geteuid() != 0:
        return ""
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise Invalid("PostgreSQL does not run as root and there is no user `postgres`: " + SETUP) from None
