"""A person in a browser: signs in, publishes a journey, sees the mail, the timeline and the webhook, moves people to a
new version, makes a segment and merges two customers; then every screen as a telephone shows it. Another one
reads a timeline in words, finds a group and its members, and deletes both a customer and the group."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.playing import played
from tests.integration.kit import Shop, call, leave, mail_template, message, wait_for

pytestmark = pytest.mark.e2e


async def test_a_browser_publishes_a_journey_and_sees_the_mail_and_the_timeline(shop: Shop, tmp_path: Path) -> None:
    journey, customer, hello = shop.name("journey"), shop.name("eve"), shop.name("hello")
    await shop.template(hello, mail_template("Welcome, Eve", "<p>Hello {{ customer.first_name }}, welcome.</p>"))
    await shop.save(journey, {"greet": message(hello, "done"), "done": leave("greeted")})
    moved, tell, segment = shop.name("moved"), shop.name("tell"), shop.name("segment")
    ends = {"done": leave("bought"), "late": leave("late")}
    await shop.publish(moved, {"look": wait_for("buy", "done", "P1D", "late"), **ends})
    await shop.template(tell, shop.hook())
    await shop.publish(tell, {"tell": call(tell, "told"), "told": leave("told")})
    visitor = shop.name("mia")
    await shop.track(visitor, moved)
    await shop.track(visitor, tell, order=7)
    await shop.save(moved, {"again": wait_for("buy", "done", "P2D", "late"), **ends}, migrate={"look": "again"})
    await shop.handled()
    given = {
        "url": shop.settings.api_url, "token": shop.settings.api_token, "writeKey": shop.settings.write_key,
        "journey": journey, "customer": customer, "email": shop.email(customer), "subject": "Welcome, Eve",
        "profile": str(tmp_path / "profile"), "moved": moved, "segment": segment, "hook": shop.prefix,
        "visitor": visitor,
    }  # fmt: skip
    assert await played("browser.mjs", given) == [
        "signed in", "published", "mail read", "timeline of 4 decisions", "published with a plan",
        "segment counted and made", "webhook read", "two customers merged", "graph shrunk",
        "asked once for what is not there", "15 screens fit",
    ]  # fmt: skip
    assert (await shop.mail(customer))["subject"] == "Welcome, Eve"


async def test_a_browser_reads_people_in_words_and_deletes_a_customer_and_a_group(shop: Shop, tmp_path: Path) -> None:
    journey, customer, hello = shop.name("order"), shop.name("ida"), shop.name("thanks")
    group, gone, ghost = shop.name("acme"), shop.name("gone"), shop.name("ghost")
    await shop.template(hello, mail_template("Thanks", "<p>Thanks</p>"))
    steps = {
        "greet": message(hello, "look"), "look": wait_for("buy", "done", "P1D", "done"), "done": leave("bought"),
    }  # fmt: skip
    await shop.publish(journey, steps, name=f"Thanks for {journey}")
    for id in (customer, gone, ghost):
        await shop.identify(id)
    joins = [{"type": "group", "userId": f"{group}-{n:02}", "groupId": group} for n in range(59)]
    await shop.batch(joins)
    await shop.post(
        "group", {"userId": customer, "groupId": group, "traits": {"name": f"{group} Inc.", "plan": "enterprise"}}
    )
    await shop.track(customer, journey)
    await shop.handled()
    given = {
        "url": shop.settings.api_url, "token": shop.settings.api_token, "profile": str(tmp_path / "profile"),
        "customer": customer, "email": shop.email(customer), "journey": journey, "journeyName": f"Thanks for {journey}",
        "template": hello, "group": group, "groupName": f"{group} Inc.", "members": 60, "gone": gone, "ghost": ghost,
    }  # fmt: skip
    assert await played("people.mjs", given) == [
        "timeline in words", "group and members", "customer deleted", "deleted by somebody else", "3 screens fit",
        "group deleted",
    ]  # fmt: skip
