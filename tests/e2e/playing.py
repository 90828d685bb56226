"""Scripts for a browser: run in node, with what they are given, and what came of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


async def played(script: str, given: dict[str, Any]) -> list[str]:
    """The steps of the script, in which nothing went wrong."""
    process = await asyncio.create_subprocess_exec(
        "node", str(HERE / script), json.dumps(given), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(90):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert out, err.decode()
    answer = json.loads(out.splitlines()[-1])
    assert answer["errors"] == [], answer["errors"]
    return list(answer["steps"])
