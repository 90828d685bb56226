"""A transaction of a lane: what goes into it, and what may become of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka.errors import KafkaError

from agents.lanes.wire import TP, Member

Pairs = Sequence[tuple[Any, ...]]  # (key, value), or all of them (key, value, headers)
Writes = Mapping[TP, tuple[int, Pairs]]  # with the timestamp of the records


class GroupOffsets(NamedTuple):
    """Offsets that go into the transaction; `member` is the fence."""

    member: Member
    offsets: Mapping[TP, tuple[int, str]]


class TxnError(KafkaError): ...


class Aborted(TxnError):
    """It did not happen; the producer is ready for the next one."""


class Unreachable(Aborted):
    """It did not happen, because Kafka could not take it in time, or may not from us: try the same again later."""


class Fenced(TxnError):
    """It did not happen; another producer has our id."""


class OutOfGroup(TxnError):
    """It did not happen; the group has moved on without us."""


class OutcomeUnknown(TxnError):
    """It may or may not have happened: read the changelog before you go on."""
