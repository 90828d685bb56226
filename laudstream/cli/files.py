"""Definitions in files: YAML or JSON, each problem with its file and line.

YAML is read by the rules of YAML 1.2, where only `true` and `false` are booleans: `on`, `no` and `21:00` are the text
they look like, and so are dates. A file says `kind: journey`, template, segment, subscription or workspace, or is
known by what it holds, or by the folder it lies in. Its id is `id`, or else the name of the file; the settings of the
workspace have none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from laudstream.conditions.operators import encodable
from laudstream.errors import Invalid, Problem
from laudstream.journey.naming import KINDS, WORKSPACE, in_order
from laudstream.journey.parse_settings import WORKSPACE as SETTINGS

SUFFIXES = (".yaml", ".yml", ".json")
MAX_BYTES = 1 << 20


_STR, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


class _Yaml12(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2's core schema, and without duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag not in (_STR, _MERGE):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_decimal(self, node: yaml.ScalarNode) -> int:
        return int(node.value)


_Yaml12.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+0123456789.")),
    ("merge", r"<<", ["<"]),
):
    _Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)
_Yaml12.add_constructor("tag:yaml.org,2002:int", _Yaml12.construct_decimal)


class Item(NamedTuple):
    """A definition in a file."""

    path: Path
    kind: str
    id: str
    body: dict[str, Any]
    node: yaml.Node | None
    """The file's tree, for line numbers."""

    def place(self, pointer: str) -> str:
        """`file:line pointer`, the line being that of the deepest part of the pointer that the file has."""
        return f"{self.path}:{_line(self.node, pointer)} {pointer}".rstrip()

    def located(self, problems: tuple[Problem, ...]) -> list[Problem]:
        return [Problem(self.place(problem.pointer), problem.message, problem.fix) for problem in problems]


def load(path: Path) -> list[Item]:
    """All items of a file, or of the files below a folder, in the order in which they are published. Raises Invalid
    with every problem found."""
    return load_all((path,))


def load_all(paths: Iterable[Path]) -> list[Item]:
    """As `load`, of several; a file that is named twice is read once."""
    paths = list(paths)
    items: list[Item] = []
    problems: list[Problem] = []
    files = {file.resolve(): file for path in paths for file in _files(path)}
    for file in files.values():
        try:
            items.append(_item(file))
        except Invalid as error:
            problems += error.problems
    for at, item in enumerate(items):
        for other in items[:at]:
            if (item.kind, item.id) == (other.kind, other.id):
                message = f"{item.kind} {item.id!r} is also in {other.path}"
                only = item.kind == WORKSPACE
                fix = "a workspace has its settings in one file" if only else "give one of them another id"
                problems.append(Problem(item.place("" if only else "/id"), message, fix))
    where = ", ".join(map(str, paths))
    if not items and not problems:
        problems.append(Problem(where, f"holds no {', '.join(SUFFIXES)} file"))
    if problems:
        raise Invalid(f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'} in {where}", tuple(problems))
    return in_order(items)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    below = (file.relative_to(path) for file in path.rglob("*") if file.is_file())
    return sorted(
        path / file
        for file in below
        if file.suffix in SUFFIXES and not any(part.startswith(".") for part in file.parts)
    )


def _item(path: Path) -> Item:
    body, node = _read(path)
    if not isinstance(body, dict):
        raise _bad(f"{path}:1", "a definition is a mapping")
    kind = body.pop("kind", None) or _kind(path, body)
    if kind not in KINDS:
        what = f"kind {kind!r}" if kind else "what it defines is not clear"
        raise _bad(f"{path}:{_line(node, '/kind')}", what, f"begin the file with `kind: …`, one of {', '.join(KINDS)}")
    if kind == WORKSPACE:
        return Item(path, kind, WORKSPACE, body, node)
    id = body.pop("id", path.stem) if kind == "template" else body.get("id", path.stem)
    if not isinstance(id, str):
        raise _bad(f"{path}:{_line(node, '/id')} /id", "an id is text", f'id: "{id}"')
    if kind != "template":
        body = {"id": id, **body}
    return Item(path, kind, id, body, node)


def _kind(path: Path, body: dict[str, Any]) -> str:
    if "steps" in body or "entry" in body:
        return "journey"
    if "condition" in body or "manual" in body:
        return "segment"
    folder = path.parent.name.removesuffix("s")
    if "opt_in" in body or ("channel" in body and folder == "subscription"):
        return "subscription"
    if "channel" in body:
        return "template"
    if body and body.keys() <= set(SETTINGS):
        return WORKSPACE
    return folder


def _read(path: Path) -> tuple[Any, yaml.Node | None]:
    """(content, tree with lines) of a file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _bad(str(path), f"is larger than {MAX_BYTES:,} bytes")
        text = path.read_text(encoding="utf-8-sig")
        tree = _tree(text)
        if path.suffix == ".json":
            body = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        else:
            body = yaml.load(text, _Yaml12)  # noqa: S506 - _Yaml12 is a SafeLoader
        if flaw := _flaw(body):
            raise _bad(f"{path}:1", flaw)
        return body, tree
    except OSError as error:
        raise _bad(str(path), f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _bad(str(path), "is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _bad(f"{path}:{error.lineno}", f"is no JSON: {error.msg} (column {error.colno})") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _bad(f"{path}:{mark.line + 1 if mark else 1}", f"is no YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _bad(f"{path}:1", f"cannot be read: {error}") from None


def _flaw(body: Any) -> str:
    """Why it cannot be written as JSON; empty: it can. Escapes name halves of characters; aliases may name what they
    stand in, or say a little so often that it becomes much. What an alias names is looked at once."""
    sizes: dict[int, int] = {}  # container -> values in it; 0: it is being looked at
    rest = [(body, False)]
    while rest:
        value, done = rest.pop()
        if isinstance(value, str) and not encodable(value):
            return "holds half a character (\\uD800 to \\uDFFF): write it whole"
        if not isinstance(value, dict | list):
            continue
        inside = [*value, *value.values()] if isinstance(value, dict) else value
        if done:
            sizes[id(value)] = 1 + sum(sizes.get(id(each), 1) for each in inside)
            if sizes[id(value)] > MAX_BYTES:
                return f"becomes more than {MAX_BYTES:,} values by its aliases: write less"
        elif id(value) not in sizes:
            sizes[id(value)] = 0
            rest += [(value, True), *((each, False) for each in inside)]
        elif not sizes[id(value)]:
            return "has an alias that names what it stands in"
    return ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _tree(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, _Yaml12)
    except (yaml.YAMLError, RecursionError):
        return None  # JSON that is no YAML (tabs): problems then name line 1


def _line(node: yaml.Node | None, pointer: str) -> int:
    line = node.start_mark.line + 1 if node else 1
    for part in _parts(pointer):
        key, child = _child(node, part)
        if child is None:
            break
        line, node = (key or child).start_mark.line + 1, child
    return line


def _parts(pointer: str) -> Iterator[str]:
    yield from (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def _child(node: yaml.Node | None, part: str) -> tuple[yaml.Node | None, yaml.Node | None]:
    """(key, value) of a member of a mapping; (None, item) of a sequence."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), (None, None))
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        return None, node.value[int(part)]
    return None, None


def _bad(place: str, message: str, fix: str = "") -> Invalid:
    return Invalid(f"{place}: {message}", (Problem(place, message, fix),))
