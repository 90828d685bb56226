"""Webhooks: a call as it goes over the wire, its signature, and what an answer means (RFC 9110).

Signed as https://www.standardwebhooks.com has it, with the headers `webhook-id`, `webhook-timestamp` and
`webhook-signature`: HMAC-SHA256 over `id.timestamp.body` with a secret that belongs to the workspace. `Idempotency-Key`
is the send id, the same at each try.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import NamedTuple

from laudstream.channels.verdict import Verdict, shown
from laudstream.messages.request import SendRequest
from laudstream.messages.webhook.call import Rendered, outputs

AGAIN = (408, 409, 425, 429)
"""Answers below 500 that may be another at the next try."""
LONGEST_PAUSE_S = 3600.0
"""Of what a server asks for."""


class Call(NamedTuple):
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    place: str
    """Host and port."""


class Answer(NamedTuple):
    """What came of a call."""

    code: int
    """Status; 0: none came."""
    text: str
    at: str
    """Where it ended: connect (nothing has left), refused (it may never go there), sent."""
    retry_after: str = ""
    """Header of that name."""
    pause_s: float = 0.0
    """We ourselves want to wait so long."""


def secret_of(installation: str, workspace: str) -> bytes:
    """The secret of a workspace, made of the installation's; empty if that is."""
    return hmac.digest(installation.encode(), b"webhook:" + workspace.encode(), "sha256") if installation else b""


def shown_secret(secret: bytes) -> str:
    """As receivers want it."""
    return "whsec_" + b64encode(secret).decode("ascii")


def build(request: SendRequest, rendered: Rendered, place: str, secret: bytes, at: int) -> Call:
    """The call of a request at `at` (ms). An empty secret signs nothing."""
    headers = [*outputs(rendered), ("Idempotency-Key", request.send_id), ("webhook-id", request.send_id)]
    seconds = at // 1000
    headers.append(("webhook-timestamp", str(seconds)))
    if secret:
        headers.append(("webhook-signature", signature(secret, request.send_id, seconds, rendered.body or b"")))
    if not any(name.lower() == "user-agent" for name, _ in headers):
        headers.append(("User-Agent", "laudstream"))
    return Call(rendered.method, rendered.url, tuple(headers), rendered.body, place)


def signature(secret: bytes, id: str, seconds: int, body: bytes) -> str:
    signed = b"%b.%d.%b" % (id.encode(), seconds, body)
    return "v1," + b64encode(hmac.new(secret, signed, sha256).digest()).decode("ascii")


def read(answer: Answer, now: datetime) -> Verdict:
    """What an answer means.

    answer                                           | verdict
    2xx                                              | sent
    none, and nothing had left                       | retry
    none, after something had left; 504              | unknown: it may have been taken
    408, 409, 425, 429, other 5xx                    | retry, after what `Retry-After` says, at most an hour
    3xx, other 4xx; an address that may not be called | failed
    """
    detail = shown(f"{answer.code or ''} {answer.text}")
    if answer.at == "refused":
        return Verdict("failed", "rejected", detail)
    if not answer.code:
        return Verdict("retry" if answer.at == "connect" else "unknown", "", detail, answer.pause_s)
    if 200 <= answer.code < 300:
        return Verdict("sent", "", detail)
    if answer.code == 504:
        return Verdict("unknown", "", detail)
    if answer.code in AGAIN or answer.code >= 500:
        return Verdict("retry", "", detail, pause(answer.retry_after, now))
    return Verdict("failed", "rejected", detail)


def pause(text: str, now: datetime) -> float:
    """Seconds of a `Retry-After`, a number or a date; 0: it says nothing."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_PAUSE_S)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return max(0.0, min((when - now).total_seconds(), LONGEST_PAUSE_S))
