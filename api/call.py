"""One request, as handlers see it: whose it is, what it says, and what the process has at hand.

It stands on ASGI itself, not on Starlette's Request, since taking events must cost little (benchmarks/ingest.py).
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope

from api.event_names import EventNames
from api.flaws import flaw, may_hold_nul
from api.problems import Malformed, TooLarge, Unsupported, located
from laudstream.errors import Invalid, NotFound, Problem
from laudstream.postgres import tenancy
from laudstream.settings import Settings

if TYPE_CHECKING:
    from api.auth import Keys
    from api.event_log import EventLog
    from api.identities import Identities
    from laudstream.postgres.pool import Pool
    from laudstream.postgres.tenancy import Connection

T = TypeVar("T")

READ_OVER = 16
"""A body of up to so many times the limit is read over, so that its sender sees the answer; else we hang up."""

_HEADERS = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
MAX_DEPTH = 60

_object = msgspec.json.Decoder(dict[str, Any])
_encode = msgspec.json.Encoder().encode


class Context(msgspec.Struct, frozen=True):
    """What the process has at hand; made at start."""

    settings: Settings
    pool: Pool
    events: EventLog
    keys: Keys
    identities: Identities
    event_names: EventNames


class Call:
    __slots__ = ("context", "receive", "scope", "workspace")

    def __init__(self, scope: Scope, receive: Receive, workspace: str = "") -> None:
        self.scope = scope
        self.receive = receive
        self.context: Context = scope["state"]["context"]
        self.workspace = workspace
        """Of the key that came with the request; empty on open routes."""

    def header(self, name: bytes) -> str:
        """A header (its name in lower case), empty if it is missing."""
        for given, value in self.scope["headers"]:
            if given == name:
                return str(value, "latin-1")
        return ""

    @property
    def settings(self) -> Settings:
        return self.context.settings

    def database(self) -> AbstractAsyncContextManager[Connection]:
        """A transaction that sees this workspace only."""
        return tenancy.workspace(self.context.pool, self.workspace)

    def named(self, parameter: str) -> str:
        """A part of the path. Raises NotFound where no such name can exist."""
        name: str = self.scope["path_params"][parameter]
        if not name.isprintable() or len(name) > 200:
            raise NotFound("no name has such characters or more than 200 of them")
        return name

    def query(self, type: type[T]) -> T:
        """The query parameters as `type`. Raises Invalid."""
        given = dict(QueryParams(self.scope["query_string"]))
        if "\0" in "".join((*given, *given.values())):
            raise Invalid("a query parameter holds the NUL character")
        return converted(given, type, strict=False)

    async def body(self) -> bytes:
        """The whole body. Raises TooLarge before reading more than `max_body_bytes`, Unsupported if compressed."""
        limit = self.context.settings.max_body_bytes
        if self.header(b"content-encoding") not in ("", "identity"):
            raise Unsupported("the body is compressed; send it plain")
        declared = int(self.header(b"content-length") or 0)
        if declared > limit:
            raise _too_large(limit, hang_up=declared > READ_OVER * limit)
        chunks: list[bytes] = []
        size, more = 0, True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Malformed("the client went away in the middle of the body")
            chunk, more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            if size > limit:
                raise _too_large(limit, hang_up=True)
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def read(self) -> dict[str, Any]:
        """The body as a JSON object that PostgreSQL can keep. Raises Malformed, Invalid, TooLarge."""
        body = await self.body()
        value = parsed(_object, body)
        found = flaw(value, MAX_DEPTH, may_hold_nul(body))
        if found is not None:
            raise Invalid(f"{found.pointer}: {found.message}", (found,))
        return value


def _too_large(limit: int, hang_up: bool) -> TooLarge:
    return TooLarge(f"the body is larger than {limit} bytes; send it in parts", hang_up)


def parsed(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw, prefix: str = "") -> T:
    """JSON as the decoder's type. Raises Malformed (where it is no JSON), Invalid (where it is of another shape)."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        found = located(error, prefix)
        raise Invalid(f"{found.pointer or 'the body'}: {found.message}", (found,)) from None
    except msgspec.DecodeError as error:
        said = str(error).removeprefix("JSON is malformed: ")
        raise Malformed(said if "(byte" in said else f"{said} (byte {len(bytes(body))})") from None
    except UnicodeDecodeError as error:
        raise Malformed(f"a text is not UTF-8: {error.reason} at its byte {error.start}") from None
    except RecursionError:
        raise Invalid("nested too deeply", (Problem(prefix, "nested too deeply", "flatten it"),)) from None


def converted(value: dict[str, Any], type: type[T], *, strict: bool = True) -> T:
    """A JSON object as `type`. Raises Invalid."""
    try:
        return msgspec.convert(value, type, strict=strict)
    except msgspec.ValidationError as error:
        found = located(error)
        raise Invalid(f"{found.pointer.lstrip('/') or 'the body'}: {found.message}", (found,)) from None


class Json(Response):
    """An answer whose headers are made beforehand."""

    def __init__(self, body: bytes) -> None:
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = [*_HEADERS, (b"content-length", b"%d" % len(body))]


def reply(value: Any) -> Response:
    """`value` as JSON."""
    return Json(_encode(value))
