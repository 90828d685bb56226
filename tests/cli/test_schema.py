"""The JSON Schemas of definitions in files: published, and what readers and files say."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from laudstream.cli.files import load
from laudstream.cli.journeys import journeys
from laudstream.cli.schema import FOLDER, KINDS, of_files, text
from laudstream.errors import Invalid, Problem
from laudstream.journey import definition, doubts
from laudstream.journey.schema import journey_schema

FILES = FOLDER.parents[1] / "local-env"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_published_is_up_to_date_and_printed(kind: str) -> None:
    """If it was changed on purpose: python -m laudstream.cli.schema"""
    assert (FOLDER / f"{kind}.json").read_text(encoding="utf-8") == text(kind)
    printed = CliRunner().invoke(journeys, ["schema", kind])
    assert json.loads(printed.output) == of_files(kind)


class Checked:
    """As much of JSON Schema as these use."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.definitions = schema["$defs"]

    def fits(self, value: Any, schema: dict[str, Any]) -> bool:
        if "$ref" in schema:
            schema = self.definitions[schema["$ref"].rpartition("/")[2]]
        tests = {
            "type": lambda said: isinstance(value, _TYPES[said]) and (said == "boolean" or not isinstance(value, bool)),
            "const": lambda said: value == said,
            "enum": lambda said: value in said,
            "not": lambda said: not self.fits(value, said),
            "oneOf": lambda said: sum(self.fits(value, each) for each in said) == 1,
            "anyOf": lambda said: any(self.fits(value, each) for each in said),
            "minimum": lambda said: value >= said,
            "maximum": lambda said: value <= said,
            "minLength": lambda said: len(value) >= said,
            "maxLength": lambda said: len(value) <= said,
            "minItems": lambda said: len(value) >= said,
            "maxItems": lambda said: len(value) <= said,
            "minProperties": lambda said: len(value) >= said,
            "maxProperties": lambda said: len(value) <= said,
            "pattern": lambda said: re.search(said, value) is not None,
            "required": lambda said: set(said) <= value.keys(),
            "propertyNames": lambda said: all(self.fits(name, said) for name in value),
            "items": lambda said: all(self.fits(each, said) for each in value),
        }
        assert schema.keys() <= tests.keys() | _OTHERS, schema.keys() - tests.keys() - _OTHERS
        if not all(test(schema[word]) for word, test in tests.items() if word in schema):
            return False
        return not isinstance(value, dict) or all(self.member(name, each, schema) for name, each in value.items())

    def member(self, name: str, value: Any, schema: dict[str, Any]) -> bool:
        ways = [schema["properties"][name]] if name in schema.get("properties", {}) else []
        ways += [each for form, each in schema.get("patternProperties", {}).items() if re.search(form, name)]
        beside = schema.get("additionalProperties", True)
        return all(self.fits(value, each) for each in ways or ([beside] if isinstance(beside, dict) else [])) and (
            bool(ways) or beside is not False
        )


_TYPES: dict[str, Any] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
}  # fmt: skip
_OTHERS = {"properties", "patternProperties", "additionalProperties", "description", "default", "format", "title",
           "$schema", "$defs"}  # fmt: skip


@pytest.mark.parametrize("path", sorted(FILES.glob("journeys/*.yaml")), ids=lambda path: path.stem)
def test_every_journey_that_comes_along_fits(path: Path) -> None:
    schema = of_files("journey")
    checked, (item,) = Checked(schema), load(path)
    assert checked.fits({"kind": "journey", **item.body}, schema)
    for name, step in item.body["steps"].items():
        wrong = {**item.body, "steps": {**item.body["steps"], name: {**step, "unheard_of": 1}}}
        assert not checked.fits(wrong, schema), name


def test_what_fits_only_one_way() -> None:
    """A member that is not known, a form that is none, or two forms at once."""
    schema = of_files("segment")
    checked = Checked(schema)
    right: dict[str, Any] = {"kind": "segment", "condition": {"segment": {"in": "vip@2", "held_for": "P1D"}}}
    assert checked.fits(right, schema)
    for wrong in (
        {**right, "manual": True}, {**right, "more": 1}, {"kind": "journey", "manual": True},
        {"condition": {"segment": "vip@0"}}, {"condition": {}}, {"condition": {"nothing.x": {"exists": True}}},
    ):  # fmt: skip
        assert not checked.fits(wrong, schema), wrong


def wrong_of(body: dict[str, Any], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(what was done, body) with one thing of it broken: left out, of another shape, or one more; a third of all."""
    for place in places(body):
        for at, (what, change) in enumerate(CHANGES.items()):
            if zlib.crc32(f"{path.stem} {place} {at}".encode()) % 3:
                continue
            made = deepcopy(body)
            parent: Any = made
            for part in place[:-1]:
                parent = parent[part]
            change(parent, place[-1])
            yield f"{what} /{'/'.join(map(str, place))}", made


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, inner in members:
        yield (*above, part)
        yield from places(inner, (*above, part))


def _beside(parent: Any, part: Any) -> None:
    if isinstance(parent, dict):
        parent["unheard_of"] = {}
    else:
        parent.append({"unheard_of": {}})


def _put(value: Any) -> Callable[[Any, Any], None]:
    return lambda parent, part: parent.__setitem__(part, deepcopy(value))


SHAPES = (None, True, 0, 7, -1, 0.5, "", "x", "P1D", [], ["x"], {}, {"x": {}})
CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "without": lambda parent, part: parent.pop(part),
    "beside": _beside,
    **{f"{value!r} at": _put(value) for value in SHAPES},
}


def judged(body: dict[str, Any]) -> tuple[tuple[Problem, ...], list[Problem]]:
    """(what a publish refuses, what it takes and doubts)"""
    try:
        return (), doubts.check(definition.parse(body), doubts.Known())
    except Invalid as error:
        return error.problems, []


@pytest.mark.parametrize("path", sorted(FILES.glob("journeys/*.yaml")), ids=lambda path: path.stem)
def test_r14_r60_schema_and_publish_know_the_same_members_and_what_one_refuses_the_other_takes_in_doubt_at_most(
    path: Path,
) -> None:
    """An editor goes by the one, a publish by the other."""
    schema, (item,) = journey_schema(), load(path)
    checked = Checked(schema)
    assert checked.fits(item.body, schema)
    assert judged(item.body) == ((), [])
    taken, unknown = 0, 0
    for what, body in wrong_of(item.body, path):
        fits, (problems, doubted) = checked.fits(body, schema), judged(body)
        if not problems:
            taken += 1
            assert fits or doubted, f"{what}: a publish takes it"
        elif what.startswith("beside") and problems[0].message == "'unheard_of' is unknown here":
            unknown += 1
            assert not fits, f"{what}: the schema takes it"
    assert taken > 10
    assert unknown > 10
