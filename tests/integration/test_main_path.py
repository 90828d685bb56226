"""The main path on real servers: events in, mails out, and every decision where people look for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from laudstream import topics
from tests.integration.kit import (
    WORKERS,
    Shop,
    exactly_once,
    leave,
    mail_template,
    message,
    restarted,
    wait_for,
    wait_until,
)

pytestmark = pytest.mark.integration


async def test_a_tracked_event_brings_the_rendered_mail_into_the_inbox_with_the_traits_of_identify_a17(
    shop: Shop,
) -> None:
    ann, buy, welcome = shop.name("ann"), shop.name("buy"), shop.name("welcome")
    await shop.template(
        welcome,
        mail_template(
            "Welcome, {{ customer.first_name }}",
            "<p>Hello {{ customer.first_name }}, thank you for {{ entry.cds }} CDs.</p>",
            "Hello {{ customer.first_name }}, thank you for {{ entry.cds }} CDs.",
        ),
    )
    await shop.publish(buy, {"greet": message(welcome, "done"), "done": leave("greeted")})
    await shop.identify(ann, first_name="Ann <&>")
    await shop.track(ann, buy, cds=3)
    mail = await shop.mail(ann)
    assert mail["subject"] == "Welcome, Ann <&>"
    assert "Hello Ann &lt;&amp;&gt;, thank you for 3 CDs." in mail["html"]
    assert "Hello Ann <&>, thank you for 3 CDs." in mail["text"]
    (request,) = await shop.requests()
    assert mail["send_id"] == request.send_id
    await wait_until(lambda: _status(shop, ann, "sent"), what="the message is shown as sent")


async def _status(shop: Shop, customer: str, status: str) -> list[dict[str, Any]]:
    return list((await shop.get("messages", customer=customer, status=status))["messages"])


async def test_a_batch_of_identify_and_track_sees_the_traits_for_every_customer_a17(shop: Shop) -> None:
    look = shop.name("look")
    branch = {"condition": {"customer.vip": {"equals": True}}, "next": "vip"}
    await shop.publish(
        look, {"who": {"split": {"branches": [branch], "else": "other"}}, "vip": leave("vip"), "other": leave("other")}
    )
    customers = [shop.name(f"c{n}") for n in range(50)]
    batch: list[dict[str, Any]] = []
    for who in customers:
        batch += [
            {"type": "identify", "userId": who, "traits": {"vip": True}},
            {"type": "track", "userId": who, "event": look},
        ]
    await shop.batch(batch)
    await shop.handled()
    ended = [d.outcome for d in await shop.decisions(look) if d.kind == "ended"]
    assert Counter(ended) == {"vip": 50}


async def test_an_unknown_customers_first_event_makes_a_row_that_comes_back_by_cdc_a19(shop: Shop) -> None:
    stranger, key = shop.name("stranger"), shop.key(shop.name("stranger"))
    await shop.track(stranger, shop.name("anything"))

    async def row() -> Any:
        return await shop.pool.fetchrow("SELECT * FROM customers WHERE customer_key = $1", key.decode())

    found = await wait_until(row, what="a row of the stranger")
    assert (found["attributes"], found["writes"]) == ({}, 1)

    async def came_back() -> bool:
        return any(record.key == key for record in await shop.records(topics.ROWS))

    await wait_until(came_back, what="the row on laudstream.rows")
    await shop.handled(topics.ROWS)
    assert (await shop.get(f"customers/{stranger}"))["id"] == stranger


async def test_an_update_in_postgresql_changes_the_branch_of_a_split(shop: Shop) -> None:
    look, ann, bob = shop.name("look"), shop.name("ann"), shop.name("bob")
    branch = {"condition": {"customer.plan": {"equals": "gold"}}, "next": "gold"}
    await shop.publish(
        look, {"plan": {"split": {"branches": [branch], "else": "base"}}, "gold": leave("gold"), "base": leave("base")}
    )
    await shop.identify(ann, plan="base")
    await shop.identify(bob, plan="base")
    changed = await shop.pool.execute(
        'UPDATE customers SET attributes = attributes || \'{"plan": "gold"}\' WHERE customer_key = $1',
        shop.key(ann).decode(),
    )
    assert changed == "UPDATE 1"

    async def arrived() -> bool:
        return any(r.key == shop.key(ann) and b"gold" in (r.value or b"") for r in await shop.records(topics.ROWS))

    await wait_until(arrived, what="the changed row on laudstream.rows")
    await shop.handled(topics.ROWS)
    await shop.track(ann, look)
    await shop.track(bob, look)
    assert (await shop.decided(ann, "ended"))["outcome"] == "gold"
    assert (await shop.decided(bob, "ended"))["outcome"] == "base"


async def test_an_exit_rule_acts_at_once_in_the_middle_of_a_delay_r6(shop: Shop) -> None:
    buy, refund, ann, bob = shop.name("buy"), shop.name("refund"), shop.name("ann"), shop.name("bob")
    await shop.publish(
        buy,
        {"later": {"delay": {"for": "P30D"}, "next": "done"}, "done": leave("patient")},
        exit=[{"event": {"name": refund}, "where": {"event.amount": {"greater_than": 10}}, "outcome": "refunded"}],
    )
    for who in (ann, bob):
        await shop.track(who, buy)
    await shop.track(ann, refund, amount=11)
    await shop.track(bob, refund, amount=10)
    ended = await shop.decided(ann, "ended")
    assert (ended["outcome"], ended["step"]) == ("refunded", "later")
    await shop.handled()
    assert [d.kind for d in await shop.decisions(buy) if d.customer == bob] == ["entered"]


async def test_a_wait_gives_one_mail_for_the_event_and_another_for_the_timeout(shop: Shop) -> None:
    buy, ann, bob = shop.name("buy"), shop.name("ann"), shop.name("bob")
    for word in ("thanks", "win-back"):
        await shop.template(shop.name(word), mail_template(word))
    await shop.publish(
        buy,
        {
            "look": wait_for(buy, "thank", "PT2S", "woo"),
            "thank": message(shop.name("thanks"), "thanked"),
            "woo": message(shop.name("win-back"), "wooed"),
            "thanked": leave("thanks"),
            "wooed": leave("win-back"),
        },
    )
    for who in (ann, bob):
        await shop.identify(who)
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in (ann, bob, ann))
    assert (await shop.mail(ann))["subject"] == "thanks"
    assert (await shop.mail(bob))["subject"] == "win-back"
    entered, moved = await shop.decided(bob, "entered"), await shop.decided(bob, "moved", step="look")
    assert moved["at"] == entered["at"] + 2000
    assert moved["branch"] == "timeout"
    assert [mail["subject"] for mail in shop.mails()].count("thanks") == 1
    assert len(shop.mails()) == 2


async def test_the_arm_of_an_experiment_is_stored_and_shown_r45(shop: Shop) -> None:
    buy, ann = shop.name("buy"), shop.name("ann")
    again = [{"event": {"name": buy}, "reentry": "always"}]
    arms = {"experiment": {"arms": {"a": 50, "b": 50}}, "next": {"a": "a", "b": "b"}}
    steps = {"arms": arms, "a": leave("a"), "b": leave("b")}
    await shop.publish(buy, steps, entry=again)
    await shop.track(ann, buy)
    arm = (await shop.decided(ann, "ended"))["outcome"]
    other = "b" if arm == "a" else "a"
    await shop.publish(buy, {**steps, "arms": {**arms, "experiment": {"arms": {arm: 1, other: 99}}}}, entry=again)
    await shop.track(ann, buy)
    assert (await shop.decided(ann, "ended", version=2))["outcome"] == arm

    async def runs() -> list[dict[str, Any]]:
        shown = (await shop.get(f"customers/{ann}"))["runs"]
        return shown if len(shown) == 2 and all(run["ended_at"] for run in shown) else []

    assert [run["arms"] for run in await wait_until(runs, what="both runs")] == [{"arms": arm}] * 2


async def test_a_pause_takes_no_entries_and_holds_timers_and_a_resume_goes_on_r49(shop: Shop) -> None:
    held, free, ann, bob = shop.name("held"), shop.name("free"), shop.name("ann"), shop.name("bob")
    await shop.publish(held, {"wait": {"delay": {"for": "PT4S"}, "next": "done"}, "done": leave("done")})
    await shop.publish(free, {"wait": {"delay": {"for": "PT4S"}, "next": "done"}, "done": leave("done")})
    await shop.track(ann, held)
    await shop.track(ann, free)  # the same lane: its timer is due after the one of the journey that is paused
    await shop.decided(ann, "entered", journey=held)
    assert (await shop.act(held, "pause"))["status"] == "paused"
    await shop.track(bob, held)
    assert (await shop.decided(bob, "not_entered"))["reason"] == "paused"
    await shop.decided(ann, "ended", journey=free)
    assert [d.kind for d in await shop.decisions(held) if d.customer == ann] == ["entered"]
    assert (await shop.act(held, "resume"))["status"] == "live"
    assert (await shop.decided(ann, "ended", journey=held))["outcome"] == "done"
    assert [d.kind for d in await shop.decisions(held) if d.customer == bob] == ["not_entered"]


async def test_a_stop_ends_all_runs_though_no_input_comes(shop: Shop) -> None:
    buy = shop.name("buy")
    await shop.publish(buy, {"later": {"delay": {"for": "P30D"}, "next": "done"}, "done": leave("patient")})
    customers = {shop.name(f"c{n}") for n in range(40)}
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in customers)
    await shop.handled()
    assert (await shop.act(buy, "stop"))["status"] == "stopped"

    async def ended() -> bool:
        return {
            d.customer for d in await shop.decisions(buy) if (d.kind, d.reason) == ("ended", "stopped")
        } == customers

    await wait_until(ended, what="all 40 runs ended as stopped")

    async def stats() -> bool:
        found = await shop.get(f"journeys/{buy}/stats")
        return (found["entered"], found["active"], found["ended"]) == (40, 0, {"stopped": 40})

    await wait_until(stats, what="stats of the stopped journey")


async def test_a_restart_of_the_journey_workers_changes_nothing(shop: Shop) -> None:
    buy = shop.name("buy")
    steps = {"look": wait_for(buy, "thank", "P30D", "never"), "thank": leave("thanks"), "never": leave("never")}
    await shop.publish(buy, steps)
    customers = [shop.name(f"c{n}") for n in range(40)]
    first = [{"type": "track", "userId": who, "event": buy, "messageId": f"{who}/1"} for who in customers]
    second = [{"type": "track", "userId": who, "event": buy, "messageId": f"{who}/2"} for who in customers]
    await shop.batch(first)
    await shop.handled()
    before = await shop.decisions()
    await restarted(shop.stack, *WORKERS)
    await shop.batch(first)  # seen before: changes nothing (R2)
    await shop.handled()
    assert await shop.decisions() == before
    await shop.batch(second)
    await shop.handled()
    found = await shop.decisions()
    exactly_once(found)
    assert Counter(d.kind for d in found) == {"entered": 40, "moved": 40, "ended": 40, "not_entered": 40}


async def test_stats_timelines_and_messages_of_the_api_agree_with_the_topics(shop: Shop) -> None:
    buy, mail = shop.name("buy"), shop.name("mail")
    await shop.template(mail, mail_template("Hello"))
    steps = {
        "arms": {"experiment": {"arms": {"mail": 50, "none": 50}}, "next": {"mail": "greet", "none": "look"}},
        "greet": message(mail, "look"),
        "look": wait_for(buy, "thank", "P30D", "never"),
        "thank": leave("thanks"),
        "never": leave("never"),
    }
    await shop.publish(buy, steps)
    customers = [shop.name(f"c{n}") for n in range(30)]
    await asyncio.gather(*(shop.identify(who) for who in customers[:25]))  # five without an address
    for upto in (30, 12, 6):
        await shop.batch({"type": "track", "userId": who, "event": buy} for who in customers[:upto])
    await shop.handled()
    requests = await shop.requests()
    await wait_until(lambda: len(shop.mails()) == len(requests), what="all mails")
    decided = await shop.decisions(buy)
    kinds = Counter(d.kind for d in decided)
    assert (kinds["entered"], kinds["ended"], kinds["not_entered"]) == (30, 12, 18)

    async def stats() -> bool:
        found = await shop.get(f"journeys/{buy}/stats")
        counts = Counter({arm: found["steps"]["arms"]["left"].get(arm, 0) for arm in ("mail", "none")})
        greet = found["steps"]["greet"]
        return (
            (found["entered"], found["active"], found["ended"]) == (30, 18, {"thanks": 12})
            and found["not_entered"] == {"reentry": 18}  # an event that ends a run meets the entry too (R22)
            and counts == Counter(d.branch for d in decided if d.kind == "moved" and d.step == "arms")
            and (greet["requested"], greet["sent"]) == (len(requests), len(requests))
            and sum(greet["refused"].values()) == sum(d.kind == "message" and bool(d.reason) for d in decided)
            and found["steps"]["look"]["here"] == 18
        )

    await wait_until(stats, what="stats that agree with the decisions")
    for who in (customers[0], customers[10], customers[29]):
        told = [d for d in await shop.decisions() if d.customer == who]
        shown = await shop.timeline(who)
        assert [(d["id"], d["n"], d["kind"]) for d in shown] == [(d.id, d.n, d.kind) for d in told]
    listed = (await shop.get("messages", journey=buy, limit=200))["messages"]
    assert {(m["id"] if "id" in m else m["send_id"]) for m in listed} == {request.send_id for request in requests}
    assert {m["status"] for m in listed} == {"sent"}
    exactly_once(await shop.decisions())
