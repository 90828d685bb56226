"""Two customers become one in a real PostgreSQL (R50, A18)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from laudstream.postgres import connect, queries, tenancy
from tests.api.merging import People

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
IDENTIFY = queries("customers")["identify"]


@pytest.fixture
async def people(stack: Any, owner: Pool, shop: Any) -> AsyncIterator[People]:
    api = await connect(stack.settings.api_dsn, max_size=8)
    yield People(api, owner, shop.id)
    await api.close()


async def test_r50_the_known_customers_attributes_win_and_empty_ones_are_filled(people: People) -> None:
    await people.add("visitor", False, 500, plan="free", city="Bern", gone=None, name="", only="here", no=False)
    await people.add("ann", True, 900, plan="gold", city="", gone="x", name=None, zero=0)
    assert await people.merge("visitor", "ann", "identify") == ("ann", "merged")
    assert await people.attributes("ann") == {
        "plan": "gold", "city": "Bern", "gone": "x", "name": None, "only": "here", "zero": 0, "no": False,
    }  # fmt: skip
    ann = await people.row("ann")
    assert ann is not None
    assert (ann["created_ms"], ann["known"]) == (500, True)
    assert await people.row("visitor") is None


async def test_r50_where_only_the_source_is_known_its_attributes_win(people: People) -> None:
    await people.add("ann", True, plan="gold", city="Bern")
    await people.add("visitor", False, plan="free", page="/")
    assert await people.merge("ann", "visitor") == ("visitor", "merged")
    assert await people.attributes("visitor") == {"plan": "gold", "city": "Bern", "page": "/"}
    assert (await people.row("visitor"))["known"]  # type: ignore[index]


async def test_where_both_are_unknown_the_targets_attributes_win(people: People) -> None:
    await people.add("a", False, x=1)
    await people.add("b", False, x=2)
    await people.merge("a", "b", "alias")
    assert await people.attributes("b") == {"x": 2}
    assert not (await people.row("b"))["known"]  # type: ignore[index]


async def test_a_union_that_is_more_than_a_row_may_hold_fills_nothing_and_merges_all_the_same(people: People) -> None:
    await people.add("visitor", False, big="y" * 40_000, small=1)
    await people.add("ann", True, other="x" * 40_000)
    assert await people.merge("visitor", "ann") == ("ann", "merged")
    assert set(await people.attributes("ann")) == {"other"}


async def test_a_row_from_before_the_limits_is_no_hindrance(people: People) -> None:
    await people.owner.execute("ALTER TABLE customers DROP CONSTRAINT customers_attributes_as_text")
    try:
        for id, known in (("old", True), ("older", True)):
            await people.add(id, known, numbers=[1e300] * 1_000)
    finally:
        await people.owner.execute(
            "ALTER TABLE customers ADD CONSTRAINT customers_attributes_as_text "
            "CHECK (octet_length(attributes::text) <= 262144) NOT VALID"
        )
    assert await people.merge("old", "older") == ("older", "merged")
    assert set(await people.attributes("older")) == {"numbers"}


ORDER = ["unknown", "subscribed", "pending", "unsubscribed"]


@pytest.mark.parametrize("theirs", [None, *ORDER])
@pytest.mark.parametrize("ours", [None, *ORDER])
async def test_r50_the_stricter_consent_wins(theirs: str | None, ours: str | None, people: People) -> None:
    for id, status in (("a", theirs), ("b", ours)):
        await people.add(id)
        if status:
            await people.put(
                "consents",
                id,
                customer_key=f"{people.workspace}:{id}",
                channel="email",
                subscription="n",
                status=status,
            )
    await people.merge("a", "b")
    strictest = max(filter(None, (theirs, ours)), key=ORDER.index, default=None)
    wanted = [("b", f"{people.workspace}:b", strictest)] if strictest else []
    assert await people.of("consents", "customer_id", "customer_key", "status") == wanted


async def test_r50_suppressions_are_united_and_memberships_of_the_target_stand(people: People) -> None:
    for id in ("a", "b"):
        await people.add(id)
    key = {id: f"{people.workspace}:{id}" for id in "ab"}
    for id, channel in (("a", "email"), ("a", "sms"), ("b", "email")):
        await people.put("suppressions", id, customer_key=key[id], channel=channel, reason=f"of {id}")
    for id, segment, member in (("a", "vip", True), ("b", "vip", False), ("a", "club", True), ("a", "left", False)):
        await people.put("segment_members", id, customer_key=key[id], segment=segment, member=member)
    await people.merge("a", "b")
    assert await people.of("suppressions", "customer_key", "channel", "reason") == [
        (key["b"], "email", "of b"), (key["b"], "sms", "of a"),
    ]  # fmt: skip
    assert await people.of("segment_members", "customer_key", "segment", "member") == [
        (key["b"], "club", True), (key["b"], "left", False), (key["b"], "vip", False),
    ]  # fmt: skip


async def test_what_people_look_at_gets_the_new_id(people: People) -> None:
    for id in ("a", "b"):
        await people.add(id)
        await people.put(
            "runs", id, run_id=f"run {id}", journey_id="j", version=1, step="s", entered_at=AT, moved_at=AT, last_n=1
        )
        await people.put(
            "messages", id, send_id=f"send {id}", channel="email", message_class="marketing", journey_id="j", version=1,
            run_id="r", step="s", template_id="t", template_version=1, status="sent", status_rank=1, status_at=AT,
        )  # fmt: skip
        await people.put("segment_customers", id, segment="vip", member=True, since=AT, last_n=1)
        for decision in (f"own {id}", "the same"):
            await people.put(
                "decisions", id, n=1, decision_id=decision, at=AT, kind="moved", journey_id="j", version=1, run_id="r",
                step="s", reason="", body={},
            )  # fmt: skip
    await people.merge("a", "b")
    assert await people.of("runs", "customer_id", "run_id") == [("b", "run a"), ("b", "run b")]
    assert await people.of("messages", "customer_id", "send_id") == [("b", "send a"), ("b", "send b")]
    assert await people.of("decisions", "customer_id", "decision_id") == [
        ("b", "own a"), ("b", "own b"), ("b", "the same"),
    ]  # fmt: skip
    assert await people.of("segment_customers", "customer_id") == [("b",)]


async def test_the_identity_is_numbered_before_all_that_contains_the_merge(people: People) -> None:
    await people.add("a", writes_before=1)
    await people.owner.execute("UPDATE customers SET writes = 7 WHERE workspace_id = $1", people.workspace)
    before = await people.row("a")
    assert before is not None
    await people.put(
        "consents", "a", customer_key=f"{people.workspace}:a", channel="email", subscription="", status="pending"
    )
    await people.merge("a", "b")
    [(alias, key, born, writes, number)] = await people.of(
        "identities", "alias", "customer_key", "born", "writes", "revision"
    )
    assert (alias, key, born, writes) == ("a", f"{people.workspace}:a", before["born"], 7)
    after = await people.row("b")
    assert after is not None
    assert before["revision"] < number < after["born"] < after["revision"]
    [(revision,)] = await people.of("consents", "revision")
    assert number < revision
    assert after["writes"] == 0


async def test_aliases_of_the_source_lead_to_the_new_root_with_new_numbers(people: People) -> None:
    for id in ("a", "b", "c"):
        await people.add(id)
    await people.merge("a", "b")
    [(first,)] = await people.of("identities", "revision")
    assert await people.merge("b", "c") == ("c", "merged")
    assert await people.aliases() == {"a": "c", "b": "c"}
    assert all(number > first for _, number in await people.of("identities", "alias", "revision"))
    assert await people.merge("a", "b") == ("c", "same")
    assert await people.merge("a", "d") == ("d", "merged")  # c goes on as d
    assert await people.aliases() == {"a": "d", "b": "d", "c": "d"}


@pytest.mark.parametrize(
    ("how", "known", "outcome"),
    [
        ("identify", True, "known"), ("alias", True, "known"), ("asked", True, "merged"),
        ("identify", False, "merged"), ("alias", False, "merged"), ("asked", False, "merged"),
    ],
)  # fmt: skip
async def test_a_known_source_is_merged_only_when_asked(how: str, known: bool, outcome: str, people: People) -> None:
    await people.add("a", known)
    assert (await people.merge("a", "b", how))[1] == outcome
    assert (await people.row("a") is None) == (outcome == "merged") == bool(await people.aliases())


async def test_an_identify_does_not_merge_on_whom_its_visitor_became(people: People) -> None:
    await people.merge("visitor", "ann", "identify")
    assert await people.merge("visitor", "bob", "identify") == ("bob", "alias")
    assert await people.aliases() == {"visitor": "ann"}
    assert await people.merge("visitor", "bob", "alias") == ("bob", "merged")  # ann is not known either
    assert await people.aliases() == {"visitor": "bob", "ann": "bob"}


async def test_nobody_is_merged_before_all_lanes_know_how(people: People) -> None:
    await people.add("a")
    await people.owner.execute("UPDATE levels SET number = 2 WHERE name = 'state_format'")
    try:
        assert await people.merge("a", "b") == ("b", "not_yet")
    finally:
        await people.owner.execute("UPDATE levels SET number = 3 WHERE name = 'state_format'")
    assert await people.aliases() == {}
    assert await people.row("b") is None


async def test_rows_from_before_are_known_if_they_have_attributes(people: People) -> None:
    await people.add("told", False, plan="gold")
    await people.add("seen", False)
    sql = "SELECT customer_id, is_known(c) FROM customers c WHERE workspace_id = $1"
    assert sorted(map(tuple, await people.owner.fetch(sql, people.workspace))) == [("seen", False), ("told", False)]
    await people.owner.execute("ALTER TABLE customers DISABLE TRIGGER number_customer")
    try:
        await people.owner.execute("UPDATE customers SET born = 1 WHERE workspace_id = $1", people.workspace)
    finally:
        await people.owner.execute("ALTER TABLE customers ENABLE TRIGGER number_customer")
    assert sorted(map(tuple, await people.owner.fetch(sql, people.workspace))) == [("seen", False), ("told", True)]


async def test_another_workspace_is_neither_seen_nor_touched(people: People, new_shop: Any) -> None:
    other = People(people.api, people.owner, (await new_shop()).id)
    for there in (people, other):
        await there.add("a", x=there.workspace)
    await people.merge("a", "b")
    assert (await other.aliases(), await other.attributes("a")) == ({}, {"x": other.workspace})
    async with tenancy.workspace(people.api, other.workspace) as connection:
        assert await connection.fetch("SELECT * FROM identities") == []
        assert await connection.fetchval("SELECT root_of($1, 'a')", people.workspace) == "a"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchrow("SELECT * FROM merge_customers($1, 'a', 'c', 'asked')", people.workspace)
    assert await people.aliases() == {"a": "b"}


async def test_a_deleted_customer_takes_its_aliases_along(people: People) -> None:
    await people.merge("a", "b")
    await people.merge("c", "d")
    await people.owner.execute("DELETE FROM customers WHERE workspace_id = $1 AND customer_id = 'b'", people.workspace)
    assert await people.aliases() == {"c": "d"}


async def test_who_writes_a_row_under_an_id_that_becomes_an_alias_waits_and_finds_the_alias(people: People) -> None:
    """The source has no row: the merge holds the key of that row all the same."""
    roots = queries("identities")["roots"]
    async with tenancy.workspace(people.api, people.workspace) as merging:
        await merging.fetchrow("SELECT * FROM merge_customers($1, 'a', 'b', 'alias')", people.workspace)

        async def write() -> list[Any]:
            async with tenancy.workspace(people.api, people.workspace) as connection:
                await connection.fetchrow(IDENTIFY, people.workspace, "a", {}, True)
                return await connection.fetch(roots, people.workspace, ["a"])

        writing = asyncio.create_task(write())
        await _waits(people)
    assert [tuple(row) for row in await writing] == [("a", "b")]


async def test_a_merge_waits_for_who_writes_the_sources_first_row_and_takes_it_along(people: People) -> None:
    async with tenancy.workspace(people.api, people.workspace) as writing:
        await writing.fetchrow(IDENTIFY, people.workspace, "a", {"x": 1}, False)
        merging = asyncio.create_task(people.merge("a", "b", "alias"))
        await _waits(people)
    assert await merging == ("b", "merged")
    assert await people.attributes("b") == {"x": 1}
    [(born,)] = await people.of("identities", "born")
    assert born > 0


async def _waits(people: People) -> None:
    """As soon as one connection waits for another."""
    async with asyncio.timeout(10):
        while not await people.owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - it waits in PostgreSQL
            await asyncio.sleep(0.01)


async def test_merges_in_both_directions_at_once_make_neither_loops_nor_deadlocks(people: People) -> None:
    ids = [f"c{n}" for n in range(6)]
    for id in ids:
        await people.add(id)
    pairs = [(a, b) for a in ids for b in ids if a != b]
    done = await asyncio.gather(*(people.merge(a, b) for a, b in pairs))
    assert [outcome for _, outcome in done].count("merged") == len(ids) - 1
    aliases = await people.aliases()
    assert len(aliases) == len(ids) - 1
    assert len(set(aliases.values())) == 1
    assert not set(aliases) & set(aliases.values())
    assert [id for (id,) in await people.of("customers", "customer_id")] == list(set(aliases.values()))
