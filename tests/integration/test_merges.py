"""A visitor signs in, on the whole stack (R50, A18)."""

from __future__ import annotations

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


async def test_r50_the_run_of_a_visitor_hears_what_the_user_does_in_the_same_batch(shop: Shop) -> None:
    journey, buy = shop.name("cart"), shop.name("buy")
    steps = {"look": wait_for(buy, "bought", "PT10M", "left"), "bought": leave("bought"), "left": leave("left")}
    await shop.publish(journey, steps)
    pairs = [(shop.name(f"visitor{n}"), shop.name(f"user{n}")) for n in range(40)]
    await shop.batch({"type": "track", "anonymousId": visitor, "event": journey} for visitor, _ in pairs)
    for visitor, _ in pairs:
        await shop.decided(visitor, "entered")
    for visitor, user in pairs:  # as a browser says it: who it is, and at once what happens
        await shop.batch([
            {"type": "identify", "anonymousId": visitor, "userId": user, "traits": {"email": shop.email(user)}},
            {"type": "track", "anonymousId": visitor, "userId": user, "event": buy},
        ])  # fmt: skip
    for _, user in pairs:
        assert (await shop.decided(user, "ended", journey=journey))["outcome"] == "bought"
    made = await shop.decisions(journey)
    assert len({one.id for one in made}) == len(made)
    exactly_once(one for one in made if one.customer.startswith(shop.name("visitor")))
    assert len([one for one in made if one.kind == "entered"]) == len(pairs)
    stats = await shop.get(f"journeys/{journey}/stats")
    assert (stats["entered"], stats["ended"]) == (len(pairs), {"bought": len(pairs)})
    visitor, user = pairs[0]
    shown = await shop.get(f"customers/{visitor}")
    assert (shown["id"], shown["aliases"], [run["outcome"] for run in shown["runs"]]) == (user, [visitor], ["bought"])
    kinds = [one["kind"] for one in await shop.timeline(visitor)]
    assert {"entered", "merged", "moved", "ended"} <= set(kinds)


async def test_r50_mails_consents_and_late_events_of_both_ids_over_a_restart(shop: Shop) -> None:
    journey, template = shop.name("welcome"), shop.name("hello")
    await shop.template(template, mail_template("Hello"))
    steps = {"hi": message(template, "done"), "done": leave("mailed")}
    entry = [{"event": {"name": journey}, "reentry": "always"}]
    await shop.publish(journey, steps, entry=entry, settings={"caps": [{"limit": 2, "per": "P1D"}]})
    visitor, user = shop.name("visitor"), shop.name("user")
    await shop.post("identify", {"anonymousId": visitor, "traits": {"email": shop.email(visitor)}})
    await shop.batch([{"type": "track", "anonymousId": visitor, "event": journey}])
    await shop.mail(visitor)
    await shop.identify(user)
    await shop.track(user, journey)
    await shop.mail(user)
    await shop.post("alias", {"previousId": visitor, "userId": user})

    async def taken_in() -> bool:
        return any(one["data"].get("from") == visitor for one in await shop.timeline(user) if one["kind"] == "merged")

    await wait_until(taken_in, what="the merge")
    await restarted(shop.stack, *WORKERS)  # the pointer and what was merged are state like any other
    await shop.batch([{"type": "track", "anonymousId": visitor, "event": journey}])
    assert (await shop.decided(user, "message", reason="cap"))["customer"] == user
    assert len(shop.mails()) >= 2
    answer = await shop.http.delete(f"/api/customers/{visitor}")
    assert answer.status_code == 204, answer.text
    await shop.batch([{"type": "track", "anonymousId": visitor, "event": journey}])
    await shop.decided(visitor, "entered")
    assert (await shop.get(f"customers/{visitor}"))["aliases"] == []


async def test_r54_who_is_deleted_is_somebody_new_in_the_next_request_whatever_cdc_has_told(shop: Shop) -> None:
    journey, buy = shop.name("cart"), shop.name("buy")
    steps = {"look": wait_for(buy, "bought", "PT10M", "left"), "bought": leave("bought"), "left": leave("left")}
    await shop.publish(journey, steps, entry=[{"event": {"name": journey}, "reentry": "never"}])
    known = [shop.name(f"known{n}") for n in range(20)]
    strangers = [shop.name(f"stranger{n}") for n in range(20)]
    for who in known:
        await shop.identify(who)
    await shop.batch({"type": "track", "userId": who, "event": journey} for who in known + strangers)
    for who in known + strangers:
        await shop.decided(who, "entered")

    async def a_row(who: str) -> bool:  # of a stranger the projector makes it
        return (await shop.http.get(f"/api/customers/{who}")).status_code == 200

    for who in known + strangers:
        await wait_until(lambda who=who: a_row(who), what=f"the row of {who}")
        answer = await shop.http.delete(f"/api/customers/{who}")
        assert answer.status_code == 204, answer.text
        await shop.batch([{"type": "track", "userId": who, "event": journey}])
    for who in known + strangers:
        await shop.decided(who, "entered")
        await wait_until(lambda who=who: a_row(who), what=f"the row of the new {who}")
    await shop.handled(topics.ROWS)
    made = await shop.decisions(journey)
    assert len([one for one in made if one.kind == "entered"]) == 2 * len(known + strangers)
    assert [one.customer for one in made if one.kind == "not_entered"] == []
    ended = [(one.customer, one.reason) for one in made if one.kind == "ended"]
    assert sorted(ended) == sorted((who, "deleted") for who in known + strangers)
    for who in known + strangers:
        shown = await shop.get(f"customers/{who}")
        assert [run["ended_at"] for run in shown["runs"]] == [None]
        assert {one["kind"] for one in await shop.timeline(who)} == {"entered"}
