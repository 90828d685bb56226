"""A stack that begins as one release, tables and topics too, and whose parts become another, one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec

from laudstream.local.child import Child
from laudstream.local.parts import Part, Step
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from laudstream.settings import environment
from tests.conftest import SETTINGS
from tests.upgrade.release import Release

STEPS = {"migrations": ("migrate",), "topics": ("topics", "apply")}
"""What is done once, with the command for it."""
PARTS = ("api", "senders", "projector", "journeys", "journeys-2")


class Installation(Stack):
    def __init__(self, data: Path, base: int, old: Release, new: Release, brokers: int = 1) -> None:
        settings = msgspec.structs.replace(SETTINGS, replication=brokers)
        super().__init__(data, ports=Ports.above(base), workers=2, brokers=brokers, settings=settings)
        self.old, self.new = old, new
        self._given: dict[str, Mapping[str, str]] = {}
        """Environment of each part, of no release."""

    def _prepare(self) -> None:
        super()._prepare()
        self._parts = [self._of_old(part) for part in self._parts]
        self._given = {name: self.part(name).server.env for name in PARTS}
        for name in PARTS:
            self.give(name, self.old)

    def _of_old(self, part: Part) -> Part:
        command = STEPS.get(part.name)
        if command is None or not isinstance(part, Step):
            return part

        async def run() -> str:
            return await self.command(self.old, *command)

        return msgspec.structs.replace(part, run=run)

    def give(self, name: str, release: Release) -> None:
        """This part is of that release from its next start on."""
        child: Child = self.part(name)
        child.server = msgspec.structs.replace(child.server, env=release.env(self._given[name]))

    async def command(self, release: Release, *words: str) -> str:
        """`laudstream …` of that release, as an operator of this stack; the last line that it says."""
        env = environment(self.settings)
        said = await asyncio.to_thread(release.run, "laudstream", *words, env=env)
        return (said.strip().splitlines() or [""])[-1]

    async def upgrade(self) -> None:
        """Tables and topics of the new release."""
        for words in STEPS.values():
            await self.command(self.new, *words)
