"""What workers tell of themselves stands beside them in the group, also after a restart of a static member (A14)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor.partition_assignor import PartitionAssignor

from agents.journeys import JourneyApp
from agents.lanes.telling import Assignor
from laudstream import kafka_admin
from laudstream.records import head as heads
from laudstream.records import levels
from laudstream.records.levels import LEAST, Levels
from laudstream.settings import Settings


def tell(consumer: AIOKafkaConsumer, said: bytes) -> None:
    """Before it starts: what stands as user data in its subscription."""

    class Telling(RoundRobinPartitionAssignor):
        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(cls.version, list(topics), said)

    consumer._partition_assignment_strategy = (Telling,)


TOPIC, GROUP, PARTITIONS = "told", "telling", 4
Until = Callable[..., Awaitable[None]]
Make = Callable[..., Awaitable[AIOKafkaConsumer]]


@pytest.fixture
async def make(kafka: Any) -> AsyncIterator[Make]:
    """A member of the group that tells something, or nothing."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])
    consumers: list[AIOKafkaConsumer] = []

    async def made(said: bytes, client: str, instance: str | None = None) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            TOPIC, bootstrap_servers=kafka.address, group_id=GROUP, client_id=client, group_instance_id=instance,
            session_timeout_ms=10_000, heartbeat_interval_ms=300, enable_auto_commit=False,
        )  # fmt: skip
        tell(consumer, said)
        await consumer.start()
        consumers.append(consumer)
        return consumer

    yield made
    for consumer in consumers:
        await consumer.stop()
    await admin.delete_topics([TOPIC])
    await admin.close()


async def test_members_that_tell_and_one_that_does_not_share_a_topic_and_each_is_heard(
    kafka: Any, make: Make, until: Until
) -> None:
    settings = Settings(kafka=kafka.address)
    await make(b"", "old")
    await make(b"new", "new")
    still = await make(b"first", "still-1", "one")

    async def shared() -> bool:
        group = await kafka_admin.group(settings, GROUP, TOPIC)
        taken = sorted(p for member in group.members for p in member.partitions)
        return group.settled and taken == [*range(PARTITIONS)] and len(group.members) == 3

    await until(shared)
    found = {m.name.partition("@")[0]: m for m in (await kafka_admin.group(settings, GROUP, TOPIC)).members}
    assert {name: member.user_data for name, member in found.items()} == {
        "old": b"",
        "new": b"new",
        "still-1": b"first",
    }
    assert all(member.partitions for member in found.values())
    owned = await kafka_admin.owners(settings, GROUP, TOPIC)
    assert owned == {p: member.name for member in found.values() for p in member.partitions}

    await _killed(still)
    await make(b"second", "still-2", "one")

    async def heard() -> bool:
        group = await kafka_admin.group(settings, GROUP, TOPIC)
        return group.settled and {m.user_data for m in group.members} == {b"", b"new", b"second"}

    await until(heard)


async def _killed(consumer: AIOKafkaConsumer) -> None:
    """It says no word to the group: a static member that starts again in time has what it had."""
    coordinator = consumer._coordinator
    coordinator._maybe_leave_group = _silent
    await consumer.stop()


async def _silent() -> None:
    return None


async def test_a_group_that_nobody_is_in_is_settled_and_empty(kafka: Any) -> None:
    group = await kafka_admin.group(Settings(kafka=kafka.address), "nobody", TOPIC)
    assert group == kafka_admin.Group(True, ())


def test_a_journey_worker_tells_the_numbers_that_it_knows_and_faust_passes_over_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader of the group may be of a release that tells nothing."""
    monkeypatch.setattr(heads, "CORE_LEVEL", 2)
    app = JourneyApp(Settings(data_dir=str(tmp_path)))
    assert isinstance(app.assignor, Assignor)
    made, plain = app.assignor.metadata({TOPIC}), PartitionAssignor.metadata(app.assignor, {TOPIC})
    assert (levels.heard(made.user_data), levels.heard(plain.user_data)) == (levels.newest(), LEAST)
    assert levels.newest() != LEAST
    assert (made.version, made.subscription) == (plain.version, plain.subscription)
    read = [PartitionAssignor._get_client_metadata(each).to_representation() for each in (made, plain)]
    assert read[0] == read[1]


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (b"", LEAST),
        (b"\xff", LEAST),
        (b"[]", LEAST),
        (b'{"laudstream":[2]}', LEAST),
        (b'{"laudstream":{"core_level":2,"state_format":3,"of_a_later_release":[4]}}', Levels(2, 3)),
        (b'{"laudstream":{"state_format":3},"core_level":2}', Levels(1, 3)),
        (b'{"laudstream":{"core_level":"2"}}', LEAST),
    ],
)
def test_what_is_not_said_is_the_first_number(said: bytes, known: Levels) -> None:
    assert levels.heard(said) == known
