"""The workspace, the inbox and health."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from laudstream.errors import Invalid, Refused
from laudstream.local import inbox_store
from laudstream.local.inbox_store import Incoming
from laudstream.postgres.workspaces import create_workspace

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

pytestmark = pytest.mark.integration


async def test_a_workspace_shows_which_key_sends_events(admin: httpx.AsyncClient, shop: Any) -> None:
    shown = (await admin.get("/api/workspace")).json()
    assert (shown["id"], shown["name"], shown["time_zone"]) == (shop.id, "A shop", "UTC")
    assert shown["write_key_hint"] == shop.write_key[-4:]


async def test_a_workspace_is_made_once(owner: Pool, shop: Any) -> None:
    with pytest.raises(Refused):
        await create_workspace(owner, shop.id, "Again")
    with pytest.raises(Invalid):
        await create_workspace(owner, "Bad Id", "x")


def test_health_says_whether_the_servers_answer(api: Any) -> None:
    for path, status in (("/healthz", "live"), ("/readyz", "ready")):
        answer = httpx.get(api.settings.api_url + path)
        assert (answer.status_code, answer.json()) == (200, {"status": status})


async def test_the_inbox_shows_mails_the_newest_first(admin: httpx.AsyncClient, inbox: Path) -> None:
    assert (await admin.get("/api/inbox")).status_code == 404
    connection = inbox_store.create(str(inbox))
    raw = b"Subject: Hi\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hello</p>"
    inbox_store.write(connection, [Incoming(n, "shop@x", f"c{n}@x", "Hi", f"s{n}", len(raw), raw) for n in range(5)])
    connection.close()
    first = (await admin.get("/api/inbox?limit=3")).json()
    assert [mail["to"] for mail in first["mails"]] == ["c4@x", "c3@x", "c2@x"]
    rest = (await admin.get("/api/inbox", params={"limit": 3, "after": first["next"]})).json()
    assert ([mail["send_id"] for mail in rest["mails"]], rest["next"]) == (["s1", "s0"], None)
    assert len((await admin.get("/api/inbox?query=c4")).json()["mails"]) == 1
    mail = (await admin.get(f"/api/inbox/{first['mails'][0]['id']}")).json()
    assert (mail["from"], mail["subject"], mail["html"].strip()) == ("shop@x", "Hi", "<p>Hello</p>")
    for id in ("99", "x", "-1", "9" * 30):
        assert (await admin.get(f"/api/inbox/{id}")).status_code == 404
