"""What a template reads: found once, when it is published, by walking its syntax tree.

reads     every path from outside: `customer.first_name`, `entry.cart.items`. A path ends before an index, a computed
          part, or a `size`, `first` or `last` behind the second name: whoever supplies the path supplies all below.
requires  the reads that must have a value (R13). A read is required unless
            * its expression has a `default` filter: `{{ customer.name | default: "friend" }}`;
            * it stands in the condition of an `if`, `elsif`, `unless`, `case` or `when`: that asks for it;
            * it stands anywhere in an `if`, `unless` or `case` whose conditions name it or what is above it.
          Nothing else is looked at: a value that is assigned first and has its default later is required.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from liquid import RenderContext
from liquid.ast import ConditionalBlockNode, Node
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.primitive import IntegerLiteral, RangeLiteral
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.expression import Expression
from liquid.template import BoundTemplate

from laudstream.errors import Problem
from laudstream.messages.sandbox import MAX_NODES

ROOTS = ("customer", "group", "entry", "steps", "workspace", "message")
MAX_RANGE = 1_000
_DERIVED = ("size", "first", "last")
_CONDITIONAL = (IfNode, UnlessNode, CaseNode)
_BRANCH = (ConditionalBlockNode, MultiExpressionBlockNode)


def line(source: str, index: int) -> int:
    """Line of a character, from 1; of the end for a negative index, as the library has it."""
    return source.count("\n", 0, index if index >= 0 else len(source)) + 1


def path_of(path: Path) -> str:
    """`customer.address.city` of a path, cut before what cannot be known or is derived."""
    names: list[str] = []
    for part in path.path:
        if not isinstance(part, str) or (len(names) >= 2 and part in _DERIVED):
            break
        names.append(part)
    return ".".join(names)


class Walk:
    """One pass over one part of a template; collects reads, requires and problems."""

    def __init__(self, template: BoundTemplate, source: str, pointer: str) -> None:
        self.source = source
        self.pointer = pointer
        self.reads: dict[str, None] = {}
        self.requires: dict[str, None] = {}
        self.problems: list[Problem] = []
        self._context = RenderContext(template)
        self._filters = template.env.filters
        self._nodes = 0
        self._scopes: list[set[str]] = [set()]
        for node in template.nodes:
            self._visit(node, ())

    def _visit(self, node: Node, guards: tuple[str, ...]) -> None:
        self._nodes += 1
        if self._nodes == MAX_NODES + 1:
            self._problem(node.token.start_index, f"more than {MAX_NODES} elements", "make the template smaller")
        if self._nodes > MAX_NODES:
            return
        if isinstance(node, _CONDITIONAL):
            guards = (*guards, *self._guards(node))
        asks = isinstance(node, (*_CONDITIONAL, *_BRANCH))
        for expression in node.expressions():
            self._expression(expression, guards, optional=asks)
        self._scopes[0].update(map(str, node.template_scope()))
        self._scopes.append(set(map(str, node.block_scope())))
        for child in node.children(self._context):
            self._visit(child, guards)
        self._scopes.pop()

    def _guards(self, node: Node) -> Iterator[str]:
        """Paths named in the conditions of this node and of its branches."""
        branches = [child for child in node.children(self._context) if isinstance(child, _BRANCH)]
        for part in (node, *branches):
            for expression in part.expressions():
                yield from (path_of(path) for path in _paths(expression))

    def _expression(self, expression: Expression, guards: tuple[str, ...], *, optional: bool) -> None:
        if isinstance(expression, FilteredExpression):
            for used in expression.filters or ():
                optional = optional or used.name == "default"
                if used.name not in self._filters:
                    self._unknown("filter", used.name, used.token.start_index, tuple(self._filters))
        if isinstance(expression, RangeLiteral):
            self._range(expression)
        if isinstance(expression, Path):
            self._path(expression, guards, optional)
        for child in expression.children():
            self._expression(child, guards, optional=optional)

    def _range(self, found: RangeLiteral) -> None:
        start, stop = found.start, found.stop
        if not (isinstance(start, IntegerLiteral) and isinstance(stop, IntegerLiteral)):
            self._problem(found.token.start_index, f"range {found} is not of two numbers", "write it like (1..5)")
        elif stop.value - start.value > MAX_RANGE:
            self._problem(found.token.start_index, f"range {found} is too long", f"at most {MAX_RANGE} numbers")

    def _path(self, path: Path, guards: tuple[str, ...], optional: bool) -> None:
        root = path.head()
        if not isinstance(root, str):
            self._problem(path.token.start_index, "a variable cannot be computed", "begin with a name")
            return
        if any(root in scope for scope in self._scopes):
            return
        if root not in ROOTS:
            self._unknown("variable", root, path.token.start_index, ROOTS)
            return
        name = path_of(path)
        self.reads[name] = None
        if not optional and not any(name == guard or name.startswith(guard + ".") for guard in guards):
            self.requires[name] = None

    def _unknown(self, kind: str, name: str, index: int, known: tuple[str, ...]) -> None:
        near = difflib.get_close_matches(name[:100], known, 1)
        if kind == "variable":
            fix = f"begin with one of {', '.join(known)}" + (f"; did you mean `{near[0]}`?" if near else "")
        else:
            fix = f"did you mean `{near[0]}`?" if near else "known are " + ", ".join(sorted(known))
        self._problem(index, f"unknown template {kind} `{name[:100]}`", fix)

    def _problem(self, index: int, message: str, fix: str) -> None:
        if len(self.problems) < 20:
            where = f"line {line(self.source, index)}: {message}"
            self.problems.append(Problem(self.pointer, where, fix))


def _paths(expression: Expression) -> Iterator[Path]:
    if isinstance(expression, Path):
        yield expression
    for child in expression.children():
        yield from _paths(child)
