"""The secret of webhooks, and what the sink of a development setup shows."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from laudstream.channels.webhook import secret_of, shown_secret
from laudstream.errors import NotFound
from laudstream.local import sink_store
from laudstream.local.sink_store import Received

pytestmark = pytest.mark.integration


async def test_the_secret_is_the_workspace_s_own(admin: httpx.AsyncClient, api: Any, shop: Any) -> None:
    answer = (await admin.get("/api/webhooks/secret")).json()
    assert answer == {"secret": shown_secret(secret_of(api.settings.webhook_secret, shop.id))}


async def test_there_is_a_sink_in_development_only(admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/api/sink")).status_code == 404


def test_the_sink_s_file_is_read_by_page_and_word(tmp_path: Any) -> None:
    path = str(tmp_path / "sink.sqlite3")
    with pytest.raises(NotFound):
        sink_store.list_calls(path)
    connection = sink_store.create(path)
    for number in range(5):
        body = b'{"n":%d}\xff' % number
        sink_store.write(connection, Received(number, "POST", f"/hook/{number}", 200, f"id{number}", "[]", body))
    connection.close()
    assert [call["path"] for call in sink_store.list_calls(path, limit=2)] == ["/hook/4", "/hook/3"]
    assert [call["id"] for call in sink_store.list_calls(path, after=2)] == [1]
    assert [call["send_id"] for call in sink_store.list_calls(path, '"n":3')] == ["id3"]
    assert [call["send_id"] for call in sink_store.list_calls(path, "id1")] == ["id1"]
    assert sink_store.get_call(path, 5)["body"] == '{"n":4}\ufffd'
    with pytest.raises(NotFound):
        sink_store.get_call(path, 9)
