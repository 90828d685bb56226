"""The JSON Schemas of definitions in files: published, and what readers and files say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from laudstream.cli.files import load
from laudstream.cli.journeys import journeys
from laudstream.cli.schema import FOLDER, KINDS, of_files, text

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
