"""What tests of the projector share: logs of it, and what stands in the tables afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from agents.projection.handler import Projection
from agents.streams import Batch, Step
from laudstream.journey.decision import Decision
from laudstream.messages.delivery import Delivery
from laudstream.records.codec import encode

if TYPE_CHECKING:
    from laudstream.postgres.pool import Connection, Pool


WORKSPACE = "testshop"
NUL = r"\u0000"


def batch(topic: str, values: Sequence[object], start: int = 0, key: bytes = b"testshop:ann", **fields: Any) -> Batch:
    """Records as Kafka gives them; what is bytes already goes in as it is."""
    records = [
        SimpleNamespace(
            topic=topic, partition=3, offset=start + at, key=key, headers=fields.get("headers", ()),
            value=value if value is None or isinstance(value, bytes) else encode(value),
        )
        for at, value in enumerate(values)
    ]  # fmt: skip
    return Batch(topic, 3, records, start + len(records))


async def take(handler: Projection, values: Sequence[object], start: int = 0) -> None:
    topic = handler.topics[0]
    await handler.apply([Step(batch(topic, values, start), await handler.position(topic, 3))])


def decision(n: int, kind: str, **fields: Any) -> Decision:
    given_ = {"customer": "ann", "journey": "cart", "version": 1, "run": "run-1", **fields}
    return Decision(f"{n:032x}", kind, WORKSPACE, given_.pop("customer"), 1_000 * n, 1_000 * n + 5, n, **given_)


def delivery(
    kind: str, at: int, send: str = "send-1", reason: str = "", life: int = 0, customer: str = "ann"
) -> Delivery:
    return Delivery(
        f"{send}/{kind}/{at}", send, WORKSPACE, customer, kind, at, "email", "marketing", "cart", 1, "run-1", "mail", 1,
        1, "reminder", 3, reason, life=life,
    )  # fmt: skip


REQUEST = decision(3, "message", step="mail", data={"send_id": "send-1", "template": "reminder", "template_version": 3})
STORY = [
    decision(1, "entered", to="arms"),
    decision(2, "moved", step="arms", to="mail", branch="plain", data={"experiment": "cart/arms"}),
    REQUEST,
    decision(4, "moved", step="mail", to="bye", branch="sent"),
    decision(5, "ended", step="bye", outcome="asked"),
]


async def tables(pool: Pool, *names: str) -> list[list[tuple[Any, ...]]]:
    return [sorted(tuple(map(str, row)) for row in await pool.fetch(f"SELECT * FROM {name}")) for name in names]


async def insert(pool: Pool, id: str = "ann") -> int:
    """A row of a customer; its birth."""
    born: int = await pool.fetchval(
        "INSERT INTO customers (workspace_id, customer_id, attributes) VALUES ($1, $2, '{}') RETURNING born",
        WORKSPACE, id,
    )  # fmt: skip
    return born


async def merge_rows(connection: Connection, alias: str = "visitor", root: str = "ann") -> None:
    """One customer of two."""
    row = await connection.fetchrow("SELECT * FROM merge_customers($1, $2, $3, 'asked')", WORKSPACE, alias, root)
    assert row is not None
    assert (row["kept"], row["outcome"]) == (root, "merged")


async def merge_customers(pool: Pool, alias: str = "visitor", root: str = "ann") -> None:
    async with pool.acquire() as connection, connection.transaction():
        await merge_rows(connection, alias, root)


async def counted(pool: Pool) -> dict[tuple[str, str], int]:
    rows = await pool.fetch("SELECT step, counter, sum(amount)::int AS n FROM step_counts GROUP BY 1, 2")
    return {(row["step"], row["counter"]): row["n"] for row in rows}


async def customer(pool: Pool, id: str = "ann") -> tuple[dict[str, Any], int] | None:
    row = await pool.fetchrow("SELECT attributes, writes FROM customers WHERE customer_id = $1", id)
    return None if row is None else (row["attributes"], row["writes"])
