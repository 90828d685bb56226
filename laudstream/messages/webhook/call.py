"""A webhook filled in for one customer: the call that goes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from liquid.exceptions import LiquidError
from liquid.template import BoundTemplate
from liquid.undefined import Undefined

from laudstream.errors import Invalid, Problem
from laudstream.messages import sandbox
from laudstream.messages.webhook.template import MAX_HEADER, Compiled, Exact, controls
from laudstream.messages.webhook.url import MAX_URL, dotted


class Rendered(NamedTuple):
    method: str
    url: str
    """Printable ASCII, ready for the wire."""
    headers: tuple[tuple[str, str], ...]
    """Without control characters."""
    body: bytes | None
    media_type: str
    """Of the body, where no header says it."""


def render(compiled: Compiled, context: dict[str, Any]) -> Rendered:
    """The call for one customer. Raises Invalid if the template fails on these values (R13)."""
    parts = [
        part if isinstance(part, str) else quote(_filled("url", part, context).strip(), safe="", errors="replace")
        for part in compiled.url
    ]
    url = "".join(parts)
    if len(url) > MAX_URL or dotted(url):
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
    if controls(text) or len(text) > MAX_HEADER:
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
