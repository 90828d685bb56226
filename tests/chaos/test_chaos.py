"""One schedule of faults on the shared stack; `make chaos` runs many."""

from __future__ import annotations

import pytest

from laudstream.local.stack import Stack
from tests.chaos.run import line, run

pytestmark = pytest.mark.faults

SEED = 397


async def test_a_schedule_of_faults_loses_doubles_and_holds_up_nothing(stack: Stack) -> None:
    result = await run(stack, SEED)
    print(line([result]))
    assert not result.findings, "\n".join(result.lines())
