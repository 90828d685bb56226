"""All topics, as data. `laudstream topics apply` makes Kafka agree with this page.

Customer-keyed topics have the same number of partitions P and the same key (`workspace:customer`,
murmur2), so that partition p of each holds the same customers.
"""

from __future__ import annotations

from typing import NamedTuple

DAY_MS = 86_400_000
MB = 1 << 20

CONTROL = "laudstream.control"
ROWS = "laudstream.rows"
HANDOFFS = "laudstream.handoffs"
DELIVERIES = "laudstream.deliveries"
EVENTS = "laudstream.events"
STATE = "laudstream.state"
JOURNAL = "laudstream.journal"
DECISIONS = "laudstream.decisions"
WRITES = "laudstream.writes"
DEFINITIONS = "laudstream.definitions"
DEAD_LETTERS = "laudstream.dead_letters"

CHANNELS = ("email", "sms", "push", "webhook", "slack", "in_app")

LANE_INPUTS = (CONTROL, ROWS, HANDOFFS, DELIVERIES, EVENTS)
"""Inputs of a lane, in the order of their rank: control first, at the same instant rows before events."""


def send_topic(channel: str, *, bulk: bool) -> str:
    """Topic of the send requests of a channel: `.now` for transactional, `.bulk` for marketing."""
    return f"laudstream.send.{channel}.{'bulk' if bulk else 'now'}"


LANE_OUTPUTS = (
    STATE, JOURNAL, DECISIONS, WRITES, HANDOFFS, DEAD_LETTERS,
    *(send_topic(channel, bulk=bulk) for channel in CHANNELS for bulk in (False, True)),
)  # fmt: skip
"""What a round may write to."""


class Topic(NamedTuple):
    name: str
    retention_ms: int  # -1: for ever
    partitions: int = 0  # 0: P of the installation
    compacted: bool = False
    extra: tuple[tuple[str, str], ...] = ()

    def config(self) -> dict[str, str]:
        """Topic settings for Kafka. Times are the broker's (`LogAppendTime`): lane time is made of them."""
        policy = "compact" if self.compacted else "delete"
        return {
            "message.timestamp.type": "LogAppendTime",
            "cleanup.policy": policy,
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(10 * MB),
            **dict(self.extra),
        }


_COMPACTION = (
    ("segment.bytes", str(64 * MB)),
    ("max.compaction.lag.ms", str(30 * 60_000)),
    ("delete.retention.ms", str(7 * DAY_MS)),
)

TOPICS: tuple[Topic, ...] = (
    Topic(CONTROL, -1),
    Topic(ROWS, 30 * DAY_MS),
    Topic(HANDOFFS, 30 * DAY_MS),
    Topic(DELIVERIES, 30 * DAY_MS),
    Topic(EVENTS, 30 * DAY_MS),
    Topic(STATE, -1, compacted=True, extra=_COMPACTION),
    Topic(JOURNAL, 14 * DAY_MS),
    Topic(DECISIONS, 30 * DAY_MS),
    Topic(WRITES, 30 * DAY_MS),
    Topic(DEFINITIONS, -1, partitions=1, compacted=True, extra=_COMPACTION),
    Topic(DEAD_LETTERS, 30 * DAY_MS),
    *(Topic(send_topic(channel, bulk=bulk), 7 * DAY_MS) for channel in CHANNELS for bulk in (False, True)),
)
