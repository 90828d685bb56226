"""SQL by name, and values on their way to PostgreSQL and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from laudstream.errors import Broken, Invalid, Problem, Unavailable
from laudstream.local.ports import free_base
from laudstream.local.stack import Stack
from laudstream.postgres import Queries, connect, queries
from laudstream.postgres.named_queries import FOLDER

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

TEXT = """A comment.

-- name: one
SELECT 1;

-- name: two
-- what it is for
SELECT
    2
"""


def test_statements_come_by_their_names_without_the_semicolon() -> None:
    found = Queries("numbers", TEXT)
    assert found["one"] == "SELECT 1"
    assert found["two"].endswith("SELECT\n    2")
    assert list(found) == ["one", "two"]


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(Broken, match=r"queries/numbers.sql has no query 'three'; there are: one, two"):
        Queries("numbers", TEXT)["three"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-- name: a b\nSELECT 1", "is no name"),
        ("-- name: a\nSELECT 1\n-- name: a\nSELECT 2", "is there twice"),
        ("-- name: a\n-- only words\n", "has no statement"),
    ],
)
def test_a_file_that_is_wrong_is_refused(text: str, said: str) -> None:
    with pytest.raises(Broken, match=said):
        Queries("numbers", text)


def test_an_unknown_noun_says_which_there_are() -> None:
    with pytest.raises(Broken, match=r"no queries/nothing.sql; there are: .*customers"):
        queries("nothing")


@pytest.mark.parametrize("noun", sorted(path.stem for path in FOLDER.glob("*.sql")))
def test_every_file_of_the_product_reads(noun: str) -> None:
    assert len(queries(noun)) > 0


async def test_json_goes_and_comes_as_values_also_by_copy(empty: Pool) -> None:
    value = {"a": [1, 2.5, None, "ü\n"], "b": {"c": True}}
    await empty.execute("CREATE TABLE t (n int, j jsonb, k json)")
    await empty.execute("INSERT INTO t VALUES (1, $1, $2)", value, value)
    await empty.copy_records_to_table("t", records=[(2, value, value)])
    rows = await empty.fetch("SELECT j, k FROM t ORDER BY n")
    assert [tuple(row) for row in rows] == [(value, value)] * 2


async def test_a_struct_is_json(empty: Pool) -> None:
    assert await empty.fetchval("SELECT $1::jsonb", Problem("/a", "wrong")) == {"pointer": "/a", "message": "wrong"}


async def test_no_server_is_unavailable_and_a_wrong_password_invalid(servers: Stack) -> None:
    with pytest.raises(Unavailable, match=r"postgresql://x:…@127"):
        await connect(f"postgresql://x:hush@127.0.0.1:{free_base() + 1}/laudstream")
    with pytest.raises(Invalid, match="refuses"):
        await connect(f"postgresql://laudstream:hush@127.0.0.1:{servers.ports.postgres}/laudstream")
