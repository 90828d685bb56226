"""Webhooks on the real stack: from an event to exactly one call of the sink."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode
from typing import Any

import pytest

from laudstream.local import sink_store
from tests.integration.kit import Shop, call, leave, wait_until

pytestmark = pytest.mark.integration


async def test_an_event_becomes_exactly_one_signed_call_with_the_right_body(shop: Shop) -> None:
    """R43: nobody is asked, though it is quiet and nobody has an address."""
    order, ann = shop.name("order"), shop.name("ann")
    await shop.template(shop.name("tell"), shop.hook(headers={"X-Customer": "{{ customer.id }}"}))
    quiet = {"quiet_hours": {"from": "00:00", "to": "23:59"}, "holdout": 100, "caps": [{"limit": 1, "per": "P1D"}]}
    steps = {
        "tell": call(shop.name("tell"), {"sent": "done", "refused": "no"}),
        "done": leave("told"),
        "no": leave("no"),
    }
    await shop.publish(order, steps, settings=quiet)
    await shop.track(ann, order, order=17)
    assert (await shop.decided(ann, "ended"))["outcome"] == "told"
    (request,) = await shop.requests()
    (line,) = shop.calls()
    made = sink_store.get_call(shop.settings.sink_db, line["id"])
    headers = dict(made["headers"])
    assert json.loads(made["body"]) == {"customer": ann, "order": 17}
    assert (made["method"], made["path"], made["send_id"]) == ("POST", f"/{shop.prefix}", request.send_id)
    assert (headers["x-customer"], headers["content-type"]) == (ann, "application/json")
    secret = b64decode((await shop.get("webhooks/secret"))["secret"].removeprefix("whsec_"))
    signed = f"{request.send_id}.{headers['webhook-timestamp']}.{made['body']}".encode()
    given = b64decode(headers["webhook-signature"].removeprefix("v1,"))
    assert hmac.compare_digest(given, hmac.digest(secret, signed, "sha256"))
    assert [each["id"] for each in (await shop.get("sink", query=ann))["calls"]] == [line["id"]]
    assert (await shop.get(f"sink/{line['id']}"))["body"] == made["body"]

    async def shown() -> list[dict[str, Any]]:
        found = (await shop.get("messages", customer=ann))["messages"]
        return found if found and found[0]["status"] == "sent" else []

    (message,) = await wait_until(shown, what="the message is sent")
    assert (message["channel"], message["send_id"]) == ("webhook", request.send_id)


async def test_what_an_endpoint_refuses_goes_the_way_of_refused(shop: Shop) -> None:
    order, ann = shop.name("order"), shop.name("ann")
    await shop.template(shop.name("tell"), shop.hook("/status/422"))
    steps = {
        "tell": call(shop.name("tell"), {"sent": "done", "refused": "no"}),
        "done": leave("told"),
        "no": leave("no"),
    }
    await shop.publish(order, steps)
    await shop.track(ann, order)
    assert (await shop.decided(ann, "ended"))["outcome"] == "no"
    assert [made["status"] for made in shop.calls()] == [422]
