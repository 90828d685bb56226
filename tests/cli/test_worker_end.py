"""A worker that fails comes to an end, or its partitions stay with a process that does nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HANGS = """
import asyncio, os, signal, sys
import faust
from laudstream import away
from laudstream.cli import worker

async def there(*_):
    pass

away.servers, worker.CRASHED_S, worker.STOPPED_S = there, 0.5, 0.5

class Stuck(faust.App):
    async def on_first_start(self):
        if sys.argv[1] == "start":
            raise RuntimeError("it failed")
        if sys.argv[1] == "work":
            self.add_future(self.fail())
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    async def fail(self):
        await self.crash(RuntimeError("it failed"))

    async def on_stop(self):
        await asyncio.Event().wait()

worker._run("test", lambda settings: Stuck("stuck", broker="kafka://127.0.0.1:1", datadir=settings.data_dir))
"""


@pytest.mark.parametrize("when", ["start", "work"])
def test_a_worker_that_failed_and_hangs_on_its_way_out_is_ended(tmp_path: Path, when: str) -> None:
    said = _ended(tmp_path, when)
    assert "it had failed" in said
    assert "it failed" in said


def test_so_is_one_that_was_told_to_stop_and_its_log_has_where_it_hung(tmp_path: Path) -> None:
    said = _ended(tmp_path, "told")
    assert "it was told to stop" in said
    assert "Current thread" in said


def _ended(folder: Path, when: str) -> str:
    """What a worker said that was ended hard."""
    environment = {"LAUDSTREAM_DATA_DIR": str(folder), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", HANGS, when]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1, ended.stderr
    said = ended.stdout + ended.stderr
    assert "ended_hard" in said
    return said
