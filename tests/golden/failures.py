"""What fails: runs whose step or whose entry raises, and records that become dead letters."""

from __future__ import annotations

from laudstream import topics
from tests.golden.cast import Cast
from tests.integration.kit import leave, wait_until

BROKEN = {
    topics.EVENTS: (b"{no json", b"\xff\xfe\x00", b'{"id": 7}', b"", None),
    topics.ROWS: (b"{}", b'{"__table": "horses", "revision": 1}', None),
    topics.DELIVERIES: (b"[]",),
    topics.HANDOFFS: (b"{}",),
}


async def play(cast: Cast) -> None:
    shop = cast.shop
    branch = {"condition": {"customer.vip": {"equals": True}}, "next": "vip"}
    who = {"split": {"branches": [branch], "else": "done"}}
    ends = {"vip": leave("vip"), "done": leave("done")}
    later = await cast.publish("fail-later", {"rest": {"delay": {"for": "PT1S"}, "next": "who"}, "who": who, **ends})
    at_once = await cast.publish("fail-now", {"who": who, **ends})
    bad, good = [cast.who(f"bad{n}-") for n in range(3)], [cast.who(f"good{n}-") for n in range(5)]
    for event in (later, at_once):
        await shop.batch(
            {"type": "track", "userId": each, "event": event, "properties": {"poison": each in bad}}
            for each in bad + good
        )
    for topic, values in BROKEN.items():
        await cast.put(topic, bad[0], *values)
    await cast.put(topics.EVENTS, bad[0], b"{}", key=b"\xff")
    await cast.put(topics.EVENTS, bad[0], b"{}", key=b"no colon")
    for each in bad:
        await shop.decided(each, "failed", journey=later)
        await shop.decided(each, "failed", journey=at_once)
    for each in good:
        await shop.decided(each, "ended", journey=later)
    wanted = sum(map(len, BROKEN.values())) + 2

    async def buried() -> bool:
        letters = [one for one in await shop.records(topics.DEAD_LETTERS) if one.partition == cast.partition]
        return len(letters) == wanted

    await wait_until(buried, what=f"{wanted} dead letters")
