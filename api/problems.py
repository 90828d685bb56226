"""Errors as answers: every one is `application/problem+json` (RFC 9457).

    {"type", "title", "status", "detail", "problems": [{"pointer", "message", "fix"}]}

error           | status
Malformed       | 400 not JSON at all; nothing of it was accepted
Unauthorized    | 401 no key, or not the right one
NotFound        | 404
Refused         | 409 the present state forbids it
TooLarge        | 413
Unsupported     | 415 the body comes in an encoding we do not read
Invalid         | 422
TooMany         | 429 a limit of the workspace; with Retry-After
Unavailable     | 503 a server we need does not answer; with Retry-After
anything else   | 500
"""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from laudstream.errors import Invalid, LaudstreamError, NotFound, Problem, Refused, Unavailable

log = structlog.get_logger()

RETRY_AFTER_S = 2
_RETRY_AFTER_S = {429: 60, 503: RETRY_AFTER_S}


class Malformed(Invalid):
    pass


class Unauthorized(LaudstreamError):
    def __init__(self, message: str, challenge: str) -> None:
        """`challenge`: what to come with, RFC 9110."""
        super().__init__(message)
        self.challenge = challenge


class TooLarge(LaudstreamError):
    def __init__(self, message: str, hang_up: bool) -> None:
        """`hang_up`: the rest of the body is too much even to read over."""
        super().__init__(message)
        self.hang_up = hang_up


class Unsupported(LaudstreamError):
    pass


class TooMany(LaudstreamError):
    pass


class ProblemDetails(msgspec.Struct, frozen=True):
    """What every error looks like (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    problems: list[Problem] = []


STATUS: dict[type[Exception], tuple[int, str]] = {
    Malformed: (400, "The body is not JSON"),
    Unauthorized: (401, "Key needed"),
    NotFound: (404, "Not found"),
    Refused: (409, "Not possible now"),
    TooLarge: (413, "Too large"),
    Unsupported: (415, "Encoding not supported"),
    Invalid: (422, "Not valid"),
    TooMany: (429, "Too many"),
    Unavailable: (503, "Try again"),
}


def problem(
    status: int, title: str, detail: str, problems: tuple[Problem, ...] = (), headers: dict[str, str] | None = None
) -> Response:
    """The answer of an error."""
    body = ProblemDetails("about:blank", title, status, detail, list(problems))
    fixed = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(
        msgspec.json.encode(body),
        status,
        {**fixed, **(headers or {})},
        media_type="application/problem+json",
    )


def of_error(request: Request | None, error: Exception) -> Response:
    """The answer of one of our own errors."""
    status, title = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    headers = {"Retry-After": str(_RETRY_AFTER_S[status])} if status in _RETRY_AFTER_S else {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = error.challenge
    if isinstance(error, TooLarge) and error.hang_up:
        headers["Connection"] = "close"
    return problem(status, title, str(error), getattr(error, "problems", ()), headers)


def of_http(request: Request, error: Exception) -> Response:
    """The answer of what Starlette refuses: unknown routes, wrong methods."""
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    return problem(error.status_code, title, _said(request, error), headers=dict(error.headers or {}))


def _said(request: Request, error: HTTPException) -> str:
    where = f"{request.method} {request.url.path}"
    if error.status_code == 405:
        return f"{where}: this address takes {(error.headers or {}).get('Allow', 'another method')}"
    if error.status_code == 404:
        return f"{where}: there is no such address"
    return error.detail


def of_bug(request: Request, error: Exception) -> Response:
    """The answer of an error nobody foresaw; Starlette raises it again, so that it is logged with its trace."""
    log.error("request_failed", method=request.method, path=request.url.path, error=repr(error))
    return problem(500, "Internal error", "laudstream failed; its log says more")


_FIELD = re.compile(r"(?:missing required|contains unknown) field `([^`]+)`")
_PART = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def located(error: msgspec.ValidationError, prefix: str = "") -> Problem:
    """msgspec's `Expected … - at `$.batch[0].userId`` as a Problem with a JSON pointer."""
    message, _, path = str(error).partition(" - at `")
    pointer = prefix
    for name, index in _PART.findall(path.rstrip("`")):
        if index == "...":  # inside a mapping msgspec does not say where
            break
        pointer += "/" + (name or index).replace("~", "~0").replace("/", "~1")
    field = _FIELD.search(message)
    return Problem(f"{pointer}/{field[1]}" if field else pointer, message)
