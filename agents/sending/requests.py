"""Send requests out of the records of a topic."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from agents.sending.claims import Letter
from agents.streams import Batch
from laudstream.errors import Invalid, Undecodable
from laudstream.messages.request import SendRequest
from laudstream.records import codec

LAST = 4_102_444_800_000  # ms: the year 2100
_log = structlog.get_logger()


def read(batch: Batch, channel: str) -> tuple[list[SendRequest], list[Letter]]:
    """The send requests of a batch, and what is none."""
    requests: list[SendRequest] = []
    letters: list[Letter] = []
    for record in batch.records:
        try:
            requests.append(_request(record.value, channel))
        except (Invalid, UnicodeDecodeError) as error:
            workspace = (record.key or b"").partition(b":")[0].decode("utf-8", "replace").replace("\0", "")
            letters.append(Letter(batch.topic, batch.partition, record.offset, workspace, str(error)[:1000]))
            _log.error(
                "send.unreadable", topic=batch.topic, partition=batch.partition, offset=record.offset, error=str(error)
            )
    return requests, letters


def _request(value: bytes | None, channel: str) -> SendRequest:
    request = codec.request(value)
    if request.channel != channel:
        raise Undecodable(f"a request for {request.channel!r} on a topic of {channel}")
    if not (0 <= request.requested_at < LAST and 0 <= request.send_before < LAST):
        raise Undecodable("a time that is none")
    if value is not None and b"\\u0000" in value:  # PostgreSQL keeps no NUL
        return msgspec.convert(_without_nul(msgspec.to_builtins(request)), SendRequest)
    return request


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(inner) for name, inner in value.items()}
    return [_without_nul(inner) for inner in value] if isinstance(value, list) else value
