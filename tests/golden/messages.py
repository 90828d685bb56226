"""Messages: every gate, quiet hours in two zones, caps that refuse and caps that put off, consents and suppressions,
mails that the sender hands over, and what providers tell of them afterwards."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.golden.cast import Cast, enters
from tests.integration.kit import leave, mail_template

RELEASE_S = 130
SAO_PAULO = "America/Sao_Paulo"


def mail(template: str, following: Any = "done", **more: Any) -> dict[str, Any]:
    return {"message": {"channel": "email", "template": template, **more}, "next": following}


async def play(cast: Cast) -> None:
    shop = cast.shop
    hi, needy, heavy = shop.name("hi"), shop.name("needy"), shop.name("heavy")
    values = " ".join(f"{{{{ customer.v{n} | default: '-' }}}}{{{{ entry.e{n} | default: '-' }}}}" for n in range(8))
    await shop.template(hi, mail_template("Hi {{ customer.first_name | default: 'you' }}, {{ entry.n | default: 0 }}"))
    await shop.template(needy, mail_template("For {{ customer.first_name }} and {{ entry.code }}", values))
    await shop.template(heavy, mail_template("{{ customer.heavy }}{{ customer.weight }}"))
    await answers(cast, hi)  # first: it holds the sender back
    async with asyncio.TaskGroup() as playing:
        playing.create_task(quiet(cast, hi))
        playing.create_task(capped(cast, hi))
        playing.create_task(consented(cast, hi))
        playing.create_task(filled_in(cast, needy, heavy))


async def quiet(cast: Cast, hi: str) -> None:
    """Quiet but for one minute a day, which comes next."""
    shop, nia, oda, pia, quin = cast.shop, cast.who("nia"), cast.who("oda"), cast.who("pia"), cast.who("quin")
    now = datetime.now(UTC) + timedelta(seconds=30)  # so that it is quiet for half a minute at least
    hours = {"from": f"{now + timedelta(minutes=2):%H:%M}", "to": f"{now + timedelta(minutes=1):%H:%M}"}
    leaves = [{"event": {"name": shop.name("enough")}, "outcome": "enough"}]
    steps = {"greet": mail(hi, tags=["night"]), "done": leave("greeted")}
    night = await cast.publish("night", steps, settings={"quiet_hours": hours, "priority": 2}, exit=leaves)
    brief = {"greet": mail(hi, {"sent": "done", "refused": "no"}, expires_after="PT2S"), "done": leave("greeted"),
             "no": leave("no")}  # fmt: skip
    brief_night = await cast.publish("brief", brief, settings={"quiet_hours": hours})
    loud = await cast.publish("loud", {**steps, "greet": mail(hi, defer=False)}, settings={"quiet_hours": hours})
    action = await cast.publish(
        "action", {**steps, "greet": mail(hi, **{"class": "transactional"})}, settings={"quiet_hours": hours}
    )
    for who in (nia, oda, pia, quin):
        await shop.identify(who, **({"timezone": "Asia/Kathmandu"} if who in (oda, pia) else {}))
        await shop.track(who, night, n=1)
    for event in (brief_night, loud, action):
        await shop.track(nia, event)
    await shop.decided(nia, "message", journey=brief_night, reason="expired")
    await shop.decided(nia, "message", journey=loud, reason="quiet_hours")
    await shop.decided(nia, "ended", journey=action)
    await shop.track(quin, shop.name("enough"))
    await shop.identify(pia, timezone="UTC")
    for who in (nia, pia):
        assert (await shop.decided(who, "ended", RELEASE_S, journey=night))["outcome"] == "greeted"


async def capped(cast: Cast, hi: str) -> None:
    shop, rex, sam = cast.shop, cast.who("rex"), cast.who("sam")
    for who in (rex, sam, cast.who("thea")):
        await shop.identify(who, first_name=who[-4:])
    two = {"one": mail(hi, "two"), "two": mail(hi), "done": leave("done")}
    put_off = {
        name: {**step, "message": {**step["message"], "defer": True}} for name, step in two.items() if name != "done"
    }
    caps = [{"limit": 1, "per": "PT4S", "tag": "news"}, {"limit": 100, "per": "month", "channel": "email"}]
    settings = {"caps": caps, "tags": ["news"]}
    slow = await cast.publish("slow", {**put_off, "done": two["done"]}, settings=settings)
    strict = {
        "one": mail(hi, "other"),
        "other": mail(hi, "two"),
        "two": mail(hi, on_refusal="exit"),
        "done": two["done"],
    }
    day = {"caps": [{"limit": 1, "per": "day"}], "time_zone": "Pacific/Auckland", "priority": 9}
    hard = await cast.publish("hard", strict, settings=day)
    long = {**two, "two": mail(hi, defer=True)}
    for word, period, zone in (("day", "day", ""), ("week", "week", ""), ("month", "month", SAO_PAULO),
                               ("days", "P1D", SAO_PAULO), ("far-day", "day", SAO_PAULO)):  # fmt: skip
        settings = {"caps": [{"limit": 1, "per": period}], **({"time_zone": zone} if zone else {})}
        await shop.track(cast.who("thea"), await cast.publish(f"per-{word}", long, settings=settings))
    week = {"caps": [{"limit": 1, "per": "week", "counts": "all"}], "holdout": 0}
    first = {"one": mail(hi, "two", **{"class": "transactional"}), "two": mail(hi), "done": leave("done")}
    counted = await cast.publish("counted", first, settings=week)
    held = await cast.publish("held", {"one": mail(hi), "done": leave("done")}, settings={"holdout": 100})
    await shop.track(rex, slow)
    for event in (hard, counted, held):
        await shop.track(sam, event)
    await shop.decided(sam, "ended", journey=hard, reason="refused")
    await shop.decided(sam, "message", journey=counted, reason="cap")
    await shop.decided(sam, "message", journey=held, reason="held_out")
    await shop.decided(rex, "ended", journey=slow)


async def consented(cast: Cast, hi: str) -> None:
    shop = cast.shop
    steps = {"one": mail(hi, {"sent": "done", "refused": "no"}), "done": leave("done"), "no": leave("no")}
    ask = await cast.publish("ask", steps)
    people = {word: cast.who(word) for word in ("subscribed", "unsubscribed", "pending", "unknown", "suppressed")}
    for status, who in people.items():
        await cast.row(who, email=shop.email(who))
        await (cast.suppress(who) if status == "suppressed" else cast.consent(who, status))
    await cast.came('"bounced"', *(f'"{status}"' for status in people if status != "suppressed"))
    nobody = cast.who("nobody")
    for who in (*people.values(), nobody):
        await shop.track(who, ask)
    for status, who in (*people.items(), ("no_address", nobody)):
        if status in ("subscribed", "unknown"):
            await shop.decided(who, "ended", outcome="done")
        else:
            await shop.decided(who, "message", reason=status)
    await cast.consent(people["unsubscribed"], "subscribed")
    await shop.handled()


async def filled_in(cast: Cast, needy: str, heavy: str) -> None:
    shop, tim, uma = cast.shop, cast.who("tim"), cast.who("uma")
    lacking = await cast.publish("lacking", {"one": mail(needy), "done": leave("done")})
    weighty = await cast.publish("weighty", {"one": mail(heavy), "done": leave("done")})
    values = range(8)
    await shop.identify(tim, first_name="Tim", **{f"v{n}": n / 3 for n in values})
    await shop.track(tim, lacking)
    await shop.track(tim, lacking, code="c", **{f"e{n}": [n] for n in values})
    await shop.identify(uma, heavy="h" * 20_000)
    await shop.identify(uma, weight="w" * 20_000)
    await shop.track(uma, weighty)
    await shop.decided(tim, "message", reason="missing_value")
    await shop.decided(tim, "message", reason="")
    await shop.decided(uma, "message", reason="too_large")


async def answers(cast: Cast, hi: str) -> None:
    """The sender is away: what becomes of the messages is told by hand."""
    shop = cast.shop
    people = {word: cast.who(word) for word in ("vic", "wes", "xan", "yas", "zoe")}
    ways = {"one": mail(hi, {"sent": "done", "refused": "no"}), "done": leave("done"), "no": leave("no")}
    asked = await cast.publish("asked", ways)
    on = await cast.publish("on", {"one": mail(hi, "rest"), "rest": {"delay": {"for": "P2D"}, "next": "done"},
                                   "done": leave("done")}, entry=[enters(shop.name("on"))])  # fmt: skip
    sender = shop.stack.part("senders")
    await sender.stop()
    try:
        for who in people.values():
            await shop.identify(who)
            await shop.track(who, on if who in (people["yas"], people["zoe"]) else asked)
        made = {word: await cast.request(who, "one") for word, who in people.items()}
        await cast.deliver(made["vic"], "unknown")
        await cast.deliver(made["vic"], "bounced", "no_such_address", times=2)
        await cast.deliver(made["wes"], "failed", "template_failed")
        await cast.deliver(made["xan"], "refused", "expired")
        await cast.deliver(await cast.request(people["xan"], "one", 2), "refused", "journey_stopped")
        await cast.deliver(made["yas"], "refused", "paused")
        await cast.deliver(await cast.request(people["yas"], "one", 2), "opened")
        await cast.deliver(made["zoe"], "clicked")
        for word, outcome in (("vic", "done"), ("wes", "no"), ("xan", "no")):
            await shop.decided(people[word], "ended", outcome=outcome)
        await shop.handled("laudstream.deliveries")
    finally:
        await sender.start()
