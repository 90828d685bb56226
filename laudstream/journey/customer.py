"""The state of one customer in a lane: what journeys remember.

Everything here is replaced, never changed, once `advance` has returned it: `after.core is before.core` means
that nothing in it changed. Structs are arrays on the wire; new fields go to the end and have defaults, so that
old records stay readable.
"""

from __future__ import annotations

from typing import Any

import msgspec

from laudstream.conditions.tally import Tally
from laudstream.journey.identity import ALONE, Identity

ACTIVE = "active"
"""Stands at a delay or a wait, or has more steps to take in the next round."""
REQUESTED = "requested"
"""Stands at a message and waits for its delivery (R38)."""
DEFERRED = "deferred"
"""Stands at a message that quiet hours or a cap hold back (R39)."""
ASKING = "asking"
"""Wants one of a fixed number of places, and stands at no step until it has it (R55)."""
HOLDING = "holding"
"""Stands at an experiment: it asks for one of the first places of its arm, or waits for the winner (R45)."""
FAILED = "failed"
"""Parked by an error (A6); only stop and deletion end it."""

Counted = tuple[tuple[str, tuple[int, ...]], ...]
"""(run, its `progress`) of runs that have counted since the core was written last."""

_unpack = msgspec.msgpack.Decoder(dict[str, Any]).decode


class RowState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of the customer's row (A16)."""

    born: int = 0
    """0: no row seen yet."""
    revision: int = 0
    created_at: int = 0
    gone_at: int = 0
    """ms; the customer was deleted then, and inputs received up to then change nothing (R54)."""
    before: int = 0
    """Revision at which the life before ended (R15); 0: there was none."""

    @property
    def life(self) -> int:
        """What tells this life from others: the birth of its row; while there is none yet, minus `before`."""
        return self.born or -self.before


class Pending(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A write whose row has not come back yet (A19)."""

    number: int
    op: str
    attributes: dict[str, Any] = {}
    names: tuple[str, ...] = ()


class Entered(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The input that started a run: `entry.*` (R25)."""

    name: str
    packed: msgspec.Raw
    """Its properties as msgpack: few inputs of a run read them, and all are written again."""
    at: int
    mark: bytes = b""
    """Fingerprint of its id: it is used up (R22)."""
    by: str = ""
    """Empty: an event, or of old records an audience; audience, date or api: what else it was."""

    @property
    def properties(self) -> dict[str, Any]:
        return _unpack(self.packed)


class Held(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A branch that was satisfied while the journey was paused (R49)."""

    branch: str
    to: str
    data: dict[str, Any] = {}
    event: dict[str, Any] | None = None
    mark: bytes = b""


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An input that came while a run was asking for its place (R55), or before it came to a wait that looks back."""

    name: str
    packed: msgspec.Raw
    timestamp: int
    at: int
    mark: bytes
    kind: str = ""
    """Empty: an event; else what `laudstream.journey.past` says."""

    @property
    def properties(self) -> dict[str, Any]:
        return _unpack(self.packed)


class Aim(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The goal of a run that has ended, until its window ends (R47)."""

    run: str
    journey: str
    version: int
    entered_at: int
    until: int
    """ms; what happens then is too late."""
    step: str = ""
    visit: int = 0
    """Where the run ended."""
    key: str = ""
    key_name: str = ""
    mark: bytes = b""
    """Of the input that started it."""
    arms: dict[str, str] = {}


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A message of a run: the last one of its step (A20)."""

    step: str
    visit: int
    attempt: int
    state: str
    """wanted, requested, sent, refused, failed or unknown; late: refused late, and decided again at `due`."""
    wanted_at: int = 0
    """When it was first wanted, ms."""
    due: int = 0


class Slot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A message that caps count (R41)."""

    send_id: str
    at: int
    """send_before until the delivery gives the true time, ms."""
    open: bool
    channel: str
    message_class: str
    journey: str
    tags: tuple[str, ...] = ()


class Run(msgspec.Struct, array_like=True, gc=False):
    """One passage through one version. `advance` works on its own copy and hands it out when it is done."""

    id: str
    journey: str
    version: int
    entered_at: int
    entry: Entered
    step: str
    key: str = ""
    """Value of the key (R24); empty: none."""
    key_name: str = ""
    """Property of the entry event that held the key."""
    visit: int = 0
    """Number of the stay among all stays of this run: 1, 2, 3, …"""
    arrived_at: int = 0
    wake_at: int = 0
    """When its timer is due, ms; 0: it waits for an input only."""
    status: str = ACTIVE
    attempt: int = 0
    """Of the message at the present step."""
    wanted_at: int = 0
    """When the message at the present step was first wanted, ms."""
    progress: tuple[int, ...] = ()
    """Inputs counted for each branch of the present wait (R28), unless `Customer.counted` has newer numbers."""
    steps: dict[str, dict[str, Any]] = {}
    """`steps.<id>`: {"event": properties of what ended that wait} (R25)."""
    messages: tuple[Message, ...] = ()
    used: tuple[tuple[str, bytes], ...] = ()
    """(step, fingerprint) of inputs that ended a wait (R28)."""
    held: Held | None = None
    trail: tuple[str, ...] = ()
    """Steps come to since an input was used or a timer fired (R51); empty while the run rests."""
    late_at: int = 0
    """Earliest `due` of a late message, ms; 0: none."""
    failure: str = ""
    size: int = 0
    """Bytes of entry and steps, as far as limits are concerned."""
    kept: tuple[Kept, ...] = ()
    granted: bool = False
    """It has its place, and begins as soon as its journey moves."""
    past: tuple[Kept, ...] = ()
    """Inputs for waits that look back (R27)."""
    goal_until: int = 0
    """When the window of its goal ends, ms; 0: it has none, or has reached it."""
    arms: dict[str, str] = {}
    """Experiment step -> arm that the run passed."""
    look_at: int = 0
    """When a condition of its wait or its exits can change by time alone, ms; 0: never."""

    @property
    def due(self) -> int:
        """Its earliest timer, ms; 0: none."""
        return min(self.wake_at, self.late_at) if self.wake_at and self.late_at else self.wake_at or self.late_at


class Alarm(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a customer is armed for by an entry on time (R33, R36)."""

    value: Any
    """The date, as the attribute has it; None: an occurrence of an audience."""
    number: int
    """Of the occurrence that comes next."""
    due: int
    """ms; 0: there is none to come."""


class Core(msgspec.Struct, array_like=True, gc=False):
    """`advance` works on its own copy and hands it out when it is done."""

    row: RowState = RowState()
    decisions: int = 0
    """Number of the last decision."""
    writes: int = 0
    """Number of the last write."""
    wake_at: int = 0
    """Earliest due time of a run that may move, or of an alarm, ms; 0: none."""
    runs: tuple[Run, ...] = ()
    """Oldest first."""
    memory: dict[str, dict[str, int]] = {}
    """journey -> key -> start of the last run, ms (R23)."""
    assignments: dict[str, str] = {}
    """experiment -> arm (R45)."""
    slots: tuple[Slot, ...] = ()
    consents: dict[str, tuple[str, int]] = {}
    """channel/subscription -> (status, revision)."""
    suppressions: dict[str, tuple[str, int]] = {}
    """channel -> (reason, revision)."""
    pending: tuple[Pending, ...] = ()
    swept: dict[str, int] = {}
    """journey -> control record of the audience that this customer was looked at for (R36, A10)."""
    members: dict[str, tuple[bool, int]] = {}
    """manual segment -> (member, revision)."""
    goals: tuple[Aim, ...] = ()
    """Of runs that have ended."""
    alarms: dict[str, Alarm] = {}
    """journey/number of a date entry, or journey/audience -> what comes next."""
    segments: dict[str, int] = {}
    """Segments that the customer is in -> since when, ms."""
    ticks: dict[str, int] = {}
    """Segments that can change by time alone -> when, ms."""
    judged: int = 0
    """Control record of the last change of a segment that this customer was looked at for (R35)."""


class Customer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    workspace: str
    id: str
    core: Core
    attributes: dict[str, Any]
    recent: bytes
    """Packed ids of inputs, see `laudstream.customers.recent`."""
    tallies: dict[str, Tally] = {}
    """By query or tracker, see `laudstream.conditions.tally`."""
    newest: int = 0
    """Number of the last event of the customer that the lane keeps; 0: none. The core only hands it on."""
    counted: Counted = ()
    identity: Identity = ALONE
