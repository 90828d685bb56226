"""Journeys that change while runs are in them: a new version, weights of an experiment, a template; pause and resume,
stop and another publish with their sweeps, all customers at once; a worker that is killed, and one that is stopped."""

from __future__ import annotations

from tests.golden.cast import Cast, enters
from tests.integration.kit import leave, mail_template, message, wait_for, wait_until

PEOPLE = 120
"""More than a sweep looks at in a round."""


async def play(cast: Cast) -> None:
    await present(cast)
    await versions(cast)
    await paused(cast)
    await stopped(cast)


async def present(cast: Cast) -> None:
    """All who are there at the publish, and once more those who are there at the next one."""
    shop, club = cast.shop, cast.shop.name("club")
    people = [cast.who(f"club{n}-") for n in range(6)]
    entry = [{"audience": {}, "where": {"customer.club": {"equals": club}}, "reentry": "always"}]
    steps = {"look": wait_for(club, "done", "P30D", "done"), "done": leave("done")}
    for number, who in enumerate(people):
        await cast.row(who, club=club if number else "other")
    await cast.came(*people)
    id = await cast.publish("present", steps, entry=entry)
    for who in people[1:]:
        await shop.decided(who, "entered", journey=id)
    late = cast.who("club-late")
    await shop.identify(late, club=club)
    await shop.track(people[1], club)
    await shop.decided(people[1], "ended", journey=id)
    await cast.publish("present", {**steps, "done": leave("again")}, entry=entry)
    for who in (people[1], late):
        await shop.decided(who, "entered", journey=id, version=2)


async def versions(cast: Cast) -> None:
    shop, ann = cast.shop, cast.who("chg-ann")
    hello = shop.name("hello")
    await shop.template(hello, mail_template("Hello"))
    arms = {"experiment": {"id": "colour", "arms": {"red": 50, "blue": 50}}, "next": {"red": "red", "blue": "blue"}}
    steps = {"arms": arms, "red": wait_for(shop.name("go"), "greet", "P30D", "done"),
             "blue": wait_for(shop.name("go"), "greet", "P30D", "done"), "greet": message(hello, "done"),
             "done": leave("one")}  # fmt: skip
    id = await cast.publish("versions", steps)
    people = [ann, *(cast.who(f"chg{n}-") for n in range(5))]
    for who in people:
        await shop.identify(who)
        await shop.track(who, id)
    await shop.handled()
    await shop.template(hello, mail_template("Hello again, {{ customer.first_name | default: 'you' }}"))
    weights = {"experiment": {"id": "colour", "arms": {"red": 1, "blue": 99}}, "next": arms["next"]}
    await cast.publish(
        "versions", {**steps, "arms": weights, "done": leave("two")}, entry=[enters(id, while_active="restart")]
    )
    await shop.track(ann, id)
    await shop.stack.part("journeys").kill()
    await shop.stack.part("journeys").start()
    for who in people:
        await shop.track(who, shop.name("go"))
    for who in people[1:]:
        await shop.decided(who, "ended", outcome="one")
    await shop.decided(ann, "ended", outcome="two")


async def paused(cast: Cast) -> None:
    shop, ann, bob, cid = cast.shop, cast.who("hold-ann"), cast.who("hold-bob"), cast.who("hold-cid")
    go = shop.name("onward")
    steps = {"rest": {"delay": {"for": "PT2S"}, "next": "look"}, "look": wait_for(go, "done", "PT2S", "late"),
             "done": leave("done"), "late": leave("late")}  # fmt: skip
    id = await cast.publish("hold", steps)
    waits = await cast.publish("hold-wait", {"look": wait_for(go, "done", "PT2S", "late"), "done": leave("done"),
                                             "late": leave("late")})  # fmt: skip
    await shop.track(ann, id)
    await shop.track(bob, waits)
    for journey in (id, waits):
        await shop.act(journey, "pause")
    await shop.track(cid, id)
    await shop.track(bob, go)
    await shop.decided(cid, "not_entered", reason="paused")
    clock = await cast.publish("clock", {"rest": {"delay": {"for": "PT4S"}, "next": "done"}, "done": leave("done")})
    await shop.track(cid, clock)
    await shop.decided(cid, "ended", journey=clock)
    for journey in (waits, id):
        await shop.act(journey, "resume")
    await shop.decided(bob, "ended", outcome="done")
    await shop.decided(ann, "ended", outcome="late")


async def stopped(cast: Cast) -> None:
    shop = cast.shop
    steps = {"rest": {"delay": {"for": "P30D"}, "next": "done"}, "done": leave("done")}
    id = await cast.publish("halt", steps)
    people = [cast.who(f"halt{n}-") for n in range(PEOPLE)]
    await shop.batch({"type": "track", "userId": who, "event": id} for who in people)
    await shop.handled()
    await shop.act(id, "stop")

    async def ended() -> bool:
        made = await shop.decisions(id)
        return {one.customer for one in made if one.reason == "stopped"} == set(people)

    await wait_until(ended, what="all runs ended as stopped")
    worker = shop.stack.part("journeys")
    await worker.stop()
    await shop.track(people[0], id)
    await worker.start()
    await cast.publish("halt", {"done": leave("short")})
    await shop.track(people[0], id)
    await shop.decided(people[0], "ended", outcome="short")
