"""Servers that are away when a process starts: they are waited for, and the log says so.

A process that ends because its server is not there yet is started again and again by whoever looks after it, and says
nothing that helps; one that waits begins in the moment in which it can. What a server refuses (a role, a password) is
no reason to wait.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import structlog

from laudstream import kafka_admin, kafka_features, kafka_rights
from laudstream.errors import Refused, Unavailable
from laudstream.postgres import connect
from laudstream.settings import Settings

log = structlog.get_logger(__name__)

PAUSE_S = 0.5
SAY_S = 10.0
"""Once in so long the log says that something is still away."""
ANSWER_S = 5.0
ROOM_MB = 64

Answer = TypeVar("Answer")


async def answer(what: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The first answer of a server. Raises whatever is not Unavailable."""
    began = time.monotonic()
    said = -SAY_S
    while True:
        try:
            found = await ask()
        except Unavailable as error:
            waited = time.monotonic() - began
            if waited - said >= SAY_S:
                log.warning("waiting_for", server=what, seconds=round(waited), error=str(error))
                said = waited
            await asyncio.sleep(PAUSE_S)
        else:
            if said >= 0:
                log.info("answers", server=what, seconds=round(time.monotonic() - began, 1))
            return found


async def room(folder: Path) -> None:
    """Until stores can be written in `folder`. A worker without room would be given lanes that others could have."""

    async def enough() -> None:
        free = shutil.disk_usage(folder).free >> 20
        if free < ROOM_MB:
            raise Unavailable(f"{free} MB are free in {folder}, and stores need {ROOM_MB}: make room")

    await answer("disk", enough)


async def servers(settings: Settings, dsn: str = "", role: str = "") -> None:
    """Until Kafka answers, and PostgreSQL at `dsn`, if one is given. Raises Invalid where PostgreSQL refuses, and
    Refused where Kafka does, does not give us the rights of `role`, or keeps transactions in a way too old for it."""

    async def kafka() -> None:
        with _quiet("aiokafka"):
            async with kafka_admin.admin(settings, ANSWER_S):
                pass
            if role:
                await kafka_rights.check(settings, role)
            if role in kafka_features.WRITERS:
                await kafka_features.check(settings)

    async def postgresql() -> None:
        await (await connect(dsn, max_size=1, application="laudstream start")).close()

    try:
        await answer("Kafka", kafka)
    except Refused as error:
        log.error("kafka_refuses", role=role, error=str(error), fix=error.problems[-1].fix if error.problems else "")
        raise
    if dsn:
        await answer("PostgreSQL", postgresql)


@contextmanager
def _quiet(library: str) -> Iterator[None]:
    """It would say at each try what we say once in a while."""
    logger = logging.getLogger(library)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
