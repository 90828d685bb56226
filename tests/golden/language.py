"""What runs change and emit, jumps, waits of every kind, goals, windows and dates, segments over the past and by time,
members by hand, consent by subscription, pinned templates and arms that are held out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from laudstream import topics
from tests.golden.cast import Cast
from tests.integration.kit import leave, mail_template, wait_until

FOREVER = {"from": "00:00", "to": "23:59"}
DATES: dict[str, Any] = {
    "before": {"ahead": "P3D"}, "on": "2020-02-29", "within_last": "P90Y", "within_next": "P90Y",
    "anniversary": {"ahead": "P7D"}, "length": {"at_least": 4}, "changed_within": "P1D",
}  # fmt: skip


Part = Callable[[Cast], Awaitable[None]]


async def play(cast: Cast) -> None:
    async with asyncio.TaskGroup() as playing:
        for part in (writing, hearing, timing, sending, belonging):
            playing.create_task(part(cast))


def split(condition: dict[str, Any], then: str, otherwise: str) -> dict[str, Any]:
    return {"split": {"branches": [{"condition": condition, "next": then}], "else": otherwise}}


async def define(cast: Cast, kind: str, word: str, **body: Any) -> str:
    """A segment or a subscription, live in every lane; its id."""
    id = cast.shop.name(word)
    answer = await cast.shop.http.put(f"/api/{kind}s/{id}", json=body, params={"wait": 30})
    assert answer.status_code == 200, answer.text
    assert answer.json()["seen"], answer.text
    return id


async def writing(cast: Cast) -> None:
    """update, emit, jump; entries by a call; attributes that come back to everybody."""
    shop, ann, bob = cast.shop, cast.who("wann"), cast.who("wbob")
    club = await define(cast, "segment", "club", manual=True)
    news = await define(cast, "subscription", "wnews", channel="email", opt_in="explicit")
    told, called = shop.name("lang-told"), shop.name("lang-called")
    await cast.publish("lang-called", {"rest": {"delay": {"for": "P1D"}, "next": "done"}, "done": leave("rested")},
                       entry=[{"api": {}, "reentry": "always"}])  # fmt: skip
    await cast.publish("lang-told", {"done": leave("told")})
    update: dict[str, Any] = {
        "set": {"tier": {"from": "entry.tier"}}, "unset": ["old"], "increment": {"orders": 2},
        "subscribe": [{"channel": "email", "subscription": news}], "add_to": [club],
    }  # fmt: skip
    steps = {
        "write": {"update": update, "next": "ask"},
        "ask": split({"customer.orders": {"equals": 2}}, "tell", "no"),
        "tell": {
            "emit": {"event": told, "to": "entry.friend", "properties": {"by": {"from": "customer.id"}}},
            "next": "call",
        },
        "call": {"emit": {"enter": called, "to": "entry.friend"}, "next": "hop"},
        "hop": {"jump": "wait"},
        "wait": {"wait": {"branches": [{"changed": "customer.tier", "next": "free"}]}},
        "free": {"emit": {"leave": called, "outcome": "freed", "to": "entry.friend"}, "next": "yes"},
        "yes": leave("changed"),
        "no": leave("not-two"),
    }
    tag = await cast.publish("lang-tag", steps)
    await shop.identify(ann, old="x", tier="none")
    await shop.track(ann, tag, tier="gold", friend=bob)
    await shop.decided(bob, "ended", journey=told, outcome="told")
    await shop.decided(bob, "entered", journey=called)
    await shop.decided(ann, "moved", journey=tag, to="wait")
    await _row(cast, ann, tier="gold", orders=2)
    await shop.identify(ann, tier="platinum")
    await shop.decided(ann, "ended", journey=tag, outcome="changed")
    await shop.decided(bob, "ended", journey=called, outcome="freed")
    row = await shop.pool.fetchrow(
        "SELECT member FROM segment_members WHERE workspace_id = $1 AND segment = $2 AND customer_id = $3",
        shop.workspace, club, ann,
    )  # fmt: skip
    assert row is not None
    assert row["member"]


async def _row(cast: Cast, customer: str, **wanted: Any) -> None:
    """Until PostgreSQL has what runs wrote, and none of what they took away."""

    async def there() -> bool:
        found = await cast.shop.pool.fetchval(
            "SELECT attributes FROM customers WHERE workspace_id = $1 AND customer_id = $2",
            cast.shop.workspace, customer,
        )  # fmt: skip
        return found is not None and "old" not in found and wanted.items() <= found.items()

    await wait_until(there, what=f"{customer} with {wanted}")


async def hearing(cast: Cast) -> None:
    """all_of, message, since, collect, goals."""
    shop, ann = cast.shop, cast.who("hann")
    paid, shipped, viewed = shop.name("lang-hpaid"), shop.name("lang-hshipped"), shop.name("lang-hviewed")
    hello = shop.name("lang-hhello")
    await shop.template(hello, mail_template("Hello"))
    both = {"all_of": [{"event": {"name": paid}}, {"event": {"name": shipped}}], "next": "mail"}
    sent = {"message": {"of": ["mail"], "is": "delivered"}, "next": "done"}
    steps = {
        "rest": {"delay": {"for": "PT2S"}, "next": "look"},
        "look": {
            "wait": {
                "since": "entry",
                "collect": [viewed],
                "branches": [both],
                "timeout": {"after": "PT60S", "next": "late"},
            }
        },
        "mail": {"message": {"channel": "email", "template": hello, "class": "transactional"}, "next": "told"},
        "told": {"wait": {"branches": [sent], "timeout": {"after": "PT60S", "next": "late"}}},
        "done": leave("told"),
        "late": leave("late"),
    }
    goal = {"event": {"name": paid}, "within": "P1D", "value": "total"}
    order = await cast.publish("lang-order", steps, goal=goal)
    await shop.identify(ann, email=shop.email(ann))
    await shop.track(ann, order)
    await shop.decided(ann, "entered", journey=order)
    await shop.track(ann, paid, total=12)
    await shop.decided(ann, "goal", journey=order)
    await shop.decided(ann, "moved", journey=order, to="look")
    for event in (viewed, shipped):
        await shop.track(ann, event)
    await shop.decided(ann, "moved", journey=order, to="told")
    await cast.deliver(await cast.request(ann, "mail"), "delivered")
    await shop.decided(ann, "ended", journey=order, outcome="told")


async def timing(cast: Cast) -> None:
    """Windows, dates and what happens where they are past or missing; entries at a date; operators on dates."""
    shop, ann, bob = cast.shop, cast.who("tann"), cast.who("tbob")
    passes = {"if_missing": "pass", "if_past": "pass"}
    steps = {
        "open": {"window": FOREVER, "next": "past"},
        "past": {"delay": {"until": {"date": "customer.born_on"}, "if_past": "skip"}, "next": "never"},
        "never": {"delay": {"for": "P1D"}, "next": "gone"},
        "gone": {"delay": {"until": {"date": "customer.nothing"}, **passes}, "next": "leave"},
        "leave": {"delay": {"until": {"instant": "2020-01-01T00:00:00Z"}, "if_past": "exit"}, "next": "done"},
        "done": leave("done"),
    }
    at_once = {"release_spread": "PT0S"}
    when = await cast.publish("lang-when", steps, settings=at_once)
    asked = [*DATES.items(), ("after", {"ago": "P1D"})]
    questions = {
        f"s{n}": split({"customer.born_on": {name: operand}}, f"s{n + 1}", f"s{n + 1}")
        for n, (name, operand) in enumerate(asked)
    }
    held = {"condition": {"customer.tier": {"equals": "x", "held_for": "PT1S"}}, "next": "done"}
    last = {f"s{len(asked)}": {"wait": {"branches": [held]}}, "done": leave("asked")}
    kinds = await cast.publish("lang-kinds", {**questions, **last})
    nothing = {"delay": {"until": {"date": "customer.nothing"}, "if_past": "pass"}, "next": "done"}
    missing = await cast.publish("lang-missing", {"wait": nothing, "done": leave("done")})
    rest = {"rest": {"delay": {"for": "P1D"}, "next": "done"}, "done": leave("done")}
    renews = [{"date": {"of": "customer.renews_at"}}]
    yearly = await cast.publish("lang-yearly", rest, entry=renews, settings=at_once)
    await shop.identify(ann, born_on="1990-02-28", tier="x")
    for event in (when, kinds, missing):
        await shop.track(ann, event)
    await shop.decided(ann, "ended", journey=when, reason="if_past")
    await shop.decided(ann, "ended", journey=missing, reason="if_missing")
    await shop.decided(ann, "ended", journey=kinds, outcome="asked")
    now = float(await shop.pool.fetchval("SELECT extract(epoch FROM clock_timestamp())"))
    await shop.identify(bob, renews_at=round((now + 3) * 1000))
    await shop.decided(bob, "entered", journey=yearly)
    await shop.identify(bob, renews_at=round((now + 90_000) * 1000))
    await shop.decided(bob, "ended", journey=yearly, reason="date_changed")


async def sending(cast: Cast) -> None:
    """Consent by subscription, a pinned template, an arm that is held out, a message that no window lets out."""
    shop, ann = cast.shop, cast.who("sann")
    news = await define(cast, "subscription", "news", channel="email", opt_in="explicit")
    letter = shop.name("lang-letter")
    for subject in ("One", "Two"):
        await shop.template(letter, mail_template(subject))
    over = {"starts_at": "2020-01-01T00:00:00Z", "ends_at": "2020-01-02T00:00:00Z"}
    steps = {
        "arms": {"experiment": {"arms": {"a": 0}, "holdout": 100}, "next": {"a": "done", "holdout": "ask"}},
        "ask": {"message": {"channel": "email", "template": letter, "subscription": news}, "next": "pin"},
        "pin": {"message": {"channel": "email", "template": f"{letter}@1", "class": "transactional"}, "next": "shut"},
        "shut": {"message": {"channel": "email", "template": letter, "windows": [over]}, "next": "done"},
        "done": leave("sent"),
    }
    send = await cast.publish("lang-send", steps)
    await shop.identify(ann, email=shop.email(ann))
    await shop.track(ann, send)
    await shop.decided(ann, "message", journey=send, step="ask", reason="not_subscribed")
    await shop.decided(ann, "message", journey=send, step="shut", reason="window")
    await shop.decided(ann, "ended", journey=send, outcome="sent")
    assert (await shop.mail(ann))["subject"] == "One"


async def belonging(cast: Cast) -> None:
    """A segment over the past, one that time ends, members by hand; entries by them, and exits on leaving."""
    shop, ann, bob, cleo = cast.shop, cast.who("bann"), cast.who("bbob"), cast.who("bcleo")
    buy = shop.name("lang-bbuy")
    await shop.identify(ann, x=1)
    await shop.identify(bob, x=1)
    for customer, times in ((ann, 2), (bob, 1)):
        for _ in range(times):
            await shop.track(customer, buy)
    await shop.handled(topics.EVENTS)
    twice = await define(cast, "segment", "twice", condition={"event": {"name": buy, "at_least": 2}})
    fresh = await define(cast, "segment", "fresh", condition={"event": {"name": buy, "within": "PT3S"}})
    hand = await define(cast, "segment", "hand", manual=True)
    await _change(cast, ann, twice, "definition")
    rest = {"rest": {"delay": {"for": "P1D"}, "next": "done"}, "done": leave("rested")}
    loyal = await cast.publish("lang-loyal", rest, entry=[{"segment": {"id": twice}}])
    out = [{"leaves": fresh, "outcome": "cooled"}]
    warm = await cast.publish("lang-warm", rest, entry=[{"segment": {"id": fresh}, "reentry": "always"}], exit=out)
    chosen = await cast.publish("lang-chosen", rest, entry=[{"segment": {"id": hand}}])
    await shop.track(bob, buy)
    await shop.decided(bob, "entered", journey=loyal)
    await shop.track(cleo, buy)
    await shop.decided(cleo, "entered", journey=warm)
    await shop.decided(cleo, "ended", journey=warm, outcome="cooled")
    answer = await shop.http.post(f"/api/segments/{hand}/members", json={"add": [ann]})
    assert answer.json()["added"] == 1, answer.text
    await shop.decided(ann, "entered", journey=chosen)
    made = [one for one in await shop.decisions(loyal) if one.kind == "entered"]
    assert [one.customer for one in made] == [bob]


async def _change(cast: Cast, customer: str, segment: str, because: str) -> None:
    async def there() -> bool:
        return any(
            made.kind == "segment" and made.customer == customer
            and (made.data["segment"], made.data["because"]) == (segment, because)
            for made in await cast.shop.decisions()
        )  # fmt: skip

    await wait_until(there, what=f"{customer} in {segment}")
