"""Who is whom, as a dictionary would have it: random merges and deletions over HTTP; and what a process remembers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.identities import FRESH_S, STANDING_S, Identities
from laudstream.errors import Unavailable
from laudstream.postgres import connect
from laudstream.postgres.workspaces import create_workspace
from tests.api.merging import People

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

_id = st.sampled_from("abcde")
_operation = st.one_of(
    st.tuples(st.just("alias"), _id, _id),
    st.tuples(st.just("identify"), _id, _id),
    st.tuples(st.just("seen"), _id, _id),
    st.tuples(st.just("merge"), _id, _id),
    st.tuples(st.just("delete"), _id, _id),
)


class Model:
    """The same as words would say it: ids, rows and who is known."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self.rows: set[str] = set()
        self.known: set[str] = set()

    def root(self, id: str) -> str:
        return self.aliases.get(id, id)

    def make_one(self, source: str, target: str) -> None:
        source, target = self.root(source), self.root(target)
        self.aliases = {id: target if root == source else root for id, root in self.aliases.items()} | {source: target}
        self.rows = self.rows - {source} | {target}
        if source in self.known:
            self.known = self.known - {source} | {target}

    def alias(self, source: str, target: str) -> int:
        if self.root(source) == self.root(target):
            return 200
        if self.root(source) in self.known:
            return 409
        self.make_one(source, target)
        return 200

    def identify(self, visitor: str, user: str) -> int:
        if visitor not in self.aliases and visitor not in self.known and self.root(user) != visitor:
            self.make_one(visitor, user)
        self.rows.add(self.root(user))
        self.known.add(self.root(user))
        return 200

    def seen(self, visitor: str, _: str) -> int:
        self.rows.add(self.root(visitor))
        return 200

    def merge(self, source: str, target: str) -> int:
        if not {self.root(source), self.root(target)} <= self.rows:
            return 404
        if self.root(source) != self.root(target):
            self.make_one(source, target)
        return 200

    def delete(self, id: str, _: str) -> int:
        gone = self.root(id)
        if gone not in self.rows:
            return 202  # who may be on the way
        self.aliases = {id: root for id, root in self.aliases.items() if root != gone}
        self.rows.discard(gone)
        self.known.discard(gone)
        return 204


class Client(NamedTuple):
    """The same over HTTP."""

    http: httpx.AsyncClient
    site: dict[str, str]
    admin: dict[str, str]

    async def do(self, name: str, one: str, other: str) -> int:
        calls: dict[str, tuple[str, str, dict[str, str], Any]] = {
            "alias": ("POST", "/v1/alias", self.site, {"previousId": one, "userId": other}),
            "identify": ("POST", "/v1/identify", self.site, {"anonymousId": one, "userId": other}),
            "seen": ("POST", "/v1/identify", self.site, {"anonymousId": one}),
            "merge": ("POST", f"/api/customers/{one}/merge", self.admin, {"into": other}),
            "delete": ("DELETE", f"/api/customers/{one}", self.admin, None),
        }
        method, path, headers, body = calls[name]
        return (await self.http.request(method, path, headers=headers, json=body)).status_code


@given(operations=st.lists(_operation, max_size=25))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_identities_are_those_of_a_dictionary_without_chains_and_loops(
    operations: list[tuple[str, str, str]], api: Any, stack: Any
) -> None:
    asyncio.run(_played(operations, api.settings.api_url, stack.settings.database_url))


async def _played(operations: list[tuple[str, str, str]], url: str, dsn: str) -> None:
    owner = await connect(dsn, max_size=1)
    try:
        id = f"shop{os.urandom(6).hex()}"
        keys = [{"Authorization": f"Bearer {key}"} for key in await create_workspace(owner, id, "A shop")]
        people, model = People(owner, owner, id), Model()
        async with httpx.AsyncClient(base_url=url, timeout=40) as http:
            client = Client(http, *keys)
            for name, one, other in operations:
                status = await client.do(name, one, other)
                assert (name, one, other, status) == (name, one, other, getattr(model, name)(one, other))
                aliases = await people.aliases()
                assert aliases == model.aliases
                assert not set(aliases) & set(aliases.values())
                rows = await people.of("customers", "customer_id", "known")
                assert rows == [(row, row in model.known) for row in sorted(model.rows)]
    finally:
        await owner.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Counting:
    """A pool that counts what is asked of it, and may be closed."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.asked, self.silent = pool, 0, False

    def acquire(self, timeout: float) -> Any:
        self.asked += 1
        if self.silent:
            raise ConnectionRefusedError
        return self.pool.acquire(timeout=timeout)


class Remembering(NamedTuple):
    identities: Identities
    pool: Counting
    clock: Clock
    workspace: str
    people: People

    async def asks(self, *ids: str) -> tuple[dict[str, str], int]:
        """(roots, how often PostgreSQL was asked)."""
        before = self.pool.asked
        return await self.identities.roots(self.workspace, ids), self.pool.asked - before


@pytest.fixture
async def memory(stack: Any, owner: Pool, shop: Any) -> AsyncIterator[Remembering]:
    pool = await connect(stack.settings.api_dsn, max_size=2)
    counting, clock = Counting(pool), Clock()
    yield Remembering(Identities(counting, clock), counting, clock, shop.id, People(pool, owner, shop.id))  # type: ignore[arg-type]
    await pool.close()


async def test_a_workspace_without_merges_is_asked_about_once_in_some_seconds(memory: Remembering) -> None:
    assert await memory.asks("a", "b") == ({}, 1)
    for _ in range(3):
        assert await memory.asks("c") == ({}, 0)
    memory.clock.now += STANDING_S
    assert await memory.asks("c") == ({}, 1)


async def test_one_question_for_all_that_is_not_remembered_and_none_for_the_rest(memory: Remembering) -> None:
    await memory.people.merge("a", "b")
    assert await memory.asks("a", "b", "c") == ({"a": "b"}, 2)
    assert await memory.asks("c", "b", "a") == ({"a": "b"}, 0)
    assert await memory.asks("a", "d", "e") == ({"a": "b"}, 1)
    memory.clock.now += STANDING_S + 0.1
    assert await memory.asks("a", "e") == ({"a": "b"}, 1)  # whether the workspace has merges at all
    memory.clock.now += FRESH_S
    await memory.people.merge("b", "c")
    assert await memory.asks("a", "b", "e") == ({"a": "c", "b": "c"}, 2)


async def test_ones_own_merges_are_known_at_once_also_of_aliases_remembered_before(memory: Remembering) -> None:
    await memory.people.merge("a", "b")
    assert await memory.asks("a", "b") == ({"a": "b"}, 2)
    await memory.identities.merge(memory.workspace, "b", "c", "asked")
    assert await memory.asks("a", "b", "c") == ({"a": "c", "b": "c"}, 0)
    memory.identities.forget(memory.workspace, ("a", "b", "c"))
    assert (await memory.asks("a"))[1] == 1


async def test_while_postgresql_is_silent_what_is_remembered_serves_and_merges_wait(memory: Remembering) -> None:
    await memory.people.merge("a", "b")
    await memory.asks("a")
    memory.pool.silent = True
    memory.clock.now += FRESH_S + 1
    assert (await memory.asks("a", "new"))[0] == {"a": "b"}
    assert await memory.asks("a", "new") == ({"a": "b"}, 0)  # it is not asked again at once
    with pytest.raises(Unavailable):
        await memory.identities.merge(memory.workspace, "x", "y", "alias")
    with pytest.raises(Unavailable):
        await memory.identities.newcomers(memory.workspace, ["x"])
    memory.pool.silent = False
    memory.clock.now += STANDING_S + 1
    assert await memory.asks("a", "new") == ({"a": "b"}, 2)


async def test_an_identify_asks_for_no_visitor_that_became_somebody_or_is_known(memory: Remembering) -> None:
    await memory.people.add("known")
    for _ in range(2):
        before = memory.pool.asked
        found = await memory.identities.newcomers(memory.workspace, ["known", "visitor"])
        assert (found, memory.pool.asked - before) == ({"visitor"}, 1)
    await memory.identities.merge(memory.workspace, "visitor", "ann", "identify")
    before = memory.pool.asked
    assert await memory.identities.newcomers(memory.workspace, ["known", "visitor"] * 100) == set()
    assert memory.pool.asked == before


async def test_a_silent_postgresql_from_the_start_resolves_nobody_and_says_so_to_who_merges(
    memory: Remembering,
) -> None:
    memory.pool.silent = True
    assert (await memory.asks("a"))[0] == {}
    with pytest.raises(Unavailable):
        await memory.identities.merges(memory.workspace)
    memory.pool.silent = False
    assert await memory.identities.merges(memory.workspace)
