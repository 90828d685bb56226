"""Templates of webhooks: a call of somebody's address, filled in with Liquid.

    {"channel": "webhook", "url": str, "method"?: "POST", "headers"?: {name: str}, "body"?: JSON}

Texts in a JSON body are filled in one by one: a text that is one `{{ … }}` and nothing else keeps the kind of its value
(a number stays a number). A body that is a text is sent as it comes out.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec
from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.output import OutputNode
from liquid.template import BoundTemplate

from laudstream.errors import Invalid
from laudstream.messages import sandbox
from laudstream.messages.webhook import url
from laudstream.messages.webhook.reader import Reader

CHANNEL = "webhook"
METHODS = ("POST", "PUT", "PATCH", "DELETE", "GET")
MAX_HEADER = 2_000  # characters, of the template and of what comes out
MAX_HEADERS = 20
MAX_TEXTS = 500  # texts in a body
MAX_DEPTH = 20
OURS = (
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
    "proxy-authorization", "proxy-connection", "idempotency-key", "webhook-id", "webhook-timestamp",
    "webhook-signature",
)  # fmt: skip
"""Headers that a template may not set."""

_FIELDS = ("channel", "url", "method", "headers", "body", "requires", "reads", "id", "name")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


class Exact(NamedTuple):
    """A text that is one output and nothing else: its value, of whatever kind."""

    template: BoundTemplate
    expression: FilteredExpression


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook ready to be filled in; holds no state of a filling."""

    method: str
    place: str
    """Host and port, as written."""
    url: tuple[Any, ...]
    """Literal text, or a template whose output is percent-encoded."""
    headers: tuple[tuple[str, Any], ...]
    body: Any
    """JSON with templates and `Exact` in the place of texts; None: no body."""
    reads: tuple[str, ...]
    """Every path from outside, sorted."""
    requires: tuple[str, ...]
    """Those that must have a value, sorted."""


def compile(body: dict[str, Any]) -> Compiled:
    """Raises Invalid with a Problem for each thing that is wrong: field, line and how to mend it."""
    reader = Reader()
    for field in body:
        if field not in _FIELDS:
            pointer = "/" + str(field).replace("~", "~0").replace("/", "~1")
            reader.wrong(pointer, f"unknown field {str(field)[:60]!r}", f"known are {', '.join(_FIELDS)}")
    method = body.get("method", "POST")
    if method not in METHODS:
        reader.wrong("/method", f"method {str(method)[:60]!r}", f"use one of: {', '.join(METHODS)}")
    place, parts = url.read(reader, body.get("url"))
    headers = _headers(reader, body.get("headers"))
    content = body.get("body")
    if content is not None and method == "GET":
        reader.wrong("/body", "a GET has no body", "use POST, or leave the body out")
    made = _content(reader, content)
    if reader.problems:
        said = "; ".join(f"{problem.pointer}: {problem.message}" for problem in reader.problems[:5])
        raise Invalid(f"template: {said}", tuple(reader.problems))
    reads, requires = tuple(sorted(reader.reads)), tuple(sorted(reader.requires))
    return Compiled(
        method=method, place=place, url=parts, headers=headers, body=made, reads=reads, requires=requires
    )  # fmt: skip


def _headers(reader: Reader, given: object) -> tuple[tuple[str, Any], ...]:
    if given is None:
        return ()
    if not isinstance(given, dict) or len(given) > MAX_HEADERS:
        reader.wrong("/headers", f"headers are an object of at most {MAX_HEADERS} names and texts")
        return ()
    found = []
    seen = set()
    for name, source in given.items():
        pointer = "/headers/" + str(name).replace("~", "~0").replace("/", "~1")
        low = str(name).lower()
        if not _NAME.fullmatch(str(name)):
            reader.wrong(pointer, f"{ascii(name)[:60]} is no name of a header", "letters, digits and dashes")
        elif low in OURS:
            reader.wrong(pointer, f"{name} is set by laudstream", "leave it out")
        elif low in seen:
            reader.wrong(pointer, f"{name} is there twice", "keep one")
        elif not isinstance(source, str) or len(source) > MAX_HEADER:
            reader.wrong(pointer, f"a header is a text of at most {MAX_HEADER} characters")
        elif controls(source):
            reader.wrong(pointer, "a header is one line without control characters", "take them out")
        else:
            found.append((str(name), reader.template(source, pointer)))
        seen.add(low)
    return tuple(found)


def controls(text: str) -> bool:
    return any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text)


def _content(reader: Reader, given: Any) -> Any:
    if isinstance(given, str):
        return _text(reader, given, "/body", exact=False)
    return _json(reader, given, "/body", 0)


def _json(reader: Reader, given: Any, pointer: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        reader.wrong(pointer, "nested too deeply", "flatten it")
    elif isinstance(given, str):
        return _text(reader, given, pointer, exact=True)
    elif isinstance(given, dict):
        names = {name: name.replace("~", "~0").replace("/", "~1") for name in given}
        return {name: _json(reader, inner, f"{pointer}/{names[name]}", depth + 1) for name, inner in given.items()}
    elif isinstance(given, list):
        return [_json(reader, inner, f"{pointer}/{at}", depth + 1) for at, inner in enumerate(given)]
    return given


def _text(reader: Reader, source: str, pointer: str, *, exact: bool) -> Any:
    reader.texts += 1
    if reader.texts == MAX_TEXTS + 1:
        reader.wrong("/body", f"more than {MAX_TEXTS} texts", "make the body smaller")
    if reader.texts > MAX_TEXTS:
        return None
    if len(source) > sandbox.MAX_SOURCE:
        reader.wrong(pointer, f"longer than {sandbox.MAX_SOURCE} characters", "make it shorter")
        return None
    if exact and "{{" not in source and "{%" not in source:
        return source
    made = reader.template(source, pointer)
    if exact and made is not None and len(made.nodes) == 1 and isinstance(made.nodes[0], OutputNode):
        expression = made.nodes[0].expression
        if isinstance(expression, FilteredExpression) and source.startswith("{{") and source.endswith("}}"):
            return Exact(made, expression)
    return made
