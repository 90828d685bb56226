"""Whether a server answers."""

from __future__ import annotations

import asyncio

import httpx

from laudstream.local.ports import HOST

TIMEOUT_S = 5.0


async def answers(url: str) -> bool:
    """Whether a GET gives 200 now."""
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as http:
            return (await http.get(url)).status_code == 200
    except httpx.HTTPError:
        return False


async def listens(port: int) -> bool:
    """Whether somebody takes connections at a port of this machine."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(HOST, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
