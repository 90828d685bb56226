"""What a lane says a row can hold is what PostgreSQL says (A7, A16)."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from agents.projector import Writes
from laudstream.customers.room import LEVELS, ROW_BYTES, SMALL, TEXT_BYTES, fits, holds, room
from laudstream.customers.row import Row
from laudstream.journey.bounded import bounded
from laudstream.journey.codec import empty
from laudstream.journey.inputs import RowInput
from laudstream.journey.write import Write
from laudstream.records.codec import encode
from tests.agents.projecting import WORKSPACE, take
from tests.journey.conftest import World, journey

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

MEASURED = """
SELECT pg_column_size(value), octet_length(value::text), attributes_fit(value), value::text
FROM unnest($1::text[]::jsonb[]) WITH ORDINALITY AS v (value, n) ORDER BY n
"""
ALWAYS = [{"event": {"name": "go"}, "reentry": "always"}]
SMALL_ONES = [1, 0.5, 1e308, 5e-324, "é", None, [], {}]
ROW = "SELECT born, revision, attributes, created_ms, false, writes FROM customers WHERE customer_id = $1"
_TEXTS = ["", "a", '"\\\b\n\x01\x7f/', "é", "日本", "🎈", "x" * 40]


def number(random: Random) -> float:
    whole = random.choice([0, 1, 9_999, 10_000, 10**8, 123_456_789, (1 << 63) - 1, 10**25, 10 ** random.randint(0, 60)])
    part = random.choice([0.1, -0.0, 1e16, 1e22, 1.5e-7, 1e300, 5e-324, 1.7976931348623157e308, random.random()])
    exponent = random.randint(-300, 300)
    return random.choice([whole, -whole, part, -part, float(f"{random.randint(1, 10**6)}e{exponent}")])


def value(random: Random, level: int = 0) -> Any:
    kind = random.randrange(7 if level < 4 else 4)
    if kind < 2:
        return number(random)
    if kind == 2:
        return random.choice(_TEXTS)
    if kind == 3:
        return random.choice([None, True, False])
    if kind == 4:
        return [value(random, level + 1) for _ in range(random.randrange(5))]
    return {random.choice(_TEXTS) + str(n): value(random, level + 1) for n in range(random.randrange(5))}


def levels(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else max((1 + levels(each) for each in inner), default=0)


async def test_a16_a_row_is_measured_to_the_byte(pool: Pool) -> None:
    random = Random(16)
    more = {"more": "x" * 130}  # less is packed on its way through the query
    found = [{**more, **{f"n{n}": value(random) for n in range(random.randrange(6))}} for _ in range(3_000)]
    for attributes, row in zip(found, await pool.fetch(MEASURED, texts(found)), strict=True):
        assert room(attributes) == (row[0], row[1], levels(attributes)), row[3]


async def test_a16_what_a_row_can_hold_ends_where_postgresql_says(pool: Pool) -> None:
    """Grown to the limit: by one value less it is held, by one more it is not."""
    random = Random(7)
    for each in (1, 1e308, 5e-324, "é", "\x01", None, [], {"a": 1}, 0.1, number(random), value(random)):
        for around in ({}, {"text": "x" * 30_000}):
            tried = [{**around, "many": [each] * count} for count in around_limit(around, each)]
            said = [row[2] for row in await pool.fetch(MEASURED, texts(tried))]
            assert [holds(attributes) for attributes in tried] == said
            assert said == [True, False]


@pytest.mark.parametrize("wide", [0, 6_000])
async def test_a16_levels_end_where_postgresql_says(pool: Pool, wide: int) -> None:
    def nested(count: int) -> dict[str, Any]:
        inner: Any = "x" * wide
        for n in range(count):
            inner = [inner] if n % 2 else {"a": inner}
        return {"deep": inner}

    tried = [nested(count) for count in (LEVELS - 2, LEVELS - 1, LEVELS, LEVELS + 1)]
    said = [row[2] for row in await pool.fetch(MEASURED, texts(tried))]
    assert [holds(attributes) for attributes in tried] == said == [True, True, False, False]


@pytest.mark.parametrize("each", [1, 1e308, 5e-324, [], {}, ""])
def test_a16_what_is_small_is_held_however_it_is_made(each: Any) -> None:
    count = SMALL // (len(encode(each)) + 1)
    taken = room({"a": [each] * count})
    assert taken.row <= ROW_BYTES
    assert taken.text <= TEXT_BYTES


def test_a7_a_lane_writes_at_most_64_kb_of_json() -> None:
    """`null` takes five bytes of JSON and four of a row."""
    assert not fits({"a": [None] * 14_000})
    assert holds({"a": [None] * 14_000})
    assert fits({"a": [None] * 13_000})


async def test_r53_what_update_steps_write_is_what_the_row_holds(pool: Pool) -> None:
    """Random writes of random sizes: PostgreSQL refuses none of them, and the lane sees what stands in the row."""
    random = Random(53)
    mark = {"update": {"set": {"a": {"from": "entry.a"}, "b": {"from": "entry.b"}},
                       "increment": {"n": {"from": "entry.n"}}}, "next": "done"}  # fmt: skip
    handler, offset, limits = Writes(pool), 0, 0
    for person in range(12):
        w = World(journey({"mark": mark}, entry=ALWAYS), row=False)
        w.customer = empty(w.customer.workspace, f"c{person}")
        for _ in range(12):
            many = [random.choice(SMALL_ONES)] * random.choice([1, 100, 800, 5_000, 12_000])
            w.event("go", n=random.choice([1, 0.5, 1e308, -1e308]), **{random.choice("ab"): many})
            limits += len(w.decisions("limit"))
            made = [replace(each, workspace=WORKSPACE) for each in w.effects if isinstance(each, Write)]
            await take(handler, made, offset)
            offset += len(made)
            row = await pool.fetchrow(ROW, w.customer.id)
            assert row is not None
            w.hand(RowInput(w.cause(), bounded(Row(*row))))
            assert w.customer.core.pending == ()
            assert w.effects == []
    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 0
    assert limits > 10


def texts(found: list[dict[str, Any]]) -> list[str]:
    """As a write says them."""
    said = [encode(attributes).decode() for attributes in found]
    assert all(json.loads(text) is not None for text in said)
    return said


def around_limit(around: dict[str, Any], each: Any) -> tuple[int, int]:
    """The most values that fit, by halves, and one more."""
    low, high = 0, 70_000
    while high - low > 1:
        middle = (low + high) // 2
        taken = room({**around, "many": [each] * middle})
        low, high = (middle, high) if taken.row <= ROW_BYTES and taken.text <= TEXT_BYTES else (low, middle)
    return low, high
