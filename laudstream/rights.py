"""Who needs which rights in Kafka, as data (ACLs; docs/security-kafka.md).

A role is what one user of Kafka does: a process of ours, Kafka Connect, or a person at the command line. Read, Write,
Delete and Alter imply Describe, and AlterConfigs implies DescribeConfigs, so those are not said beside them. Nobody
needs a right on the cluster: who may write to a topic may have an idempotent producer (KIP-679).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from laudstream import topics
from laudstream.settings import Settings

TOPIC, GROUP, TRANSACTIONAL_ID = "topic", "group", "transactional-id"
OPERATIONS = {
    "Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8, "DescribeConfigs": 10,
    "AlterConfigs": 11,
}  # fmt: skip
"""Of Kafka (AclOperation), with their numbers on the wire."""
SENDING = ("email", "webhook")
"""Channels that have senders."""
CONNECT_GROUP = "laudstream-connect"
CONNECT_TOPICS = ("_connect_config", "_connect_offset", "_connect_status")
"""As in the configuration of Connect."""
HEARTBEATS = ("__debezium-heartbeat.laudstream", "laudstream.public.heartbeat")


class Right(NamedTuple):
    resource: str
    """topic, group or transactional-id."""
    name: str
    operation: str
    prefix: bool = False
    """On all whose names begin with it."""

    def __str__(self) -> str:
        return f"{self.operation} on {self.resource} {self.name}{'*' if self.prefix else ''}"


def _on(resource: str, names: Iterable[str], *operations: str, prefix: bool = False) -> list[Right]:
    return [Right(resource, name, operation, prefix) for name in names for operation in operations]


def roles(settings: Settings) -> dict[str, tuple[Right, ...]]:
    """Role → its rights, each once."""
    found = {
        "api": _on(TOPIC, (topics.EVENTS,), "Write"),
        "journeys": _journeys(settings.app_id),
        "senders": [
            *_on(GROUP, ("laudstream-senders",), "Read", prefix=True),  # senders of some channels have one of their own
            *_on(TOPIC, (topics.send_topic(one, bulk=bulk) for one in SENDING for bulk in (False, True)), "Read"),
            *_on(TOPIC, (topics.DEFINITIONS,), "Read"),
            *_on(TOPIC, (topics.DELIVERIES,), "Write"),
        ],
        "projector": [
            *_on(GROUP, ("laudstream-projector",), "Read"),
            *_on(TOPIC, (topics.DECISIONS, topics.DELIVERIES, topics.WRITES, topics.DEAD_LETTERS), "Read"),
            # the control agent; Read: who writes in transactions looks what an older one left open (DescribeProducers)
            *_on(TRANSACTIONAL_ID, ("laudstream-control",), "Write"),
            *_on(TOPIC, (topics.CONTROL, topics.DEFINITIONS), "Read", "Write"),
        ],
        "connect": [
            *_on(GROUP, (CONNECT_GROUP,), "Read"),
            *_on(TOPIC, CONNECT_TOPICS, "Read", "Write", "Create"),
            *_on(TOPIC, (topics.ROWS,), "Write"),
            *_on(TOPIC, HEARTBEATS, "Write", "Create"),
        ],
        "admin": _on(TOPIC, (topic.name for topic in topics.TOPICS), "Create", "Describe", "AlterConfigs"),
        "operator": _operator(settings.app_id),
    }
    return {role: tuple(dict.fromkeys(rights)) for role, rights in found.items()}


MEANINGS: Mapping[str, str] = {
    "api": "laudstream api",
    "journeys": "laudstream worker journeys",
    "senders": "laudstream worker senders",
    "projector": "laudstream worker projector",
    "connect": "Kafka Connect with the Debezium connector",
    "admin": "laudstream topics apply, topics list, doctor",
    "operator": "laudstream lanes, dead-letters, replay, upgrade",
}


def _journeys(group: str) -> list[Right]:
    return [
        *_on(GROUP, (group,), "Read"),
        *_on(TRANSACTIONAL_ID, (f"{group}-",), "Write", prefix=True),  # its own, and those that it fences
        *_on(TOPIC, (*topics.LANE_INPUTS, topics.DEFINITIONS), "Read"),
        *_on(TOPIC, topics.LANE_OUTPUTS, "Read", "Write"),  # Read: DescribeProducers, and STATE is restored
    ]


def _operator(group: str) -> list[Right]:
    read = (*topics.LANE_INPUTS, topics.STATE, topics.JOURNAL, topics.DEFINITIONS, topics.DEAD_LETTERS)
    return [
        *_on(TOPIC, read, "Read"),
        *_on(TOPIC, (topics.DECISIONS, topics.WRITES), "Describe"),  # with the rest of the topics of lanes
        *_on(TOPIC, (*topics.LANE_INPUTS, topics.DEAD_LETTERS), "Write"),  # dead-letters retry, drop
        *_on(GROUP, (group,), "Read"),  # lanes; with the rest: lanes skip
        *_on(TRANSACTIONAL_ID, (f"{group}-skip",), "Write"),
        *_on(TOPIC, (topics.STATE, topics.JOURNAL), "Write"),
    ]


def commands(rights: Iterable[Right], user: str, kafka: str, action: str = "--add") -> list[str]:
    """kafka-acls.sh commands that give these rights to a user: one for all resources of a kind with the same
    operations."""
    alike: dict[tuple[str, str, bool], list[str]] = {}
    for right in rights:
        alike.setdefault((right.resource, right.name, right.prefix), []).append(right.operation)
    grouped: dict[tuple[str, bool, tuple[str, ...]], list[str]] = {}
    for (resource, name, prefix), found in alike.items():
        grouped.setdefault((resource, prefix, tuple(sorted(found))), []).append(name)
    start: list[str] = ["kafka-acls.sh", "--bootstrap-server", kafka, "--command-config", "admin.properties", action]
    made = []
    for (resource, prefix, operations), names in grouped.items():
        words: list[str] = [*start, "--allow-principal", principal(user)]
        for operation in operations:
            words += "--operation", operation
        words += ["--resource-pattern-type", "prefixed"] if prefix else []
        for name in names:
            words += f"--{resource}", name
        made.append(shlex.join(words))
    return made


def principal(user: str) -> str:
    """`User:…`, also for the name in a client's certificate (`CN=…`)."""
    return user if user.startswith("User:") else f"User:{user}"
