"""Asks Kafka which rights we have, as the user that we are: no right is needed for that, and nothing is changed.

Topics and groups tell what the asker may do with them. A transactional id does not: the end of a transaction that
never was is refused for want of the right, or because there is none. What does not exist yet tells nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaConnectionError, KafkaError

from laudstream import kafka_client
from laudstream.errors import Problem, Refused, Unavailable
from laudstream.kafka_admin import NOT_ALLOWED
from laudstream.kafka_encoding import I16, I64, NO_TAGS, Call, Reader, array, text
from laudstream.rights import GROUP, OPERATIONS, TOPIC, TRANSACTIONAL_ID, Right, commands, roles
from laudstream.settings import Settings

TIMEOUT_S = 10.0
_NOT_NOW = (14, 15, 16)
"""Codes of a coordinator that is on its way."""
_NOBODY = I64.pack(-1) + I16.pack(-1)
"""A producer id that nobody has."""
_UNTOLD = -(1 << 31)


def _topics(names: Iterable[str]) -> Call:
    """Metadata v12 with authorized operations. Answer: {topic: (code, bits)}."""
    wanted = array(b"\0" * 16 + text(name) + NO_TAGS for name in names)

    def read(r: Reader) -> Any:
        r.i32()
        r.array(lambda: (r.i32(), r.text(), r.i32(), r.text(), r.tags()))
        r.text(), r.i32()
        found: dict[str, tuple[int, int]] = {}

        def partition() -> None:
            r.i16(), r.i32(), r.i32(), r.i32()
            r.array(r.i32), r.array(r.i32), r.array(r.i32)
            r.tags()

        def topic() -> None:
            code, name = r.i16(), r.text()
            r.uuid(), r.byte()
            r.array(partition)
            found[name] = code, r.i32()
            r.tags()

        r.array(topic)
        return found

    return Call(3, 12, wanted + b"\0" + b"\1" + NO_TAGS, read)


def _group(name: str) -> Call:
    """DescribeGroups v5 with authorized operations. Answer: (code, bits)."""

    def read(r: Reader) -> Any:
        r.i32()

        def member() -> None:
            for _ in range(4):
                r.text()
            r.skip(), r.skip()
            r.tags()

        def group() -> tuple[int, int]:
            code = r.i16()
            for _ in range(4):
                r.text()
            r.array(member)
            bits = r.i32()
            r.tags()
            return code, bits

        return r.array(group)[0]

    return Call(15, 5, array([text(name)]) + b"\1" + NO_TAGS, read)


def _end_of_nothing(txn_id: str) -> Call:
    """EndTxn v3. Answer: code."""

    def read(r: Reader) -> Any:
        r.i32()
        return r.i16()

    return Call(26, 3, text(txn_id) + _NOBODY + b"\0" + NO_TAGS, read)


async def missing(settings: Settings, rights: Iterable[Right]) -> list[Right]:
    """Those of `rights` that we do not have. Raises Unavailable, Refused (Kafka does not let us in)."""
    wanted = tuple(rights)
    client = AIOKafkaClient(**kafka_client.arguments(settings), request_timeout_ms=int(TIMEOUT_S * 1000))
    try:
        async with asyncio.timeout(TIMEOUT_S):
            try:
                await client.bootstrap()
            except KafkaConnectionError as error:
                raise await kafka_client.no_way_in(settings, error) from error
            lacking = await _lacking(client, wanted)
    except (KafkaError, OSError, TimeoutError) as error:
        raise Unavailable(f"Kafka at {settings.kafka} does not say which rights we have: {error!r}") from error
    finally:
        await client.close()
    return [right for right in wanted if right in lacking]


async def _lacking(client: AIOKafkaClient, wanted: tuple[Right, ...]) -> set[Right]:
    found: set[Right] = set()
    names = dict.fromkeys(right.name for right in wanted if right.resource == TOPIC)
    told = await client.send(client.get_random_node(), _topics(names)) if names else {}
    groups: dict[str, tuple[int, int]] = {}
    for right in wanted:
        if right.resource == TOPIC:
            code, bits = told[right.name]
        elif right.resource == GROUP:
            if right.name not in groups:
                groups[right.name] = await _coordinated(client, CoordinationType.GROUP, right.name, _group)
            code, bits = groups[right.name]
        else:
            assert right.resource == TRANSACTIONAL_ID
            name = f"{right.name}rights" if right.prefix else right.name
            code, bits = await _coordinated(client, CoordinationType.TRANSACTION, name, _end_of_nothing)
        if code in NOT_ALLOWED or (not code and bits != _UNTOLD and not bits >> OPERATIONS[right.operation] & 1):
            found.add(right)
    return found


async def _coordinated(client: AIOKafkaClient, kind: CoordinationType, name: str, call: Any) -> tuple[int, int]:
    while True:  # until the deadline of `missing`
        try:
            node = await client.coordinator_lookup(kind, name)
        except KafkaError as error:
            code = getattr(error, "errno", 0)
            if code in NOT_ALLOWED:
                return code, 0
            if code not in _NOT_NOW:
                raise
            await asyncio.sleep(0.1)
            continue
        answer = await client.send(node, call(name))
        code, bits = answer if isinstance(answer, tuple) else (answer, _UNTOLD)
        if code not in _NOT_NOW:
            return code, bits
        await asyncio.sleep(0.1)


async def check(settings: Settings, role: str) -> None:
    """Raises Refused, naming each right that this role lacks and the commands that give them."""
    if lacking := await missing(settings, roles(settings)[role]):
        raise refused(settings, role, lacking)


def refused(settings: Settings, role: str, lacking: list[Right]) -> Refused:
    user = settings.kafka_user or "<our user>"
    said = f"Kafka: {role} lacks {len(lacking)} {'right' if len(lacking) == 1 else 'rights'}"
    problems = [Problem("", f"{user} may not {right}") for right in lacking]
    give = commands(lacking, user, settings.kafka)
    problems[-1] = Problem("", problems[-1].message, "; ".join(give))
    return Refused(f"{said}: {', '.join(map(str, lacking))}", tuple(problems))
