"""What a control record makes of the status of its definition (A5, A9, R7, R48, R49)."""

from __future__ import annotations

from msgspec.structs import replace

from laudstream.journey.control import Control
from laudstream.journey.live import DELETED, DRAINING, GONE, LIVE, PAUSED, STOPPED, TRIAL, WITHDRAWN, Status
from laudstream.journey.signals import SIGNAL

DAY_MS = 86_400_000


def after(before: Status | None, control: Control, at: int, asks: bool) -> Status:
    """The status after a record that was appended `at` (ms). `asks`: the version has entries that each customer is
    looked at for."""
    if control.kind == SIGNAL:
        return _sent(before, control, at)
    status = control.status
    if before is None:
        before = Status(DELETED, control.version)
    published, audience = before.published, before.audience
    if status in (TRIAL, WITHDRAWN):
        return _beside(before, control, at)
    if status in (LIVE, PAUSED, DRAINING):
        known = dict(published)
        if control.version not in known or before.status in GONE:
            known.pop(control.version, None)
            published = (*known.items(), (control.version, at))
            audience = (control.seq, at) if asks else (0, 0)
        elif control.kind == "journey" and control.version != before.live:  # it was beside the live one, and takes over
            known.pop(control.version)
            published = (*known.items(), (control.version, at))
    if status in (STOPPED, DELETED):
        audience = (0, 0)
    resumed = at if before.status == PAUSED and status in (LIVE, DRAINING) else before.resumed_at
    stopped = at if status in GONE else before.stopped_at
    live = control.version if status in (LIVE, PAUSED, DRAINING) else before.live
    trial = before.trial if live == before.live and status not in GONE else (0, 0, 0)
    return Status(status, live, published, resumed, stopped, audience, control.seq, trial)


def _beside(before: Status, control: Control, at: int) -> Status:
    """A version begins to take a share of those who enter, or takes another one; or it was withdrawn."""
    version, since = control.version, before.trial[2] if before.trial[0] == control.version else at
    known = dict(before.published)
    published = before.published if version in known else ((version, at), *before.published)
    trial = (version, control.share, since) if control.status == TRIAL else (0, 0, 0)
    return replace(before, published=published, seq=control.seq, trial=trial)


def _sent(before: Status | None, control: Control, at: int) -> Status:
    """A signal: those of the last day are kept."""
    known = before.published if before is not None else ()
    young = tuple((number, then) for number, then in known if then > at - DAY_MS and number != control.version)
    return Status(LIVE, control.version, (*young, (control.version, at)), seq=control.seq)
