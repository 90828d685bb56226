"""The demo on a folder that was used before."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from laudstream.cli.demo import _refuse_used
from laudstream.errors import Refused
from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack
from laudstream.postgres import connect

pytestmark = pytest.mark.integration


@pytest.fixture
def data() -> Iterator[Path]:
    """A folder that the user `postgres` can reach too."""
    folder = Path(tempfile.mkdtemp(prefix="laudstream-demo-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


async def test_a_used_folder_is_refused_and_wipe_offered(data: Path) -> None:
    ports = Ports.above(free_base())
    await _refuse_used(data, ports)  # there is none yet
    async with Stack(data, ports=ports, parts=("workspace",)) as stack:
        pass
    await _refuse_used(data, ports)  # nobody is in it
    async with Stack(data, ports=ports, parts=("migrations",)) as stack:
        pool = await connect(stack.settings.worker_dsn, max_size=1)
        await pool.execute("INSERT INTO customers (workspace_id, customer_id) VALUES ($1, 'ann')", stack.workspace)
        await pool.close()
    with pytest.raises(Refused, match="1 customers") as caught:
        await _refuse_used(data, ports)
    assert "--wipe" in caught.value.problems[0].fix
