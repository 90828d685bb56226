"""Liquid for templates that may be hostile: no files, no clock, no objects; bounded time, memory and output.

* Tags and filters are those listed here. There is none that loads anything. Values are JSON: nothing has methods.
* Parsing is linear in the source: the lexer is our own (the library's scans an unclosed tag to the end of the source,
  for each one), an expression has at most MAX_EXPRESSION characters, a part at most MAX_NODES nodes.
* Rendering has a budget: each turn of a loop costs as much as its body has nodes, each filter as much as its
  value is long. Filters, variables and output have a greatest size. Ranges are of literals (checked in `reads`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from io import StringIO
from typing import Any, TextIO

from liquid import Environment, RenderContext
from liquid.ast import BlockNode, Node
from liquid.builtin.expressions import LoopExpression
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.exceptions import LiquidSyntaxError, ResourceLimitError
from liquid.expression import Expression
from liquid.template import BoundTemplate
from liquid.token import (
    TOKEN_COMMENT,
    TOKEN_CONTENT,
    TOKEN_EOF,
    TOKEN_EXPRESSION,
    TOKEN_ILLEGAL,
    TOKEN_OUTPUT,
    TOKEN_TAG,
    Token,
)  # fmt: skip
from liquid.undefined import UNDEFINED

from laudstream.messages import filters

MAX_SOURCE = 200_000  # characters of one part
MAX_EXPRESSION = 1_000
MAX_NODES = 5_000
MAX_OUTPUT = 1_000_000  # characters
BUDGET = 200_000  # see above; about a quarter of a second

TAGS = (
    "if", "unless", "case", "for", "break", "continue", "assign", "capture", "comment", "cycle", "echo", "#", "raw",
)  # fmt: skip
_FROM_LIBRARY = (
    "append", "capitalize", "compact", "default", "downcase", "escape", "escape_once", "first", "last", "lstrip", "map",
    "prepend", "remove", "remove_first", "reverse", "rstrip", "size", "slice", "sort", "sort_natural", "split",
    "squish", "strip", "strip_newlines", "truncate", "truncatewords", "upcase", "url_decode", "url_encode", "where",
)  # fmt: skip

_OPENING = re.compile(r"\{[{%]")
_TAG = re.compile(r"\s*(#|\w+)\s*(.*?)\s*", re.DOTALL)
_END = {name: re.compile(r"\{%-?\s*end" + name + r"\s*-?%\}") for name in ("raw", "comment")}


def tokens(source: str) -> Iterator[Token]:
    """Tokens of a template, in the library's terms. Each character is looked at a fixed number of times."""
    at, trim = 0, False
    while at < len(source):
        opening = _OPENING.search(source, at)
        end = opening.start() if opening else len(source)
        content = source[at:end].lstrip() if trim else source[at:end]
        if opening and source.startswith("-", end + 2):
            content = content.rstrip()
        if content:
            yield Token(TOKEN_CONTENT, content, at, source)
        if opening is None:
            return
        at, trim, inside = _markup(source, end)
        yield from inside


def _markup(source: str, start: int) -> tuple[int, bool, list[Token]]:
    """(where the markup at `start` ends, whether blanks after it go, its tokens)."""
    output = source[start + 1] == "{"
    stop = source.find("}}" if output else "%}", start + 2)
    if stop < 0:
        raise LiquidSyntaxError(f"{source[start : start + 2]} is never closed", token=_eof(source, start))
    begin = start + 2 + source.startswith("-", start + 2)
    trim = source[stop - 1] == "-" and stop > begin
    inner = source[begin : stop - trim]
    if len(inner) > MAX_EXPRESSION:
        raise LiquidSyntaxError(f"longer than {MAX_EXPRESSION} characters", token=_eof(source, start))
    if output:
        where = begin + len(inner) - len(inner.lstrip())
        found = [Token(TOKEN_OUTPUT, source[start : stop + 2], start, source)]
        return stop + 2, trim, [*found, Token(TOKEN_EXPRESSION, inner.strip(), where, source)]
    tag = _TAG.fullmatch(inner)
    if tag is None:
        raise LiquidSyntaxError("a tag needs a name", token=_eof(source, start))
    if tag[1] in _END:
        return _verbatim(source, start, stop + 2, tag[1])
    found = [Token(TOKEN_TAG, tag[1], begin + tag.start(1), source)]
    if tag[2]:
        found.append(Token(TOKEN_EXPRESSION, tag[2], begin + tag.start(2), source))
    return stop + 2, trim, found


def _verbatim(source: str, start: int, begin: int, name: str) -> tuple[int, bool, list[Token]]:
    end = _END[name].search(source, begin)
    if end is None:
        raise LiquidSyntaxError(f"{name} is never closed by end{name}", token=_eof(source, start))
    text = source[begin : end.start()]
    if name == "raw":
        inside = [Token(TOKEN_CONTENT, text, begin, source)] if text else []
    else:
        inside = [
            Token(TOKEN_TAG, "comment", start, source),
            Token(TOKEN_COMMENT, text, begin, source),
            Token(TOKEN_TAG, "endcomment", end.start(), source),
        ]
    return end.end(), end[0].endswith("-%}"), inside


_NOWHERE = RenderContext(BoundTemplate(Environment(), []))
"""The library asks for a context even where nothing depends on it."""


def _eof(source: str, at: int) -> Token:
    return Token(TOKEN_EOF, source[at : at + 20], at, source)


def size(node: Node) -> int:
    """Nodes and expressions that one rendering of `node` touches; of a loop inside, only its head."""
    total = 1 + sum(map(_terms, node.expressions()))
    if not isinstance(node, ForNode):
        total += sum(size(child) for child in node.children(_NOWHERE))
    return total


def _terms(expression: Expression) -> int:
    return 1 + sum(map(_terms, expression.children()))


class _For(ForNode):
    __slots__ = ("weight",)

    def __init__(self, token: Token, expression: LoopExpression, block: BlockNode, default: BlockNode | None = None):
        super().__init__(token, expression, block, default)
        self.weight = size(block)

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        assert isinstance(context, Context)
        context.body = self.weight
        return super().render_to_output(context, buffer)


class _ForTag(ForTag):
    node_class = _For


class _Buffer(StringIO):
    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, text: str) -> int:
        self.room -= len(text)
        if self.room < 0:
            raise ResourceLimitError(f"more than {MAX_OUTPUT} characters of output", token=None)
        return super().write(text)


class Context(RenderContext):
    """One rendering, with what is left of its budget."""

    __slots__ = ("body", "left", "room")

    def __init__(self, template: BoundTemplate, **given: Any) -> None:
        super().__init__(template, **given)
        self.left = BUDGET
        self.room = MAX_OUTPUT
        self.body = 1

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        """The library's, with a short cut for the usual: names all the way down from the outside."""
        root = path[0]
        if root in self.globals and root not in self.locals and not self.loops:
            value: object = self.globals
            for name in path:
                if type(value) is not dict or name not in value:
                    break
                value = value[name]
            else:
                return value
        return super().get(path, token=token, default=default)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """Known, or the template would not have been published. All are told who asks."""
        return partial(self.env.filters[name], context=self)

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise ResourceLimitError("the template takes too long", token=None)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Called by the library when a loop begins."""
        self.spend(length * self.body)

    def assign(self, key: str, val: Any) -> None:
        self.room -= filters.weight(val)
        if self.room < 0:
            raise ResourceLimitError("the template's variables are too large", token=None)
        self.locals[key] = val

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        return _Buffer(buf.room if isinstance(buf, _Buffer) else MAX_OUTPUT)


def _bounded(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
    """`run`, paying for what it looks at, and refusing what is too large on the way in or out."""
    takes_context, takes_environment = (getattr(run, f"with_{word}", False) for word in ("context", "environment"))

    def bounded(value: object, *args: object, context: Context, **named: object) -> object:
        heavy = 1 if value is None else filters.weight(value)
        for arg in args:
            heavy += len(arg) if isinstance(arg, str) else 1
        if heavy > filters.MAX_TEXT or (isinstance(value, list | range) and len(value) > filters.MAX_LIST):
            raise ResourceLimitError(f"{name}: the value is too large", token=None)
        context.spend(1 + heavy // 64)
        if takes_context:
            named["context"] = context
        elif takes_environment:
            named["environment"] = context.env
        result = run(value, *args, **named)
        if not isinstance(result, str | bool):
            _measure(name, result)
        return result

    return bounded


def _measure(name: str, result: object) -> None:
    if isinstance(result, list) and len(result) > filters.MAX_LIST:
        raise ResourceLimitError(f"{name}: the list is too long", token=None)
    if isinstance(result, int | float):
        filters.number(result)


class Sandbox(Environment):
    """The one environment of a kind of output: HTML (values are escaped) or plain text."""

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=False)
        keep = {*TAGS, TOKEN_CONTENT, TOKEN_OUTPUT, TOKEN_ILLEGAL}
        self.tags = {name: tag for name, tag in self.tags.items() if name in keep}
        self.add_tag(_ForTag)
        library = {name: self.filters[name] for name in _FROM_LIBRARY}
        own = {**filters.OWN, "date": _with_context(filters.date)}
        self.filters = {name: _bounded(name, run) for name, run in {**library, **own}.items()}

    def tokenizer(self) -> Callable[[str], Iterator[Token]]:
        return tokens


def _with_context(run: Callable[..., Any]) -> Callable[..., Any]:
    marked = partial(run)
    marked.with_context = True  # type: ignore[attr-defined]
    return marked


def render(template: BoundTemplate, values: dict[str, Any]) -> str:
    """Output of `template`. Raises LiquidError, or ValueError, TypeError, RecursionError… of a hostile expression."""
    context = Context(template, globals=values)
    buffer = _Buffer(MAX_OUTPUT)
    template.render_with_context(context, buffer)
    return buffer.getvalue()


HTML = Sandbox(autoescape=True)
PLAIN = Sandbox(autoescape=False)
