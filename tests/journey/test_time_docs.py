"""Every example of docs/time.md is a definition that this release runs (R60)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from laudstream.cli.files import _Yaml12  # in YAML 1.1 `on` is no text
from laudstream.journey.definition import parse

PAGE = (Path(__file__).parents[2] / "docs" / "time.md").read_text()
EXAMPLES = [yaml.load(block, Loader=_Yaml12) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
ENDS: dict[str, Any] = {
    "mail": {"message": {"channel": "email", "template": "mail"}, "next": "done"},
    "call": {"exit": {"outcome": "called"}},
    "last": {"exit": {"outcome": "last"}},
    "done": {"exit": {"outcome": "done"}},
}


def journey(entry: list[Any] | None = None, settings: Any = None, steps: Any = None) -> dict[str, Any]:
    """A journey of the parts of an example, whose start leads to all its steps."""
    named = {**ENDS, **(steps or {})}
    branches = [{"name": name, "condition": {"customer.id": {"equals": name}}, "next": name} for name in named]
    start = {"split": {"branches": branches, "else": "done"}}
    return {
        "id": "j", "entry": entry or [{"event": {"name": "go"}}], "settings": settings or {}, "start": "all",
        "steps": {"all": start, **named},
    }  # fmt: skip


def journeys() -> list[dict[str, Any]]:
    found = []
    for example in EXAMPLES:
        if isinstance(example, list):
            found += [journey(entry=[each]) for each in example]
        elif example.keys() & {"entry", "settings", "steps"}:
            found.append(journey(**example))
        else:
            found.append(journey(steps=example))
    return found


def test_the_page_has_examples() -> None:
    assert len(journeys()) == 12


@pytest.mark.parametrize("body", journeys())
def test_r60_an_example_is_a_definition(body: dict[str, Any]) -> None:
    version = parse(body)
    assert len(version.steps) == len(body["steps"])
    assert len(version.entries) + len(version.dates) + (version.audience is not None) == len(body["entry"])
