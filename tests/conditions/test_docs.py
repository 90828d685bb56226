"""What docs/conditions.md shows can be published, read as `laudstream apply` reads files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from laudstream.cli.files import _Yaml12
from laudstream.conditions import read
from laudstream.journey.reader import HORIZON, Reader
from laudstream.segments.definition import parse

PAGE = (Path(__file__).parents[2] / "docs" / "conditions.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def conditions() -> list[Any]:
    """Blocks that are conditions; of a block that repeats a key, each line is one."""
    found = []
    for block in BLOCKS:
        if block.startswith(("id:", "entry:")):
            continue
        keys = re.findall(r"^(\S+):", block, re.MULTILINE)
        found += [yaml.load(part, _Yaml12) for part in ([block] if len(keys) == len(set(keys)) else block.splitlines())]
    return found


@pytest.mark.parametrize("condition", conditions(), ids=lambda body: str(body)[:60])
def test_every_condition_on_the_page_is_right(condition: Any) -> None:
    reader = Reader(HORIZON)
    read(reader, condition, "", ("customer", "entry"))
    assert reader.problems == []


def test_every_segment_on_the_page_is_right() -> None:
    (block,) = [block for block in BLOCKS if block.startswith("id:")]
    assert [parse(body).id for body in yaml.load_all(block, _Yaml12)] == ["regulars", "testers"]


def test_no_example_of_the_page_is_missed() -> None:
    assert len(conditions()) == 25
