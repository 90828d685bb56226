"""Who is whom: ids that are aliases of customers by now (A18), as PostgreSQL has it and as this process remembers it.

What is remembered may be old: lanes pass on what comes under an id that is an alias since. So events are taken while
PostgreSQL does not answer, and only merges wait for it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import asyncpg

from laudstream.errors import Invalid, Problem, Refused, Unavailable
from laudstream.journey.handoff import QUOTA
from laudstream.postgres import queries, tenancy

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

_SQL = queries("identities")
K = TypeVar("K")
V = TypeVar("V")

FRESH_S = 60.0
"""An answer about an id serves so long …"""
STANDING_S = 5.0
"""… and that nobody of a workspace was merged."""
LOOKUP_S = 2.0
"""A request waits so long for the roots of its customers, and then goes on with what is remembered."""
MAX_KNOWN = 100_000
TRIES = 5
MERGES_FROM = 3
"""The state format from which on lanes know what a merge is."""


class Standing(NamedTuple):
    """Of a workspace."""

    asked_at: float
    merged: bool
    """Somebody was."""
    merges: bool | None
    """All lanes know what a merge is; None: PostgreSQL never answered."""


class _Known(NamedTuple):
    at: float
    root: str
    """Empty: nobody's alias."""
    known: bool
    """A customer whom no identify merges."""


class Outcome(NamedTuple):
    root: str
    """Who both are now."""
    name: str
    """merged, same, alias, known or not_yet, as `merge_customers` says."""


class Identities:
    def __init__(self, pool: Pool, clock: Callable[[], float] = monotonic) -> None:
        self._pool = pool
        self._clock = clock
        self._standings: OrderedDict[str, Standing] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._silent_until = 0.0

    async def roots(self, workspace: str, ids: Iterable[str]) -> dict[str, str]:
        """The root of each of these ids that is an alias. Costs next to nothing where nobody was ever merged."""
        if not (await self.standing(workspace)).merged:
            return {}
        found: dict[str, str] = {}
        unknown = []
        oldest = self._clock() - FRESH_S
        known = self._known
        for id in set(ids):
            there = known.get((workspace, id))
            if there is None or there.at < oldest:
                unknown.append(id)
            if there is not None and there.root:
                found[id] = there.root
        if unknown:
            found.update(await self._asked(workspace, unknown))
        for id, root in found.items():  # it may have been merged here since
            further = known.get((workspace, root))
            if further is not None and further.root:
                found[id] = further.root
        return found

    async def newcomers(self, workspace: str, ids: Iterable[str]) -> set[str]:
        """Those of these ids that an identify may merge: nobody's alias, and not known. Raises Unavailable."""
        unknown = []
        oldest = self._clock() - FRESH_S
        for id in set(ids):
            there = self._known.get((workspace, id))
            if there is None or there.at < oldest or not (there.root or there.known):
                unknown.append(id)
        if not unknown:
            return set()
        async with tenancy.workspace(self._pool, workspace) as connection:
            rows = await connection.fetch(_SQL["newcomers"], workspace, unknown)
        for row in rows:
            self._learn(workspace, row["id"], row["root"] or "", row["known"])
        return {row["id"] for row in rows if row["root"] is None and not row["known"]}

    async def merge(self, workspace: str, source: str, target: str, how: str) -> Outcome:
        """Makes `source` and `target` one customer, if that is as `how` says (0022_identities.sql). Raises Unavailable,
        and Invalid for an id that no customer has."""
        for id in (source, target):
            if id.startswith(QUOTA):
                raise Invalid(f"{id!r} is no customer", (Problem("", f"no customer's id begins with {QUOTA}"),))
        for rest in range(TRIES - 1, -1, -1):
            try:
                async with tenancy.workspace(self._pool, workspace) as connection:
                    row = await connection.fetchrow(_SQL["merge"], workspace, source, target, how)
                break
            except asyncpg.DeadlockDetectedError:  # with an import or the projector; nothing of it was done
                if not rest:
                    raise Unavailable("PostgreSQL is busy with these customers") from None
        assert row is not None, "a function always answers"
        if row["outcome"] == "merged":
            for id in {source, row["gone"]}:
                self._learn(workspace, id, row["kept"])
            self._learn(workspace, row["kept"])
            self._keep(self._standings, workspace, Standing(self._clock(), True, True))
        return Outcome(row["kept"], row["outcome"])

    async def merges(self, workspace: str) -> bool:
        """Whether all lanes know what a merge is. Raises Unavailable."""
        known = (await self.standing(workspace)).merges
        return bool((await self._stand(workspace)).merges) if known is None else known

    async def standing(self, workspace: str) -> Standing:
        """What is remembered of a workspace; asks anew every few seconds."""
        there, now = self._standings.get(workspace), self._clock()
        if there is not None:
            if now - there.asked_at < STANDING_S:
                return there
            # one request asks; those beside it go on with what is known
            self._standings[workspace] = there._replace(asked_at=now)
        try:
            return await self._stand(workspace)
        except Unavailable:
            if there is None:
                self._keep(self._standings, workspace, Standing(now, False, None))
            return self._standings[workspace]

    async def _stand(self, workspace: str) -> Standing:
        [row] = await self._fetch(workspace, _SQL["standing"], workspace)
        found = Standing(self._clock(), row["merged"], (row["state_format"] or 0) >= MERGES_FROM)
        self._keep(self._standings, workspace, found)
        return found

    def moved(self, workspace: str, roots: dict[str, str]) -> None:
        """Somebody found that these ids are aliases."""
        for id, root in roots.items():
            self._learn(workspace, id, root)
        there = self._standings.get(workspace)
        if there is not None:
            self._standings[workspace] = there._replace(merged=True)

    def forget(self, workspace: str, ids: Iterable[str]) -> None:
        """These ids belong to nobody any more."""
        for id in ids:
            self._known.pop((workspace, id), None)

    async def _asked(self, workspace: str, ids: list[str]) -> dict[str, str]:
        now = self._clock()
        if now < self._silent_until:
            return {}
        try:
            rows = await self._fetch(workspace, _SQL["roots"], workspace, ids)
        except Unavailable:
            self._silent_until = now + STANDING_S
            return {}
        found = {row["alias"]: row["root"] for row in rows}
        for id in ids:
            self._learn(workspace, id, found.get(id, ""))
        return found

    async def _fetch(self, workspace: str, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        with tenancy.reachable():
            async with asyncio.timeout(LOOKUP_S), tenancy.workspace(self._pool, workspace) as connection:
                return list(await connection.fetch(sql, *arguments))

    def _learn(self, workspace: str, id: str, root: str = "", known: bool = False) -> None:
        self._keep(self._known, (workspace, id), _Known(self._clock(), root, known))

    @staticmethod
    def _keep(answers: OrderedDict[K, V], key: K, answer: V) -> None:
        answers[key] = answer
        answers.move_to_end(key)
        if len(answers) > MAX_KNOWN:
            answers.popitem(last=False)


def not_yet() -> Refused:
    """The error of a merge before all lanes know what that is."""
    fix = "run `laudstream upgrade finish` when all journey workers are of this release"
    said = "not all lanes know yet how to merge customers"
    return Refused(said, (Problem("", said, fix),))
