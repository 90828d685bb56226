"""A person in a browser: signs in, publishes a journey, and sees the mail and the customer's timeline."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.integration.kit import Shop, leave, mail_template, message

pytestmark = pytest.mark.e2e

SCRIPT = Path(__file__).with_name("browser.mjs")


async def test_a_browser_publishes_a_journey_and_sees_the_mail_and_the_timeline(shop: Shop, tmp_path: Path) -> None:
    journey, customer, hello = shop.name("journey"), shop.name("eve"), shop.name("hello")
    await shop.template(hello, mail_template("Welcome, Eve", "<p>Hello {{ customer.first_name }}, welcome.</p>"))
    await shop.save(journey, {"greet": message(hello, "done"), "done": leave("greeted")})
    given = {
        "url": shop.settings.api_url, "token": shop.settings.api_token, "writeKey": shop.settings.write_key,
        "journey": journey, "customer": customer, "email": shop.email(customer), "subject": "Welcome, Eve",
        "profile": str(tmp_path / "profile"),
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        "node", str(SCRIPT), json.dumps(given), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(90):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert out, err.decode()
    answer = json.loads(out.splitlines()[-1])
    assert answer == {"steps": ["signed in", "published", "mail read", "timeline of 4 decisions"], "errors": []}
    assert (await shop.mail(customer))["subject"] == "Welcome, Eve"
