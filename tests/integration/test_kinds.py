"""Each kind of step and each way in, on the real stack: a journey for each, all of them at the same time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from laudstream.local import sink_store
from tests.golden.language import split
from tests.integration.kit import Shop, call, leave, mail_template, message, wait_for, wait_until

pytestmark = pytest.mark.integration

Scene = Callable[[Shop], Awaitable[None]]
DONE = {"done": leave("done")}
REST: dict[str, Any] = {"rest": {"delay": {"for": "P1D"}, "next": "done"}, **DONE}


class Told:
    """One customer in one journey, which is entered by the event of its name."""

    def __init__(self, shop: Shop, word: str) -> None:
        self.shop, self.id, self.who = shop, shop.name(word), shop.name(f"{word}-ann")

    async def enter(self, steps: dict[str, Any], *, traits: dict[str, Any] | None = None, **body: Any) -> None:
        await self.publish(steps, **body)
        await self.shop.identify(self.who, **(traits or {}))
        await self.shop.track(self.who, self.id, order=7)
        await self.shop.decided(self.who, "entered", journey=self.id)

    async def publish(self, steps: dict[str, Any], **body: Any) -> None:
        await self.shop.publish(self.id, steps, **body)

    async def ends(self, outcome: str = "done", reason: str = "") -> dict[str, Any]:
        ended = await self.shop.decided(self.who, "ended", journey=self.id)
        assert (ended.get("outcome", ""), ended.get("reason", "")) == (outcome, reason), ended
        return ended


# Messages


async def message_by_mail_and_what_becomes_of_it(shop: Shop) -> None:
    """The wait is for the sender's own word."""
    told, hello = Told(shop, "mail"), shop.name("mail-hello")
    await shop.template(hello, mail_template("Mail for {{ customer.id }}"))
    heard = {"message": {"of": ["hi"], "is": "sent"}, "next": "done"}
    look = {"wait": {"branches": [heard], "timeout": {"after": "PT60S", "next": "late"}}}
    await told.enter({"hi": message(hello, "look"), "look": look, "late": leave("late"), **DONE})
    await told.ends()
    assert (await shop.mail(told.who))["subject"] == f"Mail for {told.who}"


async def message_by_webhook_with_what_a_wait_collected(shop: Shop) -> None:
    told, tell, seen, paid = Told(shop, "hook"), shop.name("hook-tell"), shop.name("hook-seen"), shop.name("hook-paid")
    body = {"who": "{{ customer.id }}", "order": "{{ entry.order }}", "seen": "{{ steps.look.events }}"}
    await shop.template(tell, shop.hook(body=body))
    wait = {"collect": [seen], "branches": [{"event": {"name": paid}, "next": "tell"}]}
    await told.enter({"look": {"wait": wait}, "tell": call(tell, {"sent": "done", "refused": "no"}), "no": leave("no"),
                      **DONE})  # fmt: skip
    for page in ("a", "b"):
        await shop.track(told.who, seen, page=page)
    await shop.track(told.who, paid)
    await told.ends()
    (line,) = shop.calls(told.who)
    made = json.loads(sink_store.get_call(shop.settings.sink_db, line["id"])["body"])
    assert (made["who"], made["order"]) == (told.who, 7)
    assert [each["page"] for each in made["seen"]] == ["a", "b"]


async def message_that_is_refused_goes_its_own_way(shop: Shop) -> None:
    told, hello = Told(shop, "none"), shop.name("none-hello")
    await shop.template(hello, mail_template("Never"))
    hi = {"message": {"channel": "email", "template": hello}, "next": {"sent": "done", "refused": "no"}}
    await told.enter({"hi": hi, "no": leave("no"), **DONE}, traits={"email": ""})
    await told.ends("no")
    await shop.decided(told.who, "message", journey=told.id, reason="no_address")


# Time


async def delay_for_a_while(shop: Shop) -> None:
    told = Told(shop, "delay")
    await told.enter({"rest": {"delay": {"for": "PT1S"}, "next": "done"}, **DONE})
    ended, entered = await told.ends(), await shop.decided(told.who, "entered", journey=told.id)
    assert ended["at"] == entered["at"] + 1000


async def delay_until_a_date_and_its_past(shop: Shop) -> None:
    told = Told(shop, "until")
    until = {"delay": {"until": {"date": "customer.born_on"}, "if_past": "exit"}, "next": "done"}
    await told.enter({"rest": until, **DONE}, traits={"born_on": "1990-02-28"}, settings={"release_spread": "PT0S"})
    await told.ends("", reason="if_past")


async def window_that_is_open(shop: Shop) -> None:
    told = Told(shop, "window")
    await told.enter({"open": {"window": {"from": "00:00", "to": "23:59"}, "next": "done"}, **DONE})
    await told.ends()


# Waits


async def wait_for_an_event_twice(shop: Shop) -> None:
    told, paid = Told(shop, "twice"), shop.name("twice-paid")
    branch = {"event": {"name": paid}, "where": {"event.total": {"at_least": 5}}, "count": 2, "next": "done"}
    await told.enter({"look": {"wait": {"branches": [branch]}}, **DONE})
    for total in (5, 1, 9):
        await shop.track(told.who, paid, total=total)
    await told.ends()


async def wait_for_all_of_several(shop: Shop) -> None:
    told = Told(shop, "all")
    names = [shop.name("all-a"), shop.name("all-b")]
    branch = {"all_of": [{"event": {"name": name}} for name in names], "next": "done"}
    await told.enter({"look": {"wait": {"branches": [branch]}}, **DONE})
    for name in reversed(names):
        await shop.track(told.who, name)
    await told.ends()


async def wait_that_times_out(shop: Shop) -> None:
    told = Told(shop, "late")
    await told.enter({"look": wait_for(shop.name("late-never"), "no", "PT1S", "done"), "no": leave("no"), **DONE})
    await told.ends()


async def wait_for_a_change_and_for_a_condition(shop: Shop) -> None:
    told = Told(shop, "change")
    steps = {
        "look": {"wait": {"branches": [{"changed": "customer.tier", "next": "level"}]}},
        "level": {"wait": {"branches": [{"condition": {"customer.tier": {"equals": "gold"}}, "next": "done"}]}},
        **DONE,
    }
    await told.enter(steps, traits={"tier": "none"})
    await shop.identify(told.who, tier="gold")
    await told.ends()


# Choices


async def split_by_what_an_update_wrote(shop: Shop) -> None:
    told = Told(shop, "split")
    update = {"set": {"tier": {"from": "entry.order"}}, "increment": {"orders": 2}}
    asked = {"all": [{"customer.tier": {"equals": 7}}, {"customer.orders": {"equals": 2}}]}
    await told.enter({"write": {"update": update, "next": "ask"}, "ask": split(asked, "done", "no"), "no": leave("no"),
                      **DONE})  # fmt: skip
    await told.ends()


async def experiment_whose_arm_is_kept(shop: Shop) -> None:
    told = Told(shop, "arms")
    arms = {"experiment": {"arms": {"a": 50, "b": 50}}, "next": {"a": "a", "b": "b"}}
    await told.enter({"arms": arms, "a": leave("a"), "b": leave("b")})
    arm = (await shop.decided(told.who, "ended", journey=told.id))["outcome"]

    async def shown() -> bool:
        (run,) = (await shop.get(f"customers/{told.who}"))["runs"]
        return bool(run["arms"] == {"arms": arm})

    await wait_until(shown, what="the arm of the run")


async def jump_over_what_is_between(shop: Shop) -> None:
    told = Told(shop, "jump")
    asked = split({"customer.id": {"not_exists": True}}, "no", "hop")
    await told.enter({"ask": asked, "hop": {"jump": "last"}, "no": leave("no"), "last": leave("done")})
    await told.ends()


# Ways out


async def exit_rule_in_the_middle_of_a_delay(shop: Shop) -> None:
    told, buy = Told(shop, "rule"), shop.name("rule-buy")
    await told.enter(REST, exit=[{"event": {"name": buy}, "outcome": "bought"}])
    await shop.track(told.who, buy)
    await told.ends("bought")


async def goal_that_ends_the_run(shop: Shop) -> None:
    told, buy = Told(shop, "goal"), shop.name("goal-buy")
    goal = {"event": {"name": buy}, "within": "P1D", "value": "total", "end_on_goal": True}
    await told.enter(REST, goal=goal)
    await shop.track(told.who, buy, total=12)
    met = await shop.decided(told.who, "goal", journey=told.id)
    assert met["data"]["value"] == 12
    await told.ends("goal")


# Ways in


async def entry_by_a_call_and_by_an_emitted_event(shop: Shop) -> None:
    told, called, heard = Told(shop, "emit"), Told(shop, "called"), Told(shop, "heard")
    called.who = heard.who = told.who
    await called.publish(DONE, entry=[{"api": {}}])
    await heard.publish(DONE)
    steps = {
        "call": {"emit": {"enter": called.id}, "next": "say"},
        "say": {"emit": {"event": heard.id, "properties": {"by": "emit"}}, "next": "done"},
        **DONE,
    }
    await told.enter(steps)
    for each in (told, called, heard):
        await each.ends()


async def entry_by_segment_and_exit_on_leaving_it(shop: Shop) -> None:
    told, gold = Told(shop, "segment"), shop.name("segment-gold")
    answer = await shop.http.put(
        f"/api/segments/{gold}", json={"condition": {"customer.tier": {"equals": gold}}}, params={"wait": 30}
    )
    assert answer.status_code == 200, answer.text
    await told.publish(REST, entry=[{"segment": {"id": gold}}], exit=[{"leaves": gold, "outcome": "left"}])
    await shop.identify(told.who, tier=gold)  # a value that no other test has
    await shop.decided(told.who, "entered", journey=told.id)

    async def listed() -> bool:
        page = await shop.get(f"segments/{gold}/customers")
        customer = await shop.get(f"customers/{told.who}")
        of_them = [segment["id"] for segment in customer["segments"]]
        return [one["id"] for one in page["customers"]] == [told.who] and gold in of_them

    await wait_until(listed, what="the member is shown")
    await shop.identify(told.who, tier="none")
    await told.ends("left")


async def entry_by_date(shop: Shop) -> None:
    told = Told(shop, "date")
    renews = [{"date": {"of": "customer.renews_at"}}]
    await told.publish(DONE, entry=renews, settings={"release_spread": "PT0S"})
    now = float(await shop.pool.fetchval("SELECT extract(epoch FROM clock_timestamp())"))
    await shop.identify(told.who, renews_at=round((now + 2) * 1000))
    await told.ends()


async def entry_by_audience(shop: Shop) -> None:
    told, club = Told(shop, "audience"), shop.name("club")
    await shop.identify(told.who, club=club)
    await shop.identify(shop.name("audience-bob"), club="another")
    await shop.handled()
    await told.publish(DONE, entry=[{"audience": {}, "where": {"customer.club": {"equals": club}}}])
    await told.ends()
    entered = [made.customer for made in await shop.decisions(told.id) if made.kind == "entered"]
    assert entered == [told.who]


SCENES: tuple[Scene, ...] = (
    message_by_mail_and_what_becomes_of_it, message_by_webhook_with_what_a_wait_collected,
    message_that_is_refused_goes_its_own_way, delay_for_a_while, delay_until_a_date_and_its_past, window_that_is_open,
    wait_for_an_event_twice, wait_for_all_of_several, wait_that_times_out, wait_for_a_change_and_for_a_condition,
    split_by_what_an_update_wrote, experiment_whose_arm_is_kept, jump_over_what_is_between,
    exit_rule_in_the_middle_of_a_delay, goal_that_ends_the_run, entry_by_a_call_and_by_an_emitted_event,
    entry_by_segment_and_exit_on_leaving_it, entry_by_date, entry_by_audience,
)  # fmt: skip


async def test_every_kind_of_step_and_every_way_in_runs_on_the_real_stack(shop: Shop) -> None:
    answers = await asyncio.gather(*(scene(shop) for scene in SCENES), return_exceptions=True)
    failed = {
        scene.__name__: f"{type(answer).__name__}: {answer}"[:600]
        for scene, answer in zip(SCENES, answers, strict=True)
        if isinstance(answer, BaseException)
    }
    assert not failed, "\n".join(f"{name}: {why}" for name, why in failed.items())
    shop.stack.check()
