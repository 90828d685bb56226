"""One input under way: private copies of what it changes, and what comes out of it.

A run that raises goes back to what it was before the input, and everything it had put out is dropped (A6).
Decisions are numbered and get their ids at the end, in the order in which they were made.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import msgspec
from msgspec.structs import replace

from laudstream.conditions import Scope
from laudstream.conditions.tally import Tally
from laudstream.ids import digest
from laudstream.journey.counted import runs_of
from laudstream.journey.customer import ASKING, FAILED, Core, Counted, Customer, Message, Run
from laudstream.journey.decision import Decision
from laudstream.journey.durations import zone_of
from laudstream.journey.handoff import Emitted
from laudstream.journey.identity import Identity
from laudstream.journey.inputs import Effect, Moment, Outcome
from laudstream.journey.live import LiveJourney, Space
from laudstream.journey.origin import FEW, LOW, UNREAD, Origin, lead_of, low
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey
from laudstream.journey.waking import wake_at
from laudstream.journey.write import Write
from laudstream.journey.writing import Base, take_back
from laudstream.messages.request import SendRequest

Told = tuple[dict[str, Any], dict[str, tuple[str, int]], dict[str, tuple[bool, int]]]
"""Attributes, consents and memberships that runs were told of last."""


class Want(msgspec.Struct, frozen=True, order=True, gc=False):
    """A message that a run wants; they compete in this order (R39)."""

    priority: int
    wanted_at: int
    entered_at: int
    run_id: str
    at: int
    late: str = ""
    """Step of a message that was refused late; empty: the message of the present step."""


def by_age(run: Run) -> tuple[int, str]:
    """Present runs go the oldest first, then by id (R21)."""
    return run.entered_at, run.id


class Work(msgspec.Struct, gc=False, eq=False):
    before: Customer
    moment: Moment
    space: Space
    cause: Origin
    workspace: str
    customer: str
    journeys: dict[str, LiveJourney]
    attributes: dict[str, Any]
    recent: bytes
    tallies: dict[str, Tally]
    newest: int
    counted: Counted
    identity: Identity
    core: Core
    """Ours to change; its runs and wake_at are set at the end."""
    runs: list[Run]
    runs_changed: bool = False
    mark: bytes = b""
    silent: bool = False
    """What changes segments is a merge, and fires no entry (R35)."""
    depth: int = 0
    edges: list[tuple[str, str]] = []
    """(segment, enter or leave): changes that fire entries."""
    left: frozenset[str] = frozenset()
    """Segments that the customer left."""
    seen: int = 0
    """Effects that are put into the segments already."""
    lead: str = ""
    """What the ids of this input have in common, once one is made."""
    stem: str = ""
    """Beginning of the ids of its decisions, once there is one."""
    out: list[Effect] = []
    wants: list[Want] = []
    originals: dict[str, Run] = {}
    parked: list[str] = []
    yielded: frozenset[str] = frozenset()
    writes: list[tuple[str, Write]] = []
    """(run, what it wrote)."""
    base: Base | None = None
    told: Told | None = None
    was: dict[str, Any] | None = None
    """The attributes before those that runs are told of."""
    trails: dict[str, tuple[str, ...]] | None = None

    # Runs

    def own(self, run: Run) -> Run:
        """The private copy of a run of this customer."""
        if run.id in self.originals:
            return self.present(run.id) or run
        mine = replace(run)
        self.originals[run.id] = run
        self.runs[self.runs.index(run)] = mine
        self.runs_changed = True
        return mine

    def present(self, run_id: str) -> Run | None:
        for run in self.runs:
            if run.id == run_id:
                return run
        return None

    def begin(self, run: Run) -> None:
        """A run begins; should it fail, it parks where it began."""
        self.originals[run.id] = replace(run)
        if self.runs:
            others = [other for other in self.runs if other.id != run.id]
            self.runs = sorted([*others, run], key=by_age)
        else:
            self.runs = [run]
        self.runs_changed = True

    def take(self, run: Run) -> None:
        """A run of another customer goes on here; should it fail, it parks as it came."""
        self.runs = sorted([*self.runs, run], key=by_age)
        self.runs_changed = True

    def remove(self, run: Run) -> None:
        self.runs = [other for other in self.runs if other.id != run.id]
        self.runs_changed = True

    def park(self, run: Run, error: Exception) -> None:
        """The run goes back to what it was before this input, and parks (A6)."""
        original = self.originals.get(run.id, run)
        dropped = [
            item for item in self.out if isinstance(item, Decision | SendRequest | Emitted) and item.run == run.id
        ]
        take_back(self, run.id)
        self.take_back([item for item in dropped if not isinstance(item, Decision) or item.kind != "entered"])
        self.wants = [want for want in self.wants if want.run_id != run.id]
        failed = replace(original)
        failed.status, failed.wake_at, failed.trail = FAILED, 0, ()
        failed.failure = f"{type(error).__name__}: {error}"[:500]
        others = [other for other in self.runs if other.id != run.id]
        self.runs = sorted([*others, failed], key=by_age)
        self.runs_changed = True
        self.parked.append(run.id)
        self.decide("failed", failed, self.moment.now, reason=Reason.FAILED, data={"error": failed.failure})

    def version_of(self, run: Run) -> tuple[LiveJourney, Journey] | None:
        """The journey and the version of a run; None if the catalogue does not have it."""
        live = self.journeys.get(run.journey)
        version = live.versions.get(run.version) if live is not None else None
        return None if live is None or version is None else (live, version)

    # What conditions and times look at

    def scope(self, run: Run, event: dict[str, Any] | None = None) -> Scope:
        return Scope(self.customer, self.attributes, run.entry, event, run.steps, self, run)

    @property
    def now(self) -> int:
        return self.moment.now

    @property
    def consents(self) -> dict[str, tuple[str, int]]:
        return self.core.consents

    @property
    def memberships(self) -> dict[str, int]:
        return self.core.segments

    def zone_at(self, place: Run | None) -> tzinfo:
        live = self.journeys.get(place.journey) if place is not None else None
        version = live.versions.get(place.version) if live is not None and place is not None else None
        return self.space.zone_of(self.attributes) if version is None else self.zone(version)

    def active_in(self, journey: str) -> bool:
        return any(run.journey == journey and run.status not in (ASKING, FAILED) for run in self.runs)

    def segment_version(self, segment: str) -> int:
        placed = self.space.watch.segments.get(segment)
        return placed.live.version if placed is not None else 0

    def zone(self, version: Journey) -> tzinfo:
        """The customer's zone, else the journey's, else the workspace's (R11)."""
        name = self.attributes.get("timezone")
        return zone_of(name, self.zone_for_all(version)) if name else self.zone_for_all(version)

    def zone_for_all(self, version: Journey) -> tzinfo:
        """The journey's zone, else the workspace's."""
        name = version.settings.time_zone
        return zone_of(name, self.space.workspace.zone) if name else self.space.workspace.zone

    # What comes out

    def decide(
        self,
        kind: str,
        run: Run,
        at: int,
        *,
        to: str = "",
        branch: str = "",
        reason: str = "",
        outcome: str = "",
        data: dict[str, Any] | None = None,
        of: Message | None = None,
    ) -> None:
        """A decision about a run where it stands, or about a message (`of`) of a step that it has left."""
        place, core = run if of is None else of, self.core
        core.decisions = number = core.decisions + 1
        self.out.append(
            Decision(
                (self.stem or self._stem()) + (LOW[number] if number < FEW else low(number)), kind,
                self.workspace, self.customer, at, self.moment.clock, number, run.journey,
                run.version, run.id, place.step, place.visit, to, branch, reason, outcome, {} if data is None else data,
            )
        )  # fmt: skip

    def note(self, kind: str, *, reason: str = "", version: int = 0, data: dict[str, Any]) -> None:
        """A decision about the customer, not about a run."""
        self.core.decisions = number = self.core.decisions + 1
        self.out.append(
            Decision(
                self._id(number), kind, self.workspace, self.customer, self.moment.now, self.moment.clock, number,
                version=version, reason=reason, data=data,
            )
        )  # fmt: skip

    def id_of(self, kind: str, *parts: str | int) -> str:
        """The id of something that this input brings about (A15)."""
        if not self.lead:
            self.lead = lead_of(self.workspace, self.customer, self.moment, self.cause)
        if not parts:
            return digest(f"{kind}\x1f{self.lead}")
        if len(parts) == 1:  # a run of an event
            return digest(f"{kind}\x1f{self.lead}\x1f{parts[0]}")
        return digest("\x1f".join([kind, self.lead, *map(str, parts)]))

    def _id(self, number: int) -> str:
        """Id of a decision: 96 bits of the cause, 32 of the number."""
        return (self.stem or self._stem()) + low(number)

    def _stem(self) -> str:
        self.stem = stem = self.id_of("decision")[:24] if self.moment.ids else UNREAD
        return stem

    def take_back(self, effects: list[Effect]) -> None:
        """Drops effects; what stays is numbered anew, and slots of what is not sent are given back."""
        gone = set(map(id, effects))
        sent = {item.send_id for item in effects if isinstance(item, SendRequest)}
        self.core.slots = (
            tuple(slot for slot in self.core.slots if slot.send_id not in sent) if sent else self.core.slots
        )
        stay = [item for item in self.out if id(item) not in gone]
        self.seen -= sum(id(item) in gone for item in self.out[: self.seen])
        self.core.decisions = self.before.core.decisions
        self.out = []
        for item in stay:
            if isinstance(item, Decision):
                self.core.decisions += 1
                item = replace(item, id=self._id(self.core.decisions), n=self.core.decisions)
            self.out.append(item)

    def write(self, op: str) -> None:
        self.core.writes += 1
        self.out.append(
            Write(self.workspace, self.customer, self.core.writes, op, self.moment.now, born=self.core.row.born)
        )

    def outcome(self) -> Outcome:
        """The customer after the input, and the effects in the order in which they came about."""
        before, core, effects = self.before, self.core, self.out
        if self.runs_changed:
            core.runs, self.counted = tuple(self.runs), ()
        due, until = wake_at(core, core.runs, self.journeys), self.identity.until
        if until and (not due or until < due):
            due = until
        if due != core.wake_at:
            core.wake_at = due
        tallies, counted = self.tallies, self.counted
        if not effects and core == before.core:
            core = before.core
            same = self.recent is before.recent and self.attributes is before.attributes and tallies is before.tallies
            if same and self.identity is before.identity:
                return Outcome(before, effects)  # with the same core it has the same numbers
        return Outcome(
            Customer(
                self.workspace,
                self.customer,
                core,
                self.attributes,
                self.recent,
                tallies,
                self.newest,
                counted,
                self.identity,
            ),
            effects,
            self.parked,
        )


def opened(before: Customer, moment: Moment, space: Space, cause: Origin) -> Work:
    core = before.core
    return Work(
        before, moment, space, cause, before.workspace, before.id, space.journeys, before.attributes, before.recent,
        before.tallies, before.newest, before.counted, before.identity, replace(core),
        runs_of(core, before.counted) if before.counted else list(core.runs),
    )  # fmt: skip
