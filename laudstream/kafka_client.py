"""What aiokafka's clients need beyond their own methods."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

STOP_S = 3.0


class Stoppable(Protocol):
    async def stop(self) -> None: ...


async def stop(client: Stoppable) -> None:
    """Stop a consumer or producer, and never hang: a consumer that is stopped just after `assign` swallows its own
    cancellation (aiokafka 0.14, `Fetcher._fetch_requests_routine`); a second one ends it."""
    try:
        await asyncio.wait_for(client.stop(), STOP_S)
    except TimeoutError:
        log.warning("kafka_client_stopped_late", client=type(client).__name__)
