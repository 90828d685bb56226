"""Claims in PostgreSQL: a send request is handed over once, whoever dies when (A21).

        claim                 hand_over                settle
  (request) ─► claimed ─────────────► handing_over ─────────────► sent, failed, refused
                 ▲  ▲                   │      │
                 │  └── park (4xx, …) ──┘      │ lease over (`recover`)
                 └───────── retry ─────────────┴── hold ─► unknown ─► settle, if the answer comes after all

A claim belongs to its owner until its lease is over; a `claimed` one may then be taken by anybody, for nothing of it
has left. Every method takes the time as an argument. Errors are PostgreSQL's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from agents.streams import PositionMoved
from laudstream.ids import derive
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest
from laudstream.postgres import queries
from laudstream.records import codec

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

_SQL = queries("send_claims")

STATES = {"sent": "sent", "refused": "refused", "unknown": "unknown", "failed": "failed", "bounced": "failed"}
"""State of a claim by the kind of its delivery."""

PUBLISH_GRACE = timedelta(seconds=10)
"""An outcome that is older and not published is published by whoever finds it."""

Key = tuple[str, str]
"""(workspace, send id)."""


class Claim(NamedTuple):
    request: SendRequest
    tries: int = 0
    """How often it was on the wire."""

    @property
    def key(self) -> Key:
        return self.request.workspace, self.request.send_id


class Parked(NamedTuple):
    claim: Claim
    until: datetime


class Letter(NamedTuple):
    """A record that is no send request."""

    topic: str
    partition: int
    offset: int
    workspace: str | None
    error: str


class Move(NamedTuple):
    """How far a stream is read: from `expected` (None: never) to `next_offset`."""

    topic: str
    partition: int
    expected: int | None
    next_offset: int


def delivery(request: SendRequest, kind: str, at: datetime, reason: str = "", detail: str = "") -> Delivery:
    """A delivery of a request; the same request and kind give the same id."""
    return Delivery(
        id=derive("delivery", request.send_id, kind, request.attempt),
        send_id=request.send_id,
        workspace=request.workspace,
        customer=request.customer,
        kind=kind,
        at=int(at.timestamp() * 1000),
        channel=request.channel,
        message_class=request.message_class,
        journey=request.journey,
        version=request.version,
        run=request.run,
        step=request.step,
        visit=request.visit,
        attempt=request.attempt,
        template=request.template,
        template_version=request.template_version,
        reason=reason,
        detail=detail,
        life=request.life,
    )


class Claims:
    """The claims of one sender process on one channel."""

    def __init__(self, pool: Pool, channel: str, owner: str, lease: timedelta) -> None:
        self.pool = pool
        self.channel = channel
        self.owner = owner
        self.lease = lease

    async def position(self, topic: str, partition: int) -> int | None:
        found: int | None = await self.pool.fetchval(_SQL["position"], topic, partition, self.channel)
        return found

    async def claim(
        self,
        requests: Sequence[SendRequest],
        now: datetime,
        moves: Sequence[Move] = (),
        letters: Sequence[Letter] = (),
    ) -> tuple[list[Claim], list[Delivery]]:
        """Claims for the owner what nobody has claimed; those that a gate refuses get their outcome at once.

        One transaction with the streams' positions. Raises PositionMoved, having done nothing.
        """
        claims = {claim.key: claim for claim in map(Claim, requests)}
        async with self.pool.acquire() as connection, connection.transaction():
            await self._move(connection, moves)
            for letter in letters:
                await connection.execute(_SQL["dead_letter"], *letter)
            if not claims:
                return [], []
            rows = await connection.fetch(
                _SQL["claim"],
                *_columns(claims),
                [claim.request.message_class for claim in claims.values()],
                [codec.encode(claim.request).decode() for claim in claims.values()],
                self.channel, self.owner, now + self.lease, now,
            )  # fmt: skip
            if len(rows) < len(claims):
                known = claims.keys() - {(row[0], row[1]) for row in rows}
                await connection.execute(_SQL["publish_again"], *_columns(known))
            refused = [delivery(claims[row[0], row[1]].request, "refused", now, row[2]) for row in rows if row[2]]
            await self._settle(connection, refused, now, self.owner)
        return [claims[row[0], row[1]] for row in rows if not row[2]], refused

    async def _move(self, connection: Any, moves: Sequence[Move]) -> None:
        first = [move._replace(expected=-1) for move in moves if move.expected is None]
        later = [move for move in moves if move.expected is not None]
        for query, some in (("first_positions", first), ("move_positions", later)):
            if not some:
                continue
            columns = map(list, zip(*some, strict=True))
            if len(await connection.fetch(_SQL[query], *columns, self.channel)) < len(some):
                places = (f"{move.topic}/{move.partition} is no longer at {move.expected}" for move in moves)
                raise PositionMoved(" or ".join(places))

    async def hand_over(self, claims: Iterable[Claim], now: datetime) -> tuple[list[Claim], list[Delivery]]:
        """Marks claims just before the wire: (those to hand over until now + lease, in their order; those refused).

        Claims that are not the owner's any more are in neither.
        """
        asked = {claim.key: claim for claim in claims}
        rows = await self.pool.fetch(_SQL["hand_over"], *_columns(asked), self.owner, now + self.lease, now)
        refused = [delivery(asked[row[0], row[1]].request, "refused", now, row[2]) for row in rows if row[2]]
        await self.settle(refused, now)
        granted = {(row[0], row[1]) for row in rows if not row[2]}
        return [claim._replace(tries=claim.tries + 1) for key, claim in asked.items() if key in granted], refused

    async def settle(self, deliveries: Sequence[Delivery], now: datetime) -> list[Delivery]:
        """Writes outcomes; returns those that were the owner's to write."""
        return await self._settle(self.pool, deliveries, now, self.owner)

    async def _settle(
        self, at: Any, deliveries: Sequence[Delivery], now: datetime, owner: str | None
    ) -> list[Delivery]:
        if not deliveries:
            return []
        outcomes = {(outcome.workspace, outcome.send_id): outcome for outcome in deliveries}
        rows = await at.fetch(
            _SQL["settle"],
            *_columns(outcomes),
            [STATES[outcome.kind] for outcome in outcomes.values()],
            [codec.encode(outcome).decode() for outcome in outcomes.values()],
            owner, now,
        )  # fmt: skip
        return [outcomes[row[0], row[1]] for row in rows]

    async def park(self, parked: Sequence[Parked], now: datetime) -> None:
        """Puts claims of which nothing has left aside until their time."""
        if parked:
            keys = [each.claim.key for each in parked]
            until = [each.until for each in parked]
            await self.pool.execute(_SQL["park"], *_columns(keys), until, self.owner, now)

    async def take(self, now: datetime, limit: int, *, transactional: bool) -> list[Claim]:
        """Claims that are free to send: parked and due, or of a sender that is gone or slow (this one, too)."""
        rows = await self.pool.fetch(
            _SQL["take"], self.channel, transactional, self.owner, now + self.lease, now, limit
        )
        return [Claim(codec.request(row["body"].encode()), row["tries"]) for row in rows]

    async def recover(
        self, now: datetime, busy: Collection[str] = (), limit: int = 256
    ) -> tuple[list[Claim], list[Delivery]]:
        """What was handed over and never settled: (to be sent again, `unknown` deliveries), by policy.

        `busy`: send ids that this process knows to be on its wire, or settled and not yet written.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_SQL["lost"], self.channel, now, limit, list(busy))
            lost = [Claim(codec.request(row["body"].encode()), row["tries"]) for row in rows]
            again = [claim for claim in lost if claim.request.on_unknown == "retry"]
            if again:
                await connection.execute(
                    _SQL["reclaim"], *_columns(claim.key for claim in again), self.owner, now + self.lease, now
                )
            unknown = [
                delivery(claim.request, "unknown", now, detail="the sender stopped while handing over")
                for claim in lost
                if claim.request.on_unknown != "retry"
            ]
            await self._settle(connection, unknown, now, None)
        return again, unknown

    async def unpublished(self, now: datetime, limit: int = 500) -> list[Delivery]:
        """Outcomes that should be in Kafka by now and, as far as we know, are not."""
        rows = await self.pool.fetch(_SQL["unpublished"], self.channel, now - PUBLISH_GRACE, limit)
        return [codec.delivery(row["outcome"].encode()) for row in rows]

    async def published(self, deliveries: Sequence[Delivery], now: datetime) -> None:
        if deliveries:
            keys = [(outcome.workspace, outcome.send_id) for outcome in deliveries]
            ids = [outcome.id for outcome in deliveries]
            await self.pool.execute(_SQL["published"], *_columns(keys), ids, now)

    async def release(self, now: datetime) -> None:
        """Gives back what is claimed and not on the wire."""
        await self.pool.execute(_SQL["release"], self.channel, self.owner, now)


def _columns(keys: Iterable[Key]) -> tuple[list[str], list[str]]:
    """The two columns of the keys, in their order."""
    pairs = list(keys)
    return [workspace for workspace, _ in pairs], [send_id for _, send_id in pairs]
