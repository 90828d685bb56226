"""Templates: what a message says, in Liquid.

`compile` turns a published body into a Compiled; `render` fills it in. Body of an email template:

    {"channel": "email", "subject": str, "html": str, "text"?: str, "from"?: "Name <address>"}

Values come from `customer`, `entry`, `steps`, `workspace` and `message` (reads.py); HTML escapes them. Templates and
values are hostile (sandbox.py). Without `text` the text is made from the HTML.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from liquid.exceptions import LiquidError
from liquid.template import BoundTemplate

from laudstream.errors import Invalid, Problem
from laudstream.messages import sandbox
from laudstream.messages.address import mailbox
from laudstream.messages.plain import plain
from laudstream.messages.reads import Walk, line

MAX_SUBJECT = 1_000  # characters, of the template and of what comes out

_FIELDS = ("channel", "subject", "html", "text", "from", "requires", "reads", "id", "name")
_PARTS = {"subject": MAX_SUBJECT, "html": sandbox.MAX_SOURCE, "text": sandbox.MAX_SOURCE}


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """A template ready to be filled in; holds no state of a rendering."""

    subject: Any
    html: Any
    text: Any
    """BoundTemplate; None: made from the HTML."""
    sender: str
    """`from` of the body; empty: the installation's."""
    reads: tuple[str, ...]
    """Every path from outside, sorted."""
    requires: tuple[str, ...]
    """Those that must have a value, sorted."""


class Rendered(NamedTuple):
    subject: str
    """One line."""
    html: str
    text: str


def compile(body: dict[str, Any]) -> Compiled:
    """Raises Invalid with a Problem for each thing that is wrong: field, line and how to mend it."""
    problems = _check_fields(body)
    parts: dict[str, BoundTemplate | None] = {"text": None}
    reads: set[str] = set()
    requires: set[str] = set()
    for field, limit in _PARTS.items():
        source = body.get(field)
        if not isinstance(source, str):
            continue
        if len(source) > limit:
            problems.append(Problem(f"/{field}", f"{field} is longer than {limit} characters", "make it shorter"))
            continue
        walk = _parse(source, f"/{field}", problems, parts)
        if walk is not None:
            problems += walk.problems
            reads.update(walk.reads)
            requires.update(walk.requires)
    if problems:
        raise Invalid("template: " + "; ".join(f"{p.pointer}: {p.message}" for p in problems[:5]), tuple(problems))
    return Compiled(
        **parts, sender=body.get("from") or "", reads=tuple(sorted(reads)), requires=tuple(sorted(requires))
    )


def _parse(source: str, pointer: str, problems: list[Problem], parts: dict[str, BoundTemplate | None]) -> Walk | None:
    environment = sandbox.HTML if pointer == "/html" else sandbox.PLAIN
    try:
        template = parts[pointer[1:]] = environment.from_string(source)
        return Walk(template, source, pointer)
    except LiquidError as error:
        message = " ".join(str(error.message).split())[:300]
        where = "" if error.token is None else f"line {line(source, error.token.start_index)}: "
        fix = "known tags are " + ", ".join(sandbox.TAGS) if "unexpected tag" in message else "see the Liquid syntax"
        problems.append(Problem(pointer, f"{where}{message}", fix))
    except RecursionError:
        problems.append(Problem(pointer, "an expression is nested too deeply", "make it simpler"))
    return None


def _check_fields(body: dict[str, Any]) -> list[Problem]:
    problems = [
        Problem("/" + str(field).replace("~", "~0").replace("/", "~1"), f"unknown field {str(field)[:60]!r}",
                f"known are {', '.join(_FIELDS)}")
        for field in body
        if field not in _FIELDS
    ]  # fmt: skip
    if body.get("channel", "email") != "email":
        problems.append(Problem("/channel", f"unknown channel {str(body['channel'])[:60]!r}", "write email"))
    for field in ("subject", "html"):
        if not isinstance(body.get(field), str) or not body[field].strip():
            problems.append(Problem(f"/{field}", f"{field} is missing", f"write the {field} of the mail"))
    for field in ("text", "from"):
        if not isinstance(body.get(field, ""), str | None):
            problems.append(Problem(f"/{field}", f"{field} is not text", "write text, or leave it out"))
    if isinstance(body.get("from"), str) and body["from"]:
        try:
            mailbox(body["from"])
        except Invalid as error:
            problems.append(Problem("/from", str(error), "write it like `Shop <hello@shop.example>`"))
    return problems


def render(compiled: Compiled, context: dict[str, Any]) -> Rendered:
    """The message for one customer. Raises Invalid if the template fails on these values (R13)."""
    subject = " ".join(_render("subject", compiled.subject, context).split())
    html = _render("html", compiled.html, context)
    text = plain(html) if compiled.text is None else _render("text", compiled.text, context)
    printable = subject if subject.isprintable() else "".join(filter(str.isprintable, subject))
    return Rendered(printable[:MAX_SUBJECT], html, text)


def _render(part: str, template: BoundTemplate, context: dict[str, Any]) -> str:
    try:
        return sandbox.render(template, context)
    except MemoryError:
        raise
    except LiquidError as error:
        message = " ".join(str(error.message).split())[:300]
    except Exception as error:  # what a filter or comparison raises on values it was not made for
        message = f"{type(error).__name__}: {error}"[:300]
    raise Invalid(f"{part}: {message}", (Problem(f"/{part}", message),))
