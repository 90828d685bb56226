"""Who is in a segment, and who would be.

A preview looks at customers in an order that has nothing to do with who they are, so what it has seen so far is a fair
sample; asked again with `next`, it goes on until all are looked at.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from math import ceil, floor, sqrt
from time import monotonic, time
from typing import Annotated, Any

import asyncpg
import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.call import Call, converted, reply
from api.customers import email_of
from api.naming import neighbours
from api.paging import Limit, Place, ms, place, placed
from laudstream.conditions.schema import segment_schema
from laudstream.errors import Invalid, NotFound
from laudstream.journey.durations import zone_of
from laudstream.journey.reader import NAME
from laudstream.postgres import queries
from laudstream.postgres.tenancy import Connection
from laudstream.segments.survey import Known, Run, Sent, Survey

_SQL = queries("segments")
_DEFINITIONS = queries("definitions")
_OVERVIEW = queries("overview")

BUDGET_S = 0.6
"""An answer comes after about so long."""
PAGE = 500
SAMPLE = 10
AT_ONCE = asyncio.Semaphore(2)
"""Previews of a process: taking events goes before."""
_Z = 1.96  # 95 %


class MembersQuery(msgspec.Struct, forbid_unknown_fields=True):
    after: Place = ""
    limit: Limit = 50


class Member(msgspec.Struct):
    id: str
    email: str | None
    since: int | None


class MemberPage(msgspec.Struct):
    customers: list[Member]
    count: int
    """All that are in it."""
    next: str | None
    """None: there are no more."""


class PreviewWish(msgspec.Struct, forbid_unknown_fields=True):
    condition: dict[str, Any]
    after: Annotated[str, Meta(max_length=2000, description="`next` of the answer before: goes on from there")] = ""


class Sampled(msgspec.Struct):
    id: str
    email: str | None
    looked_at: dict[str, Any]
    """The values that the condition read."""


class Preview(msgspec.Struct):
    customers: int
    """That there are."""
    looked_at: int
    """So far."""
    matching: int
    """Of those: it holds."""
    open: int
    """Of those: it depends on what is not known here (`unknown`)."""
    low: int
    """Of all customers at least so many match, with 95 %; exact once all are looked at and nothing is open."""
    high: int
    unknown: list[str]
    """Parts of the condition that only lanes can answer: events, and when values changed."""
    sample: list[Sampled]
    """Some who match, of those looked at now."""
    next: str | None
    """Goes on from here; None: all are looked at."""


class _Seen(msgspec.Struct, array_like=True):
    """Where a preview stands."""

    hash: int
    id: str
    looked_at: int
    matching: int
    open: int

    def __post_init__(self) -> None:
        if min(self.matching, self.open) < 0 or self.matching + self.open > self.looked_at:
            raise ValueError("more than were looked at")


async def members(call: Call) -> Response:
    """Customers who are in a segment, by id."""
    id, query = call.named("id"), call.query(MembersQuery)
    after = placed(query.after, "after", tuple[str])
    async with call.database() as connection:
        if await connection.fetchrow(_DEFINITIONS["one"], call.workspace, "segment", id, 0) is None:
            raise NotFound(f"there is no segment {id}")
        rows = await connection.fetch(_SQL["members"], call.workspace, id, after[0] if after else None, query.limit + 1)
        count = await connection.fetchval(_SQL["count_members"], call.workspace, id)
    shown = rows[: query.limit]
    found = [Member(each["customer_id"], email_of(each), ms(each["since"])) for each in shown]
    return reply(MemberPage(found, count, place(shown[-1]["customer_id"]) if len(rows) > len(shown) else None))


async def preview(call: Call) -> Response:
    """Whom a condition would hold of: an estimate in less than a second, exact after as many calls as it takes."""
    wish = converted(await call.read(), PreviewWish)
    seen = placed(wish.after, "after", _Seen)
    until = monotonic() + BUDGET_S
    async with AT_ONCE, call.database() as connection:
        survey = await _survey(connection, call.workspace, wish.condition)
        total = await connection.fetchval(_SQL["count_customers"], call.workspace)
        scan = _Scan(connection, call.workspace, survey, seen)
        while not scan.done:
            await scan.page()
            if monotonic() >= until:
                break
    low, high = scan.bounds(total)
    now = scan.seen
    return reply(
        Preview(
            total, now.looked_at, now.matching, now.open, low, high, list(survey.unknown), scan.sample,
            None if scan.done else place(now.hash, now.id, now.looked_at, now.matching, now.open),
        )
    )  # fmt: skip


async def nobody(call: Call, condition: dict[str, Any]) -> bool:
    """Whether there are customers, and the condition holds for none of them, as far as a moment's look can tell."""
    until = monotonic() + BUDGET_S
    async with AT_ONCE, call.database() as connection:
        try:
            scan = _Scan(connection, call.workspace, await _survey(connection, call.workspace, condition), None)
        except Invalid:  # it names what is not there, which is told anyway
            return False
        while not scan.done and not scan.seen.matching and not scan.seen.open and monotonic() < until:
            await scan.page()
    return scan.done and scan.seen.looked_at > 0 and not scan.seen.matching and not scan.seen.open


async def schema(call: Call) -> Response:
    """The JSON Schema of a segment."""
    return reply(segment_schema(NAME.pattern))


async def _survey(connection: Connection, workspace: str, condition: dict[str, Any]) -> Survey:
    near = await neighbours(connection, workspace)
    row = await connection.fetchrow(_OVERVIEW["workspace"], workspace)
    zone = zone_of(row["time_zone"] if row is not None else "UTC")
    return await asyncio.to_thread(Survey, condition, near.segments.keys(), zone, workspace)


class _Scan:
    """A walk over customers, from where the last one stopped."""

    def __init__(self, connection: Connection, workspace: str, survey: Survey, seen: _Seen | None) -> None:
        self._connection, self._workspace, self._survey = connection, workspace, survey
        self._begins = seen is None
        self.seen = seen or _Seen(0, "", 0, 0, 0)
        self.sample: list[Sampled] = []
        self.done = False
        self._now = int(time() * 1000)

    async def page(self) -> None:
        at = (None, None) if self._begins else (self.seen.hash, self.seen.id)
        rows = await self._connection.fetch(_SQL["shuffled"], self._workspace, *at, PAGE)
        self._begins, self.done = False, len(rows) < PAGE
        if not rows:
            return
        for row, known in zip(rows, await self._known(rows), strict=True):
            self._judge(row, known)
        self.seen.hash, self.seen.id = rows[-1]["place"], rows[-1]["customer_id"]

    def _judge(self, row: asyncpg.Record, known: Known) -> None:
        seen, survey = self.seen, self._survey
        seen.looked_at += 1
        try:
            answer = survey.ask(known, self._now)
        except (TypeError, ValueError, ArithmeticError):  # a value that the condition was not made for: as in a lane
            return
        seen.open += answer is None
        if answer:
            seen.matching += 1
            if len(self.sample) < SAMPLE:
                self.sample.append(Sampled(known.id, email_of(row), survey.looked_at(known, self._now)))

    async def _known(self, rows: Sequence[asyncpg.Record]) -> list[Known]:
        """With no more than the condition asks for."""
        needs, ids = self._survey.needs, [row["customer_id"] for row in rows]
        consents: defaultdict[str, dict[str, tuple[str, int]]] = defaultdict(dict)
        segments: defaultdict[str, dict[str, int]] = defaultdict(dict)
        runs: defaultdict[str, list[Run]] = defaultdict(list)
        sent: defaultdict[str, list[Sent]] = defaultdict(list)
        if needs.consents:
            for row in await self._of("consents_of", ids):
                consents[row["customer_id"]][f"{row['channel']}/{row['subscription']}"] = (row["status"], 0)
        if needs.segments:
            for row in await self._of("segments_of", ids, list(needs.segments)):
                segments[row["customer_id"]][row["segment"]] = ms(row["since"]) or 0
        if self._survey.asks_runs:
            for row in await self._of("runs_of", ids, list(self._survey.asks_runs)):
                ended, outcome = ms(row["ended_at"]) or 0, row["outcome"] or ""
                runs[row["customer_id"]].append(Run(row["journey_id"], ms(row["entered_at"]) or 0, ended, outcome))
        if self._survey.asks_messages:
            for row in await self._of("sent_to", ids):
                at = ms(row["sent_at"]) or 0
                sent[row["customer_id"]].append(Sent(at, row["journey_id"], row["step"], row["channel"]))
        return [
            Known(id, row["attributes"], consents[id], segments[id], tuple(runs[id]), tuple(sent[id]))
            for id, row in zip(ids, rows, strict=True)
        ]

    async def _of(self, query: str, *asked: Any) -> list[asyncpg.Record]:
        return list(await self._connection.fetch(_SQL[query], self._workspace, *asked))

    def bounds(self, total: int) -> tuple[int, int]:
        """(at least, at most) so many of all customers."""
        seen = self.seen
        if self.done or not seen.looked_at:
            return (seen.matching, seen.matching + seen.open) if self.done else (0, total)
        low, _ = _wilson(seen.matching, seen.looked_at)
        _, high = _wilson(seen.matching + seen.open, seen.looked_at)
        rest = max(0, total - seen.looked_at)
        return seen.matching + floor(low * rest), seen.matching + seen.open + ceil(high * rest)


def _wilson(hits: int, of: int) -> tuple[float, float]:
    """Between which shares the true one lies, with 95 %."""
    share, z = hits / of, _Z * _Z
    middle, half = share + z / (2 * of), _Z * sqrt(share * (1 - share) / of + z / (4 * of * of))
    return max(0.0, (middle - half) / (1 + z / of)), min(1.0, (middle + half) / (1 + z / of))
