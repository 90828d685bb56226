"""Calls as they go over the wire, their signatures, and what answers mean."""

from __future__ import annotations

import hmac
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import pytest

from laudstream.channels.webhook import LONGEST_PAUSE_S, Answer, build, pause, read, secret_of, shown_secret
from laudstream.messages.webhook.call import render
from laudstream.messages.webhook.template import compile
from tests.channels.test_email import request

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
AT = int(NOW.timestamp() * 1000)


def call(secret: bytes = b"", **more: Any) -> Any:
    compiled = compile({"channel": "webhook", "url": "https://shop.example/", "body": {"a": 1}, **more})
    return build(request(), render(compiled, {}), compiled.place, secret, AT)


def test_a_call_bears_its_id_and_a_signature_that_its_receiver_can_check() -> None:
    secret = secret_of("installation", "acmeacme")
    made = call(secret)
    headers = dict(made.headers)
    assert headers["Idempotency-Key"] == headers["webhook-id"] == "5e" * 16
    assert headers["User-Agent"] == "laudstream"
    key = b64decode(shown_secret(secret).removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + made.body
    version, _, given = headers["webhook-signature"].partition(",")
    assert version == "v1"
    assert hmac.compare_digest(b64decode(given), hmac.digest(key, signed, "sha256"))
    assert int(headers["webhook-timestamp"]) * 1000 == AT


def test_each_workspace_has_a_secret_of_its_own_and_no_secret_signs_nothing() -> None:
    assert secret_of("x", "one") != secret_of("x", "two")
    assert secret_of("", "one") == b""
    assert "webhook-signature" not in dict(call().headers)


def test_a_template_may_name_its_own_agent() -> None:
    assert dict(call(headers={"user-agent": "shop"}).headers)["user-agent"] == "shop"


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (Answer(200, "OK", "sent"), "sent", ""),
        (Answer(202, "", "sent"), "sent", ""),
        (Answer(302, "Found", "sent"), "failed", "rejected"),
        (Answer(400, "", "sent"), "failed", "rejected"),
        (Answer(410, "", "sent"), "failed", "rejected"),
        (Answer(408, "", "sent"), "retry", ""),
        (Answer(409, "", "sent"), "retry", ""),
        (Answer(425, "", "sent"), "retry", ""),
        (Answer(429, "", "sent"), "retry", ""),
        (Answer(500, "", "sent"), "retry", ""),
        (Answer(503, "", "sent"), "retry", ""),
        (Answer(504, "", "sent"), "unknown", ""),
        (Answer(0, "no name", "connect"), "retry", ""),
        (Answer(0, "silence", "sent"), "unknown", ""),
        (Answer(0, "a loopback address", "refused"), "failed", "rejected"),
    ],
)
def test_what_an_answer_means(answer: Answer, kind: str, reason: str) -> None:
    verdict = read(answer, NOW)
    assert (verdict.kind, verdict.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("Tue, 24 Nov 2026 12:01:30 GMT", 90.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("99999999999999999999", LONGEST_PAUSE_S),
        ("-5", 0.0),
        ("soon", 0.0),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", 0.0),
        ("", 0.0),
    ],
)
def test_retry_after_is_heard_and_bounded(text: str, seconds: float) -> None:
    assert pause(text, NOW) == seconds
    assert read(Answer(429, "", "sent", text), NOW).pause_s == seconds


def test_a_detail_is_one_printable_line() -> None:
    assert read(Answer(500, "a\r\nb\0" + "c" * 900, "sent"), NOW).detail.startswith("500 a bc")
    assert len(read(Answer(500, "c" * 900, "sent"), NOW).detail) == 500
