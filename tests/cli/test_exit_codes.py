"""What the commands say and how they end, as a shell sees it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

NOWHERE = "http://127.0.0.1:9"


async def laudstream(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the program; `settings` become LAUDSTREAM_… variables."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LAUDSTREAM_")}
    environ |= {f"LAUDSTREAM_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "laudstream", *map(str, arguments)]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, env=environ, timeout=60, check=False
    )


async def test_no_api_is_said_with_what_to_do() -> None:
    ended = await laudstream("journeys", "list", api_url=NOWHERE)
    assert ended.returncode == 1
    assert f"no answer from {NOWHERE}" in ended.stderr
    assert "laudstream up" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_wrong_usage_ends_with_2(tmp_path: Path) -> None:
    assert (await laudstream("apply", tmp_path / "nothing.yaml", api_url=NOWHERE)).returncode == 2
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for words in (("events", "replay"), ("customers", "import")):
        ended = await laudstream(*words, pipe, api_url=NOWHERE)
        assert (ended.returncode, "is a pipe: write what comes from it to a file first" in ended.stderr) == (2, True)


async def test_a_bad_file_is_named_with_line_and_fix(tmp_path: Path) -> None:
    path = tmp_path / "j.yaml"
    path.write_text("id: j\nentry:\n  - event: {name: bought}\nstart: a\nsteps:\n  a: {exist: {}}\n")
    ended = await laudstream("apply", path, api_url=NOWHERE)
    assert ended.returncode == 1
    assert f"{path}:6 /steps/a" in ended.stderr
    assert "→" in ended.stderr


async def test_an_import_with_bad_rows_imports_the_others_and_ends_with_1(
    database: str, pool: Pool, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,plan\nann,=1+1\nbob\n")
    ended = await laudstream("customers", "import", path, worker_database_url=database)
    assert ended.returncode == 1
    assert "created 1" in ended.stdout
    assert await pool.fetchval("SELECT count(*) FROM customers") == 1
    report = (tmp_path / "people.csv.rejected.csv").read_text().splitlines()
    assert report == ["line,column,reason,value", '3,,"1 columns, the headings name 2",bob']
    path.write_text("id,plan\nann,paid\n")
    ended = await laudstream("customers", "import", path, worker_database_url=database)
    assert (ended.returncode, "changed 1" in ended.stdout) == (0, True)


async def test_an_import_without_postgresql_says_so(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id\nann\n")
    ended = await laudstream(
        "customers", "import", path, worker_database_url="postgresql://nobody:secret@127.0.0.1:9/x"
    )
    assert ended.returncode == 1
    assert "PostgreSQL does not answer" in ended.stderr
    assert "secret" not in ended.stderr


async def test_a_replay_sends_the_file_and_names_what_was_refused(serving: Any, batch_log: Any, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    events = [{"userId": f"c{n % 3}", "event": "bought", "timestamp": "2024-01-01T00:00:00Z"} for n in range(1000)]
    path.write_text("\n".join(map(json.dumps, events)))
    log = batch_log(503)
    async with serving(log.app) as url:
        ended = await laudstream("events", "replay", path, "--timestamps", "drop", api_url=url, write_key="wk")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "accepted 1,000" in ended.stdout
        assert set(log.events) == {f"history-{n}" for n in range(1, 1001)}
        assert not any("timestamp" in event for event in log.events.values())
        path.write_text('{"event": "bought"}\n{"userId": "a", "event": "bought"}\nnonsense\n')
        ended = await laudstream("events", "replay", path, "--prefix", "again", api_url=url, write_key="wk")
    assert ended.returncode == 1
    assert "accepted 1 · rejected 2" in ended.stdout
    report = (tmp_path / "history.jsonl.rejected.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in report] == ["line", "1", "3"]
