"""What pytest does differently while mutants are tried: the quick tests come first, and machines take a short walk.

Loaded by `[tool.mutmut]` of pyproject.toml.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import settings

STATS = Path("mutmut-stats.json")
"""Where mutmut keeps how long each test took; the working directory is `mutants`."""
EXAMPLES = 25
SLOW = ("test_cdnow.py", "test_cli.py", "test_the_example_of_the_page_runs", "test_neither_hash_seed", "test_faults.py")
"""They start programs or play whole data sets: they say nothing that a quicker test does not say."""
os.environ["PROOF_EXAMPLES"] = "8"

pytest.Item._nodeid = property(lambda item: item.nodeid)  # type: ignore[attr-defined]  # mutmut 3.7 asks for it
settings.register_profile("mutation", deadline=None, derandomize=True, max_examples=EXAMPLES)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """mutmut stops at the first test that fails."""
    took = json.loads(STATS.read_text())["duration_by_test"] if STATS.exists() else {}
    items[:] = [item for item in items if not any(name in item.nodeid for name in SLOW)]
    if os.environ.get("MUTANT_UNDER_TEST", "") not in ("", "stats", "fail"):
        items.sort(key=lambda item: took.get(item.nodeid, 0.0))


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("mutation")
