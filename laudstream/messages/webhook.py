"""Templates of webhooks: a call of somebody's address, filled in with Liquid.

    {"channel": "webhook", "url": str, "method"?: "POST", "headers"?: {name: str}, "body"?: JSON}

Scheme, host and port of the address are written out; what Liquid puts behind them is percent-encoded, so that a
value never leads anywhere else. Texts in a JSON body are filled in one by one: a text that is one `{{ … }}` and nothing
else keeps the kind of its value (a number stays a number). A body that is a text is sent as it comes out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError
from liquid.template import BoundTemplate
from liquid.token import TOKEN_CONTENT, TOKEN_EXPRESSION, TOKEN_OUTPUT
from liquid.undefined import Undefined

from laudstream.errors import Invalid, Problem
from laudstream.messages import sandbox
from laudstream.messages.reads import Walk, line

CHANNEL = "webhook"
METHODS = ("POST", "PUT", "PATCH", "DELETE", "GET")
MAX_URL, MAX_HEADER = 2_000, 2_000  # characters, of the template and of what comes out
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
_PLACE = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?(?=[/?]|\Z)")
_REST = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_DOTS = re.compile(r"(?:\.|%2[eE]){1,2}")


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


class Rendered(NamedTuple):
    method: str
    url: str
    """Printable ASCII, ready for the wire."""
    headers: tuple[tuple[str, str], ...]
    """Without control characters."""
    body: bytes | None
    media_type: str
    """Of the body, where no header says it."""


class _Reader:
    """Collects what the parts of one template read, and what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.reads: set[str] = set()
        self.requires: set[str] = set()
        self.texts = 0

    def wrong(self, pointer: str, message: str, fix: str = "") -> None:
        self.problems.append(Problem(pointer, message, fix))

    def template(self, source: str, pointer: str) -> BoundTemplate | None:
        try:
            made = sandbox.PLAIN.from_string(source)
            walk = Walk(made, source, pointer)
        except LiquidError as error:
            message = " ".join(str(error.message).split())[:300]
            where = "" if error.token is None else f"line {line(source, error.token.start_index)}: "
            self.wrong(pointer, f"{where}{message}", "see the Liquid syntax")
        except RecursionError:
            self.wrong(pointer, "an expression is nested too deeply", "make it simpler")
        else:
            self.problems += walk.problems
            self.reads.update(walk.reads)
            self.requires.update(walk.requires)
            return made
        return None


def compile(body: dict[str, Any]) -> Compiled:
    """Raises Invalid with a Problem for each thing that is wrong: field, line and how to mend it."""
    reader = _Reader()
    for field in body:
        if field not in _FIELDS:
            pointer = "/" + str(field).replace("~", "~0").replace("/", "~1")
            reader.wrong(pointer, f"unknown field {str(field)[:60]!r}", f"known are {', '.join(_FIELDS)}")
    method = body.get("method", "POST")
    if method not in METHODS:
        reader.wrong("/method", f"method {str(method)[:60]!r}", f"use one of: {', '.join(METHODS)}")
    place, url = _url(reader, body.get("url"))
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
        method=method, place=place, url=url, headers=headers, body=made, reads=reads, requires=requires
    )  # fmt: skip


def _url(reader: _Reader, source: object) -> tuple[str, tuple[Any, ...]]:
    """(host and port, the parts)."""
    if not isinstance(source, str) or not source.strip():
        reader.wrong("/url", "url is missing", "write e.g. https://api.example.com/orders")
        return "", ()
    if len(source) > MAX_URL:
        reader.wrong("/url", f"url is longer than {MAX_URL} characters", "make it shorter")
        return "", ()
    parts: list[Any] = []
    literal: list[str] = []
    try:
        for token in sandbox.tokens(source):
            if token.kind == TOKEN_CONTENT:
                parts.append(token.value)
                literal.append(token.value)
            elif token.kind == TOKEN_OUTPUT:
                parts.append(reader.template(token.value, "/url"))
            elif token.kind != TOKEN_EXPRESSION:
                reader.wrong("/url", "an address takes values, `{{ … }}`, and no tags", "compute it in `{{ … | … }}`")
                return "", ()
    except LiquidError as error:
        reader.wrong("/url", " ".join(str(error.message).split())[:300], "see the Liquid syntax")
        return "", ()
    begin = parts[0] if parts and isinstance(parts[0], str) else ""
    found = _PLACE.match(begin)
    if found is None or (len(parts) > 1 and found.end() == len(begin)):
        fix = "begin with http:// or https://, a host and a slash; values come after that"
        reader.wrong("/url", "scheme, host and port of an address are written out, without name or password", fix)
        return "", ()
    why = _bad_host(found[2]) or ("" if 0 < int(found[3] or 80) < 1 << 16 else f"{found[3]} is no port")
    if why:
        reader.wrong("/url", why, "write the name of a host, or its address")
    if not all(map(_REST.fullmatch, (begin[found.end() :], *literal[1:]))):
        reader.wrong("/url", "characters that no address has, or a fragment", "percent-encode them, leave `#…` out")
    if not any(part is None for part in parts[1:]) and _dotted("x".join(literal)):
        reader.wrong("/url", "`.` and `..` are no parts of an address here", "write where it leads to")
    return begin[found.start(2) : found.end()].lower(), tuple(parts)


def _bad_host(host: str) -> str:
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return f"{host} is no IPv6 address"
        return ""
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        return f"{host[:80]!r} is no host"
    if _NUMBER.fullmatch(labels[-1]):  # 127.1, 0x7f.1 and 2130706433 are addresses to some and names to others
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return f"{host[:80]!r} is no IPv4 address"
    return ""


def _dotted(url: str) -> bool:
    """Whether a part of the path means another folder."""
    path = url.partition("://")[2].partition("?")[0]
    return any(map(_DOTS.fullmatch, path.split("/")[1:]))


def _headers(reader: _Reader, given: object) -> tuple[tuple[str, Any], ...]:
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
        elif _controls(source):
            reader.wrong(pointer, "a header is one line without control characters", "take them out")
        else:
            found.append((str(name), reader.template(source, pointer)))
        seen.add(low)
    return tuple(found)


def _controls(text: str) -> bool:
    return any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text)


def _content(reader: _Reader, given: Any) -> Any:
    if isinstance(given, str):
        return _text(reader, given, "/body", exact=False)
    return _json(reader, given, "/body", 0)


def _json(reader: _Reader, given: Any, pointer: str, depth: int) -> Any:
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


def _text(reader: _Reader, source: str, pointer: str, *, exact: bool) -> Any:
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


def render(compiled: Compiled, context: dict[str, Any]) -> Rendered:
    """The call for one customer. Raises Invalid if the template fails on these values (R13)."""
    parts = [
        part if isinstance(part, str) else quote(_filled("url", part, context).strip(), safe="", errors="replace")
        for part in compiled.url
    ]
    url = "".join(parts)
    if len(url) > MAX_URL or _dotted(url):
        why = "the address comes out longer than it may be" if len(url) > MAX_URL else "a value is `.` or `..`"
        raise Invalid(f"url: {why}", (Problem("/url", why),))
    headers = tuple((name, _header(name, template, context)) for name, template in compiled.headers)
    if compiled.body is None:
        return Rendered(compiled.method, url, headers, None, "")
    if isinstance(compiled.body, BoundTemplate):
        text = _filled("body", compiled.body, context).encode("utf-8", "replace")
        return Rendered(compiled.method, url, headers, text, "text/plain; charset=utf-8")
    budget = [sandbox.MAX_OUTPUT]
    try:
        body = msgspec.json.encode(_whole(compiled.body, context, budget), enc_hook=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"body: {error}"[:300], (Problem("/body", str(error)[:300]),)) from None
    if len(body) > sandbox.MAX_OUTPUT:
        why = f"the body comes out larger than {sandbox.MAX_OUTPUT} bytes"
        raise Invalid(f"body: {why}", (Problem("/body", why),))
    return Rendered(compiled.method, url, headers, body, "application/json")


def _header(name: str, template: BoundTemplate, context: dict[str, Any]) -> str:
    text = _filled(f"header {name}", template, context).strip(" ")
    if _controls(text) or len(text) > MAX_HEADER:
        why = "it comes out with control characters, or too long"
        raise Invalid(f"header {name}: {why}", (Problem(f"/headers/{name}", why),))
    return text


def _whole(part: Any, context: dict[str, Any], budget: list[int]) -> Any:
    """JSON with everything filled in."""
    if isinstance(part, Exact):
        with_limits = sandbox.Context(part.template, globals=context)
        value = _guarded("body", lambda: part.expression.evaluate(with_limits))
        return None if isinstance(value, Undefined) else value
    if isinstance(part, BoundTemplate):
        text = _filled("body", part, context)
        budget[0] -= len(text)
        if budget[0] < 0:
            why = f"more than {sandbox.MAX_OUTPUT} characters of output"
            raise Invalid(f"body: {why}", (Problem("/body", why),))
        return text
    if isinstance(part, dict):
        return {name: _whole(inner, context, budget) for name, inner in part.items()}
    return [_whole(inner, context, budget) for inner in part] if isinstance(part, list) else part


def _plain(value: Any) -> Any:
    if isinstance(value, range):
        return list(value)
    if isinstance(value, Undefined):
        return None
    raise TypeError(f"a value of kind {type(value).__name__} is no JSON")


def _filled(part: str, template: BoundTemplate, context: dict[str, Any]) -> str:
    text: str = _guarded(part, lambda: sandbox.render(template, context))
    return text


def _guarded(part: str, work: Any) -> Any:
    try:
        return work()
    except MemoryError:
        raise
    except LiquidError as error:
        message = " ".join(str(error.message).split())[:300]
    except Exception as error:  # what a filter or comparison raises on values it was not made for
        message = f"{type(error).__name__}: {error}"[:300]
    pointer = "/" + part.replace("header ", "headers/")
    raise Invalid(f"{part}: {message}", (Problem(pointer, message),))


def outputs(rendered: Rendered) -> Iterator[tuple[str, str]]:
    """(header, value), the media type of the body among them where the template names none."""
    yield from rendered.headers
    if rendered.body is not None and not any(name.lower() == "content-type" for name, _ in rendered.headers):
        yield "Content-Type", rendered.media_type
