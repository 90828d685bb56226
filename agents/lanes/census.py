"""A slice of a census: asks customers whether its condition holds, and counts (A10)."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from typing import Any

from msgspec.structs import asdict

from agents.lanes.crowd import Crowd
from agents.lanes.sweep import Sweep
from laudstream.conditions import Condition, Scope
from laudstream.conditions.tally import Happened
from laudstream.journey.census import SAMPLE, Count, Sampled, Told, is_counted, mark_of, shown
from laudstream.journey.customer import Customer
from laudstream.journey.live import NOTHING
from laudstream.journey.preview import Question

EVENTS_A_SLICE = 2_000
"""Kept events that are read for a slice; then it ends, though there may be customers left in it."""


class Census:
    """`now`: time of the lane, ms."""

    def __init__(self, sweep: Sweep, condition: Condition, crowd: Crowd, now: int) -> None:
        self._sweep, self._crowd, self._now = sweep, crowd, now
        self._space = crowd.catalog.spaces.get(sweep.workspace, NOTHING)
        self._question = Question(condition, self._space)
        count = sweep.count
        self._looked_at, self._matching, self._failed = count.looked_at, count.matching, count.failed
        self._sample = list(count.sample)
        self._read = 0

    @property
    def full(self) -> bool:
        """Whether the slice has read enough."""
        return self._read >= EVENTS_A_SLICE

    @property
    def count(self) -> Count:
        return Count(self._looked_at, self._matching, self._failed, tuple(self._sample))

    def ask(self, key: bytes) -> None:
        """One more customer; it is loaded, and nothing that control asked for waits for it."""
        customer = self._crowd.now[key]
        if not is_counted(customer):
            return
        self._looked_at += 1
        try:
            holds = self._question.condition.test(self._scope(customer))
        except MemoryError:
            raise
        except Exception:  # a value that the condition was not made for: it is in no such segment (A6)
            self._failed += 1
            return
        if holds:
            self._matching += 1
            self._note(mark_of(self._sweep.seq, customer.id), customer.id)

    def _scope(self, customer: Customer) -> Scope:
        return self._question.scope(customer, self._happened(customer), self._now)

    def _happened(self, customer: Customer) -> Sequence[Happened]:
        names, horizon = self._question.events, self._space.horizon_ms
        if not names or not horizon or not customer.newest:
            return ()
        happened = self._crowd.history.happened(customer.newest, self._now - horizon)
        self._read += len(happened)
        return [event for event in happened if event.name in names]

    def _note(self, mark: bytes, id: str) -> None:
        sample = self._sample
        if len(sample) < SAMPLE or mark < sample[-1][0]:
            insort(sample, (mark, id))
            del sample[SAMPLE:]

    def told(self, partition: int) -> dict[str, Any]:
        """What the decision says (`Told`) when all customers of the lane are counted. Of the sample those are named who
        are still there and match."""
        sweep, question = self._sweep, self._question
        keys = {sweep.prefix + id.encode(): mark for mark, id in self._sample}
        self._crowd.load(keys)
        sample = []
        for key, mark in keys.items():
            customer = self._crowd.now[key]
            if not is_counted(customer):
                continue
            try:
                scope = self._scope(customer)
                if question.condition.test(scope):
                    looked_at = shown(question.condition.looked_at(scope))
                    sample.append(Sampled(mark.hex(), customer.id, looked_at))
            except MemoryError:
                raise
            except Exception:  # noqa: S112 - it matched, and the row that came since does not fit the condition
                continue
        told = Told(
            sweep.seq, partition, sweep.census, self._looked_at, self._matching, self._failed, question.unseen, sample
        )
        return asdict(told)
