"""What is counted over all lanes besides entries: the first customers of each arm and a winner, a pace, a signal with
places of its own, and a version of a segment that is pinned."""

from __future__ import annotations

from tests.golden.cast import Cast
from tests.integration.kit import leave, mail_template, message, wait_until

PEOPLE = 12
PLACES = 5


async def play(cast: Cast) -> None:
    await winner(cast)
    await pace(cast)
    await signal(cast)


async def winner(cast: Cast) -> None:
    shop = cast.shop
    rule = {"metric": "goal", "minimum": 2, "hold_rest": True}
    steps = {
        "test": {"experiment": {"arms": {"a": 50, "b": 50}, "winner": rule}, "next": {"a": "a", "b": "b"}},
        "a": leave("a"), "b": leave("b"),
    }  # fmt: skip
    letter = await cast.publish("letter", steps, goal={"event": {"name": shop.name("read")}, "within": "P1D"})
    people = [cast.who(f"reader{n}-") for n in range(PEOPLE)]
    await shop.batch({"type": "track", "userId": who, "event": letter} for who in people)
    await _told(cast, letter, "moved", 2)
    await shop.handled()
    address = f"/api/journeys/{letter}/experiments/test/winner"
    answer = await shop.http.put(address, json={"arm": "b"}, params={"wait": 25})
    assert answer.status_code == 200, answer.text
    await _told(cast, letter, "moved", PEOPLE)
    late = cast.who("latecomer-")
    await shop.track(late, letter)
    await _told(cast, letter, "moved", PEOPLE + 1)


async def pace(cast: Cast) -> None:
    shop = cast.shop
    template = shop.name("slowly")
    await shop.template(template, mail_template("Slowly"))
    settings = {"class": "transactional", "pace": {"limit": 4, "per": "minute"}}
    slow = await cast.publish("slow", {"hi": message(template, "done"), "done": leave("done")}, settings=settings)
    people = [cast.who(f"slow{n}-") for n in range(4)]
    for who in people:
        await shop.identify(who)
    await shop.batch({"type": "track", "userId": who, "event": slow} for who in people)
    await _told(cast, slow, "message", 5)  # one at once, three put off, one of them sent


async def signal(cast: Cast) -> None:
    shop, sale = cast.shop, cast.shop.name("sale")
    for percent in (5, 10):
        body = {"condition": {"customer.percent": {"at_least": percent}, "customer.scene": {"equals": sale}}}
        answer = await shop.http.put(f"/api/segments/{sale}", json=body, params={"wait": 25})
        assert answer.status_code == 200, answer.text
    where = {"segment": f"{sale}@1", "entry.percent": {"at_least": 10}}
    entry = [{"audience": {"signal": sale}, "where": where}]
    places = {"n": PLACES, "per": "occurrence"}
    steps = {"rest": {"delay": {"for": "PT1S"}, "next": "done"}, "done": leave("done")}
    journey = await cast.publish("signalled", steps, entry=entry, max_entries=places)
    people = [cast.who(f"buyer{n}-") for n in range(PEOPLE)]
    for who in people:
        await shop.identify(who, scene=sale, percent=7)
    await shop.handled()
    await shop.post("signal", {"event": sale, "properties": {"percent": 5}})
    for number in (1, 2):
        await shop.post("signal", {"event": sale, "properties": {"percent": 20}})
        await _told(cast, journey, "entered", number * PLACES)
        await _told(cast, journey, "not_entered", number * (PEOPLE - PLACES))
        await _told(cast, journey, "ended", number * PLACES)


async def _told(cast: Cast, journey: str, kind: str, wanted: int) -> None:
    async def done() -> bool:
        made = await cast.shop.decisions(journey)
        return sum(one.kind == kind for one in made) >= wanted

    await wait_until(done, 90, what=f"{wanted} times {kind} of {journey}")
