"""How the last transactions of a producer were decided: so it ends, after a broker was lost, what Kafka did not end
everywhere."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from agents.lanes.wire import TP


class _Decision(NamedTuple):
    epoch: int
    """Of the transaction: each has its own."""
    how: bool | None
    """Committed or aborted; None: not known yet."""


class Decided:
    def __init__(self, group: str | None) -> None:
        self.group = group
        """Whose offsets were in the last transaction that had any."""
        self.offsets: bool | None = None
        """How that was decided; None: not known."""
        self.taken = False
        """Whether the group has the offsets of the transaction under way."""
        self._last: dict[TP, _Decision] = {}
        self._older: dict[TP, _Decision] = {}  # of the one before, where the last one was given up

    @property
    def partitions(self) -> Collection[TP]:
        """Where there were transactions."""
        return self._last

    def note(self, tps: Collection[TP], group: str | None, epoch: int, how: bool | None) -> None:
        """A transaction of these partitions, with offsets of that group, was decided; None: it is about to be."""
        self._last.update(dict.fromkeys(tps, _Decision(epoch, how)))
        if group is not None:
            self.group, self.offsets = group, how

    def give_up(self, tps: Collection[TP], group: str | None, epoch: int) -> None:
        """It did not get everywhere: where it did not, the one before it may be open still."""
        self._older.update({tp: one for tp in tps if (one := self._last.get(tp)) is not None and one.how})
        keep = self.offsets is True and not self.taken
        self.note(tps, group, epoch, False)
        if keep:
            self.offsets = True

    def learn(self, happened: bool) -> None:
        """How those were decided of which it was not known."""
        self._last = {tp: one._replace(how=happened) if one.how is None else one for tp, one in self._last.items()}
        if self.offsets is None:
            self.offsets = happened

    def how(self, tp: TP, epoch: int) -> bool | None:
        """What is open there was written in this epoch: a transaction that was given up before it came as far must not
        decide for the one before it."""
        older = self._older.get(tp)
        return older.how if older is not None and older.epoch == epoch else self._last[tp].how

    def clear(self) -> None:
        """All of them have ended everywhere."""
        self._last.clear()
        self._older.clear()
        self.offsets = None
