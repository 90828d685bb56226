"""The machine can fail: with a fault in the core it turns red, and says which rule is broken."""

from __future__ import annotations

import pytest

from tests.proof.faults import FAULTS, found

QUICK = ("the last run is not remembered", "every place is given", "exits never", "sent after the night began")
"""Those that it finds within some examples; `python -m tests.proof.faults` tries all."""


@pytest.mark.parametrize("fault", QUICK)
def test_a_fault_of_the_core_is_found_and_its_rule_named(fault: str) -> None:
    said = found(fault, 150)
    assert said.startswith(FAULTS[fault][0] + " "), said or "nothing was found"
