"""Makes Kafka agree with `laudstream/topics.py`, and says what it has.

Missing topics are created and settings that differ are set; settings of which topics.py says nothing stay as they
are. A topic with another number of partitions is refused and nothing is changed: its keys would lie elsewhere. So is
one with fewer replicas than a write would need: nobody could write to it any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code

from laudstream import kafka_client
from laudstream.errors import Invalid, LaudstreamError, Problem, Refused, Unavailable
from laudstream.settings import Settings
from laudstream.topics import TOPICS, Topic

TIMEOUT_S = 20.0
NOT_ALLOWED = (29, 30, 31, 53)
"""Error codes: no right on a topic, a group, the cluster, a transactional id."""
_MOVING = ("PreparingRebalance", "CompletingRebalance")
_OF_THE_TOPIC = 1  # source of a setting in DescribeConfigs: set for this very topic


class Found(NamedTuple):
    """A topic as Kafka has it."""

    name: str
    partitions: int
    replication: int
    leaderless: int
    """Partitions that nobody leads now."""
    config: Mapping[str, str]
    """Settings of this topic in effect …"""
    own: Mapping[str, str]
    """… and those that were set for it."""


class GroupMember(NamedTuple):
    name: str
    """client@host"""
    partitions: tuple[int, ...]
    """Of the topic that was asked for."""
    user_data: bytes
    """Of its subscription: what it says of itself."""


class Group(NamedTuple):
    settled: bool
    """Else its members are giving out partitions, and nobody knows what they have and say."""
    members: tuple[GroupMember, ...]


class Change(NamedTuple):
    topic: str
    change: str
    """created, altered or unchanged."""
    detail: str = ""


class Plan(NamedTuple):
    create: list[Topic]
    alter: dict[str, dict[str, str]]
    """Topic → settings that differ, as they should be."""


@asynccontextmanager
async def admin(settings: Settings, timeout_s: float = TIMEOUT_S) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client of the brokers; everything in it becomes Unavailable where they do not answer in time, and Refused
    where they do not let us in."""
    client = AIOKafkaAdminClient(**kafka_client.arguments(settings), request_timeout_ms=int(timeout_s * 1000))
    try:
        async with asyncio.timeout(timeout_s):
            try:
                await client.start()
            except KafkaConnectionError as error:
                raise await kafka_client.no_way_in(settings, error) from error
            yield client
    except (KafkaError, OSError, TimeoutError) as error:
        raise Unavailable(f"Kafka does not answer at {settings.kafka}: {error or 'no answer in time'}") from error
    finally:
        await client.close()
        await asyncio.sleep(0)  # sockets are let go in the loop's next turn, which may be its last


def partitions_of(topic: Topic, settings: Settings) -> int:
    return topic.partitions or settings.partitions


def config_of(topic: Topic, settings: Settings) -> dict[str, str]:
    """What is set for a topic: its own settings, and how many replicas a write needs."""
    return {**topic.config(), "min.insync.replicas": str(settings.in_sync)}


def plan(topics: Iterable[Topic], found: Mapping[str, Found], settings: Settings) -> Plan:
    """What must change. Raises Refused, naming each topic with another number of partitions, or with fewer replicas
    than a write would need."""
    create, alter, problems = [], {}, []
    for topic in topics:
        there = found.get(topic.name)
        wanted = partitions_of(topic, settings)
        if there is None:
            create.append(topic)
            continue
        if there.partitions != wanted:
            message = f"{topic.name} has {there.partitions} partitions, not {wanted}"
            fix = (
                f"set LAUDSTREAM_PARTITIONS={there.partitions}; P never changes while there is data"
                if not topic.partitions
                else "delete the topic, if nothing needs what is in it, and apply again"
            )
            problems.append(Problem(f"/{topic.name}/partitions", message, fix))
        if there.replication < settings.in_sync:
            message = f"{topic.name} has {there.replication} replicas, and a write would need {settings.in_sync}"
            fix = "move it to more brokers first (kafka-reassign-partitions), or lower LAUDSTREAM_REPLICATION"
            problems.append(Problem(f"/{topic.name}/replication", message, fix))
        wanted_config = config_of(topic, settings)
        differing = {name: value for name, value in wanted_config.items() if there.config.get(name) != value}
        if differing:
            alter[topic.name] = differing
    if problems:
        raise Refused("topics: " + "; ".join(problem.message for problem in problems), tuple(problems))
    return Plan(create, alter)


async def apply_topics(settings: Settings, topics: Iterable[Topic] = TOPICS) -> list[Change]:
    """Make Kafka agree with `topics`; ends when every partition has a leader.

    Raises Refused for another number of partitions or too few replicas (nothing is changed then), Invalid for settings
    that Kafka refuses or that no write could meet,
    Unavailable.
    """
    topics = tuple(topics)
    if settings.in_sync > settings.replication:
        raise Invalid(
            f"LAUDSTREAM_MIN_INSYNC is {settings.in_sync}, more than the {settings.replication} replicas: "
            "nothing could be written; lower it, or raise LAUDSTREAM_REPLICATION"
        )
    async with admin(settings) as client:
        found = await _describe(client, [topic.name for topic in topics])
        todo = plan(topics, found, settings)
        await _create(client, todo.create, settings)
        await _alter(client, todo.alter, found)
        await _wait_for_leaders(client, topics, settings)
    created = {topic.name for topic in todo.create}
    return [_change(topic, created, todo.alter, found, settings) for topic in topics]


def _change(
    topic: Topic,
    created: set[str],
    altered: Mapping[str, dict[str, str]],
    found: Mapping[str, Found],
    settings: Settings,
) -> Change:
    if topic.name in created:
        return Change(topic.name, "created", f"{partitions_of(topic, settings)} partitions")
    if differing := altered.get(topic.name):
        config = found[topic.name].config
        said = ", ".join(f"{name}: {config.get(name, 'unset')} → {value}" for name, value in differing.items())
        return Change(topic.name, "altered", said)
    return Change(topic.name, "unchanged")


async def describe(settings: Settings, topics: Iterable[Topic] = TOPICS) -> dict[str, Found]:
    """Those of `topics` that Kafka has. Raises Unavailable."""
    async with admin(settings) as client:
        return await _describe(client, [topic.name for topic in topics])


async def _describe(client: AIOKafkaAdminClient, names: list[str]) -> dict[str, Found]:
    wanted = set(names)
    there = {row["topic"]: row for row in await client.describe_topics() if row["topic"] in wanted}
    if not there:
        return {}
    configs = await _configs(client, list(there))
    return {name: _found(name, row["partitions"], *configs[name]) for name, row in there.items()}


def _found(name: str, partitions: list[dict[str, Any]], config: dict[str, str], own: dict[str, str]) -> Found:
    leaderless = sum(row["error_code"] != 0 or row["leader"] < 0 for row in partitions)
    replication = min((len(row["replicas"]) for row in partitions), default=0)
    return Found(name, len(partitions), replication, leaderless, config, own)


async def _configs(client: AIOKafkaAdminClient, names: list[str]) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Topic → (settings in effect, settings set for it)."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configs = {}
    for response in await client.describe_configs(resources):
        for code, message, _, name, entries in response.resources:
            _raise(code, f"settings of {name}: {message}")
            effective = {entry[0]: entry[1] for entry in entries}
            configs[name] = effective, {entry[0]: entry[1] for entry in entries if entry[3] == _OF_THE_TOPIC}
    return configs


async def _create(client: AIOKafkaAdminClient, topics: Iterable[Topic], settings: Settings) -> None:
    new = [
        NewTopic(
            topic.name, partitions_of(topic, settings), settings.replication, topic_configs=config_of(topic, settings)
        )
        for topic in topics
    ]
    if not new:
        return
    response = await client.create_topics(new)
    for name, code, message in response.topic_errors:
        _raise(code, f"{name}: {message}")


async def _alter(client: AIOKafkaAdminClient, alter: Mapping[str, dict[str, str]], found: Mapping[str, Found]) -> None:
    """AlterConfigs replaces all that was set for a topic, so what others set there is sent again."""
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, name, {**found[name].own, **differing})
        for name, differing in alter.items()
    ]
    if not resources:
        return
    for response in await client.alter_configs(resources):
        for code, message, _, name in response.resources:
            _raise(code, f"settings of {name}: {message}")


async def _wait_for_leaders(client: AIOKafkaAdminClient, topics: tuple[Topic, ...], settings: Settings) -> None:
    while True:  # until the deadline of `admin`
        there = {row["topic"]: row for row in await client.describe_topics()}
        if all(
            topic.name in there
            and len(there[topic.name]["partitions"]) == partitions_of(topic, settings)
            and all(row["error_code"] == 0 and row["leader"] >= 0 for row in there[topic.name]["partitions"])
            for topic in topics
        ):
            return
        await asyncio.sleep(0.02)


def _raise(code: int, what: str) -> None:
    if code:
        kind = for_code(code)
        error: type[LaudstreamError] = Unavailable if kind.retriable else Invalid
        if code in NOT_ALLOWED:
            raise Refused(f"Kafka: {what}: not allowed; see `laudstream topics rights` ({kind.__name__})")
        raise error(f"Kafka: {what} ({kind.__name__})")


async def group(settings: Settings, name: str, topic: str) -> Group:
    """A consumer group as its coordinator knows it. Raises Unavailable, Refused."""
    async with admin(settings) as client:
        [answer] = await client.describe_consumer_groups([name])
    [(code, _, state, _, _, rows, *_)] = answer.groups
    _raise(code, f"members of the group {name}")
    found = []
    for _, client_id, host, metadata, assignment, *_ in rows:
        given = ConsumerProtocol.ASSIGNMENT.decode(assignment).assignment if assignment else ()
        partitions = sorted(p for of, numbers in given if of == topic for p in numbers)
        said = ConsumerProtocol.METADATA.decode(metadata).user_data if metadata else b""
        found.append(GroupMember(f"{client_id}@{host.lstrip('/')}", tuple(partitions), said or b""))
    return Group(state not in _MOVING, tuple(found))


async def owners(settings: Settings, name: str, topic: str) -> dict[int, str]:
    """Partition of `topic` -> the member of the consumer group that has it, as `client@host`. Raises Unavailable."""
    members = (await group(settings, name, topic)).members
    return {partition: member.name for member in members for partition in member.partitions}
