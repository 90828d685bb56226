"""A person writes a journey in a browser: is refused with the problem at its line, leaves and comes back, mends it and
publishes it; then changes it, while somebody else does, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.playing import played
from tests.integration.kit import Shop, mail_template

pytestmark = pytest.mark.e2e


async def test_a_browser_writes_mends_publishes_and_changes_a_journey(shop: Shop, tmp_path: Path) -> None:
    journey, hello = shop.name("written"), shop.name("hello")
    await shop.template(hello, mail_template("Hello", "<p>Hello</p>"))
    await shop.track("ann", shop.name("other"))  # from now on it is known what nobody has sent
    await shop.handled()
    given = {
        "url": shop.settings.api_url, "token": shop.settings.api_token, "profile": str(tmp_path / "profile"),
        "journey": journey, "template": hello,
    }  # fmt: skip
    assert await played("editor.mjs", given) == [
        "refused at its lines", "asked before leaving, kept over a reload", "mended by what is offered",
        "published and live", "opened in reading order", "told of another text", "published with a plan",
        "left by keyboard", "2 screens fit",
    ]  # fmt: skip
