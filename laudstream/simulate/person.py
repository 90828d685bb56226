"""One customer of a virtual world: the state that a lane keeps, and the row that PostgreSQL keeps."""

from __future__ import annotations

from typing import Any

from laudstream.customers.row import Row
from laudstream.errors import Broken
from laudstream.journey.codec import empty
from laudstream.journey.customer import Customer, Pending
from laudstream.journey.write import OPS, Write
from laudstream.journey.writing import over


class Person:
    __slots__ = ("attributes", "born", "created_at", "customer", "hint", "merges", "writes")

    def __init__(self, workspace: str, id: str) -> None:
        self.customer: Customer = empty(workspace, id)
        self.hint = 0
        """Earliest instant (ms) for which its timer is noted; 0: none is."""
        self.attributes: dict[str, Any] = {}
        self.born = 0
        """Number of the insert of its row; 0: there is no row."""
        self.created_at = 0
        self.writes = 0
        """Number of the last write of the lane that the row contains (A19)."""

        self.merges = 0
        """How many others were merged into it (R50)."""

    def upsert(self, attributes: dict[str, Any], revision: int, at: int) -> Row:
        """Merges attributes into the row, as an identify does; the row as it is then (A17)."""
        if not self.born:
            self.born, self.created_at = revision, at
        self.attributes = {**self.attributes, **attributes}
        return self.row(revision)

    def row(self, revision: int) -> Row:
        return Row(self.born, revision, self.attributes, self.created_at, False, self.writes, merges=self.merges)

    def carry_out(self, write: Write, revision: int, at: int) -> Row | None:
        """A write of the lane, as the projector carries it out; the row that comes back. None: it changes nothing,
        since it is meant for another life of the row (A19). Raises Broken for an op that is not known here."""
        if write.op not in OPS:
            raise Broken(f"the virtual world does not know the write {write.op!r}: add it to simulate/person.py")
        if write.born not in (0, self.born):
            return None
        if not self.born:
            self.born, self.created_at = revision, at
        self.attributes = over(self.attributes, Pending(write.number, write.op, write.attributes, tuple(write.names)))
        self.writes = max(self.writes, write.number)
        return self.row(revision)

    def delete(self, revision: int, at: int) -> Row | None:
        """Deletes the row; what the lane is told of it, None: there was none (R15)."""
        if not self.born:
            return None
        gone = Row(self.born, revision, {}, self.created_at, deleted=True, at=at)
        self.clear()
        return gone

    def clear(self) -> None:
        """There is no row any more."""
        self.attributes, self.born, self.created_at, self.writes, self.merges = {}, 0, 0, 0, 0
