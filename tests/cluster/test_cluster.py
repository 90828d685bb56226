"""The quick form of `make chaos-cluster`: of three brokers, the one that coordinates transactions is killed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from laudstream.local.ports import free_base
from tests.cluster.faults import TRANSACTIONS_MOVED
from tests.cluster.run import cluster, run, said

pytestmark = pytest.mark.faults

SEED = 21


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="laudstream-cluster-"))
    folder.chmod(0o755)  # the user `postgres` must reach its part of it
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)


async def test_A2_a_broker_that_coordinates_transactions_is_lost_and_nothing_else(data: Path) -> None:
    async with cluster(data, free_base()) as stack:
        result = await run(stack, [TRANSACTIONS_MOVED], SEED)
    print(said([result]))
    assert not result.findings, "\n".join(result.lines())
