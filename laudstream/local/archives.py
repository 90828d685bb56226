"""Class data archives of the Java programs (JEP 350): they start in about half the time.

`python -m laudstream.local.archives` is part of `make setup`. It runs each program once, in a folder that is thrown
away, and has the JVM write what it loaded when it ends. An archive that does not fit the JVM or the jars is ignored
by the JVM, so the worst that can happen is a slower start.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import msgspec

from laudstream.local import child, kafka
from laudstream.local.child import Child, Server
from laudstream.local.ports import Ports, free_base
from laudstream.local.site import Site
from laudstream.settings import Settings

_DUMP_S = 120.0


async def make(site: Site) -> None:
    """Write the archives into the cache. `site.data` is used up."""
    site.make_folders()
    ports = Ports.above(free_base())
    folder = kafka.archive(site, "kafka").parent
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    broker, connect = kafka.broker(site, ports, Settings()), kafka.connect(site, ports)
    config = site.data / "config" / "server.properties"
    await child.run(_dumping(site, "format", kafka.format_command(site, config)), site=site, name="format")
    running: list[Child] = []
    try:
        for server in (broker, connect):
            one = Child(_dumping_server(site, server), site)
            running.append(one)
            await one.start()
    finally:
        for one in reversed(running):
            await one.stop()


def _dumping(site: Site, name: str, command: tuple[str, ...]) -> tuple[str, ...]:
    java, *rest = command
    return (java, f"-XX:ArchiveClassesAtExit={kafka.archive(site, name)}", *rest)


def _dumping_server(site: Site, server: Server) -> Server:
    command = _dumping(site, server.name, server.command)
    return msgspec.structs.replace(server, command=command, stop_s=_DUMP_S)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="laudstream-archives-") as data:
        asyncio.run(make(Site.at()._replace(data=Path(data))))


if __name__ == "__main__":
    main()
