"""Topics on a real Kafka."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from laudstream.errors import Invalid, Refused, Unavailable
from laudstream.kafka_admin import Found, apply_topics, config_of, describe, plan
from laudstream.local.ports import free_base
from laudstream.local.stack import Stack
from laudstream.settings import Settings
from laudstream.topics import LANE_INPUTS, STATE, TOPICS, Topic
from tests.integration.kit import wait_until

_names = (f"test.topic{n}" for n in itertools.count(1))


@pytest.fixture
def name() -> str:
    return next(_names)


async def changes(settings: Settings, *topics: Topic) -> list[str]:
    return [change.change for change in await apply_topics(settings, topics)]


async def test_all_topics_are_made_as_declared_and_the_second_time_nothing_changes(servers: Stack) -> None:
    settings = msgspec.structs.replace(servers.settings, partitions=2)
    assert set(await changes(settings, *TOPICS)) == {"created"}
    assert set(await changes(settings, *TOPICS)) == {"unchanged"}
    found = await describe(settings)
    assert {found[name].partitions for name in (*LANE_INPUTS, STATE)} == {2}
    assert found[STATE].config["cleanup.policy"] == "compact"
    assert {topic.config["message.timestamp.type"] for topic in found.values()} == {"LogAppendTime"}


async def test_settings_that_differ_are_set_and_those_of_others_stay(servers: Stack, name: str) -> None:
    others = Topic(name, 1000, extra=(("min.cleanable.dirty.ratio", "0.11"),))
    assert await changes(servers.settings, others) == ["created"]
    change = (await apply_topics(servers.settings, (Topic(name, 2000),)))[0]
    assert (change.change, change.detail) == ("altered", "retention.ms: 1000 → 2000")

    async def kept() -> bool:
        config = (await describe(servers.settings, (others,)))[name].config
        return (config["retention.ms"], config["min.cleanable.dirty.ratio"]) == ("2000", "0.11")

    await wait_until(kept, what="the broker has what its controller took")


async def test_another_number_of_partitions_is_refused_and_nothing_is_changed(servers: Stack, name: str) -> None:
    settings = msgspec.structs.replace(servers.settings, partitions=3)
    await apply_topics(settings, (Topic(name, 1000),))
    new = next(_names)
    with pytest.raises(Refused, match=f"{name} has 3 partitions, not 4") as raised:
        await apply_topics(msgspec.structs.replace(settings, partitions=4), (Topic(new, 1000), Topic(name, 5000)))
    assert "LAUDSTREAM_PARTITIONS=3" in raised.value.problems[0].fix
    found = await describe(settings, (Topic(new, 1000), Topic(name, 1000)))
    assert list(found) == [name]
    assert found[name].config["retention.ms"] == "1000"


async def test_what_kafka_refuses_is_said(servers: Stack, name: str) -> None:
    with pytest.raises(Invalid, match=r"cleanup.policy|retention"):
        await apply_topics(servers.settings, (Topic(name, 1000, extra=(("cleanup.policy", "burn"),)),))


async def test_no_kafka_is_unavailable(servers: Stack) -> None:
    with pytest.raises(Unavailable, match="Kafka does not answer"):
        await describe(msgspec.structs.replace(servers.settings, kafka=f"127.0.0.1:{free_base() + 1}"))


@pytest.mark.parametrize(("replication", "min_insync", "in_sync"), [(1, 0, 1), (2, 0, 1), (3, 0, 2), (3, 1, 1)])
def test_a_write_needs_one_replica_fewer_than_there_are_unless_told_otherwise(
    replication: int, min_insync: int, in_sync: int
) -> None:
    settings = Settings(replication=replication, min_insync=min_insync)
    config = config_of(TOPICS[0], settings)
    assert (settings.in_sync, config["min.insync.replicas"]) == (in_sync, str(in_sync))
    assert TOPICS[0].config().items() <= config.items()


def test_a_topic_that_nobody_could_write_to_any_more_is_refused() -> None:
    settings = Settings(partitions=2, replication=3)
    found = Found("t", 2, 1, 0, {}, {})
    with pytest.raises(Refused, match="t has 1 replicas, and a write would need 2") as raised:
        plan([Topic("t", 1000)], {"t": found}, settings)
    assert "kafka-reassign-partitions" in raised.value.problems[0].fix
    changes = plan([Topic("t", 1000)], {"t": found._replace(replication=2)}, settings)
    assert changes.alter["t"]["min.insync.replicas"] == "2"


async def test_more_replicas_for_a_write_than_there_are_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(Invalid, match="LAUDSTREAM_MIN_INSYNC is 3, more than the 2 replicas"):
        await apply_topics(Settings(replication=2, min_insync=3))
