"""From one version to the next: a count of who is where, a map that moves and ends runs while a worker is killed, a
trial that grows and is promoted with a map of its own, one that is withdrawn, a restored version, and a journey that
drains."""

from __future__ import annotations

from typing import Any

from tests.golden.cast import ALWAYS, Cast
from tests.integration.kit import PUBLISH_WAIT_S, leave, wait_for, wait_until

PEOPLE = 120
"""More than a sweep looks at in a round where inputs wait."""


async def play(cast: Cast) -> None:
    await moved(cast)
    await tried(cast)
    await drained(cast)


async def _ask(cast: Cast, journey: str, action: str, body: Any = None, **params: Any) -> dict[str, Any]:
    address = f"/api/journeys/{journey}/{action}"
    response = await cast.shop.http.post(address, json=body, params={"wait": PUBLISH_WAIT_S, **params})
    assert response.status_code == 200, response.text
    return dict(response.json())


async def moved(cast: Cast) -> None:
    shop, go, pay = cast.shop, cast.shop.name("vgo"), cast.shop.name("vpay")
    ends = {"done": leave("done"), "late": leave("late")}
    first = {"look": wait_for(go, "rest", "P30D", "late"), "rest": wait_for(pay, "done", "P30D", "late")}
    id = await cast.publish("map", {**first, **ends})
    people = [cast.who(f"map{n}-") for n in range(PEOPLE)]
    await shop.batch({"type": "track", "userId": who, "event": id} for who in people)
    await shop.batch({"type": "track", "userId": who, "event": go} for who in people[:20])
    await shop.handled()
    await _ask(cast, id, "dry-run", {"migrate": {"look": "again"}})
    second = {"again": wait_for(pay, "done", "P30D", "late")}
    await shop.save(id, {**second, **ends}, migrate={"look": "again", "rest": "exit"})
    await shop.act(id, "publish")
    await shop.track(people[-1], pay)
    await shop.stack.part("journeys").kill()
    await shop.stack.part("journeys").start()

    async def all_moved() -> bool:
        made = [d for d in await shop.decisions(id) if d.kind == "migrated" or d.reason == "migrated"]
        return len(made) >= PEOPLE

    await wait_until(all_moved, 60, "everybody was moved")
    await shop.decided(people[-1], "ended", outcome="done")
    await _ask(cast, id, "restore", {"version": 1, "migrate": {"again": "look"}})
    await shop.track(people[-2], go)
    await shop.decided(people[-2], "moved", version=3)
    await _ask(cast, id, "dry-run", {})


async def tried(cast: Cast) -> None:
    shop, done = cast.shop, cast.shop.name("vdone")
    steps = {"look": wait_for(done, "out", "P30D", "out"), "out": leave("out")}
    id = cast.shop.name("try")
    entry = [{"event": {"name": id}, "reentry": ALWAYS}]
    await shop.publish(id, steps, entry=entry)
    people = [cast.who(f"try{n}-") for n in range(30)]
    await shop.save(id, {"wait": steps["look"], "out": leave("better")}, entry=entry, migrate={"look": "wait"})
    for share in (20, 60):
        await _ask(cast, id, "publish", share=share)
        await shop.batch({"type": "track", "userId": who, "event": id} for who in people)
        await shop.handled()
        if share == 20:
            await shop.batch({"type": "track", "userId": who, "event": done} for who in people)
            await shop.handled()
    await _ask(cast, id, "promote")
    await shop.batch({"type": "track", "userId": who, "event": done} for who in people)
    for who in people:
        await shop.decided(who, "ended", version=2, outcome="better")
    await shop.save(id, {**steps, "out": leave("worse")}, entry=entry)
    await _ask(cast, id, "publish", share=50)
    await shop.batch({"type": "track", "userId": who, "event": id} for who in people[:10])
    await shop.handled()
    await _ask(cast, id, "withdraw")
    await shop.batch({"type": "track", "userId": who, "event": id} for who in people[10:20])
    await shop.batch({"type": "track", "userId": who, "event": done} for who in people[:20])
    await shop.handled()


async def drained(cast: Cast) -> None:
    shop, ann, bob, done = cast.shop, cast.who("dry-ann"), cast.who("dry-bob"), cast.shop.name("dried")
    id = await cast.publish("dry", {"look": wait_for(done, "out", "P30D", "out"), "out": leave("out")})
    await shop.track(ann, id)
    await shop.act(id, "drain")
    await shop.track(bob, id)
    await shop.decided(bob, "not_entered", reason="draining")
    await shop.track(ann, done)
    await shop.decided(ann, "ended", outcome="out")
    await shop.act(id, "resume")
    await shop.track(bob, id)
    await shop.decided(bob, "entered", journey=id)
