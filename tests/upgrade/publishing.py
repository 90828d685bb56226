"""Somebody who publishes and stops journeys while parts go from one release to the other, in words that both know.

Each journey takes a customer in every lane and is stopped then: each of them enters once, ends `stopped`, once, and
whoever comes afterwards is not let in. What the API does not answer while it is rolled is asked again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import httpx
import structlog

from laudstream.errors import LaudstreamError
from tests.chaos.oracle import Findings
from tests.integration.kit import Shop, leave, wait_for, wait_until
from tests.upgrade.stack import Installation

log = structlog.get_logger(__name__)

PATIENCE_S = 120.0
AGAIN_S = 0.5


class Publishing:
    """Goes on as long as it is entered; the last journey is brought to its end."""

    def __init__(self, stack: Installation, findings: Findings) -> None:
        self._shop, self._findings = Shop(stack), findings
        self._enough = False
        self.journeys: list[str] = []
        """That went through all of it."""

    async def __aenter__(self) -> Self:
        await self._shop.__aenter__()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough = True
        try:
            if error is None:
                await self._task
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._shop.__aexit__(None, None, None)

    async def _run(self) -> None:
        number = 0
        while not self._enough:
            number += 1
            name = self._shop.name(f"mid{number}")
            try:
                await self._one(name)
            except (AssertionError, LaudstreamError, httpx.HTTPError) as error:
                self._findings.stuck.append(f"published and stopped on the way, {name}: {error}")
                return
            self.journeys.append(name)
            log.info("published_and_stopped", journey=name)

    async def _one(self, name: str) -> None:
        shop = self._shop
        steps = {"rest": wait_for(shop.name("go"), "done", "P1D", "late"), "done": leave("done"), "late": leave("late")}
        await self._again(lambda: shop.publish(name, steps))
        inside, outside = (self._everywhere(f"{name}-{word}") for word in ("in", "out"))
        await self._enter(inside, name)
        await self._again(lambda: shop.act(name, "stop"))
        await self._enter(outside, name)
        wanted = {who: Counter(entered=1, ended=1) for who in inside}
        found: dict[str, Counter[str]] = {}

        async def decided() -> bool:
            decisions = await shop.decisions(name)
            found.clear()
            for decision in decisions:
                found.setdefault(decision.customer, Counter())[decision.kind] += 1
            return sum(d.kind == "ended" and d.reason == "stopped" for d in decisions) >= len(wanted)

        await wait_until(decided, PATIENCE_S, f"who was in {name} has ended")
        self._findings.wrong += [
            f"{who} in {name}, stopped on the way: {dict(found.get(who, ()))}"
            for who in {*inside, *outside, *found}
            if found.get(who, Counter()) != wanted.get(who, Counter())
        ]

    async def _enter(self, customers: list[str], name: str) -> None:
        """One after the other, each by an event that counts once however often it is posted."""
        for who in customers:
            item = {"userId": who, "event": name, "messageId": f"{who}/{name}"}
            await self._again(lambda item=item: self._shop.post("track", item))  # type: ignore[misc]
        await self._shop.handled()

    async def _again(self, step: Callable[[], Awaitable[object]]) -> None:
        """Until it goes through: the API, or the control agent, may be on its way."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                await step()
                return
            except (AssertionError, httpx.HTTPError):
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(AGAIN_S)

    def _everywhere(self, word: str) -> list[str]:
        """A customer for each partition."""
        found: dict[int, str] = {}
        number = 0
        while len(found) < self._shop.settings.partitions:
            who = f"{word}{number}"
            found.setdefault(self._shop.partition(who), who)
            number += 1
        return list(found.values())
