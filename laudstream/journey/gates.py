"""The gates of a message, in their order (R37): the first that refuses gives the reason; all results are recorded.

held_out · suppression, consent, address · values · expired · quiet_hours, windows · caps

Gates look at the clock of the round (A4). Transactional messages pass holdouts, marketing opt-outs, quiet hours
and caps (R42). Only quiet hours, windows and caps can be deferred (R38). The gate `windows` is recorded where there
are any.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import msgspec

from laudstream.customers.row import GROUP
from laudstream.ids import share
from laudstream.journey import caps
from laudstream.journey.customer import Message, Run
from laudstream.journey.durations import parse
from laudstream.journey.kinds.message import MessageStep
from laudstream.journey.live import Template
from laudstream.journey.reasons import Reason
from laudstream.journey.releases import released
from laudstream.journey.steps import ACTIONS, NEVER_QUIET, Cap, Defer, Journey, QuietHours
from laudstream.journey.windows import FOREVER, Window, first_opening
from laudstream.journey.work import Work

DEFER_AT_MOST = parse("P3D")
ROUNDS = 100
"""Of looking for an instant that quiet hours and windows both allow."""
PASS = "pass"  # noqa: S105 - the word of a gate, no password
ALL_PASS = dict.fromkeys(
    ("held_out", "suppression", "consent", "address", "values", "expired", "quiet_hours", "caps"), PASS
)


_WITH_WINDOWS = {**dict.fromkeys(list(ALL_PASS)[:-1], PASS), "windows": PASS, "caps": PASS}


class Verdict(msgspec.Struct, frozen=True, gc=False):
    gates: dict[str, Any]
    """Gate -> pass, or the reason of its refusal."""
    reason: str = ""
    """Of the first gate that refuses; empty: the message may go."""
    again_at: int = 0
    """ms; not refused for good: all gates are asked again then."""


def ask(
    work: Work, run: Run, version: Journey, step: MessageStep, template: Template | None, message: Message, again: bool
) -> Verdict:
    """What the gates say of a message that `run` wants now; `again`: it was deferred, or refused late."""
    marketing, core = step.marketing, work.core
    refusals: dict[str, str] = {}
    if marketing and (version.settings.holdout or work.space.workspace.holdout) and _held_out(work, run, version):
        refusals["held_out"] = Reason.HELD_OUT
    if step.channel in core.suppressions:
        refusals["suppression"] = Reason.SUPPRESSED
    consent = _consent(work, step) if step.customer_facing and (core.consents or step.subscription) else ""
    if consent:
        refusals["consent"] = consent
    if step.channel not in ACTIONS and not address(work.attributes, step.channel):
        refusals["address"] = Reason.NO_ADDRESS
    missing = _missing(work, run, template) if template is None or template.requires else []
    if missing:
        refusals["values"] = Reason.NO_TEMPLATE if template is None else Reason.MISSING_VALUE
    if (again or step.expires_after is not None) and _expired(work, message, version, step, again):
        refusals["expired"] = Reason.EXPIRED
    for_good = bool(refusals)
    again_at = _held_back(work, version, step, message, refusals) if marketing and _holds(work, version, step) else 0
    if not refusals:
        return _GO_WITH_WINDOWS if step.windows and marketing else _GO
    gates: dict[str, Any] = {**(_WITH_WINDOWS if step.windows and marketing else ALL_PASS), **refusals}
    if missing and template is not None:
        gates["missing"] = missing
    reason = next(refusals[gate] for gate in gates if gate in refusals)
    if for_good or again_at == NEVER or not _waits(step.defer, refusals):
        return Verdict(gates, reason)  # for good
    limit = _limit(message, version, step, work.zone(version))
    return Verdict(gates, reason, max(min(again_at, limit), work.moment.clock + 1))


_GO, _GO_WITH_WINDOWS = Verdict(ALL_PASS), Verdict(_WITH_WINDOWS)
_OPTED_OUT: dict[str, str] = {"unsubscribed": Reason.UNSUBSCRIBED, "pending": Reason.PENDING}


def _held_out(work: Work, run: Run, version: Journey) -> bool:
    """By the holdout of the journey, or by that of the workspace (R46)."""
    mine, ours = version.settings.holdout, work.space.workspace.holdout
    if mine and share("holdout", work.workspace, run.journey, work.customer) < mine:
        return True
    return bool(ours) and share("holdout", work.workspace, work.customer) < ours


def _consent(work: Work, step: MessageStep) -> str:
    """Why consent refuses the message; empty: it does not (R42 to R44). Without a definition of its subscription a
    customer who has said nothing gets no marketing."""
    consents, channel = work.core.consents, step.channel
    own = consents.get(f"{channel}/{step.subscription}", _SAID_NOTHING)[0] if step.subscription else ""
    if own == "unsubscribed":
        return Reason.UNSUBSCRIBED
    if not step.marketing or (channel in ACTIONS and not own):
        return ""
    whole = consents.get(channel + "/", _SAID_NOTHING)[0]
    if whole in _OPTED_OUT:
        return _OPTED_OUT[whole]
    if own == "unknown":
        subscription = work.space.subscriptions.get(step.subscription)
        return "" if subscription is not None and subscription.implied else Reason.NOT_SUBSCRIBED
    return _OPTED_OUT.get(own, "")


_SAID_NOTHING = ("unknown", 0)


def address(attributes: dict[str, Any], channel: str) -> str:
    """Where a message on that channel goes; empty: nowhere."""
    found = attributes.get("email") if channel == "email" else None
    return found if isinstance(found, str) and 3 <= len(found) <= 320 and found.find("@", 1, -1) > 0 else ""


def _missing(work: Work, run: Run, template: Template | None) -> list[str]:
    """Values that the template needs and that are not there, at most ten."""
    if template is None:
        return ["template"]
    scope = work.scope(run)
    return [path for path, get in template.requires if get is None or get(scope) is None][:10]


def _expired(work: Work, message: Message, version: Journey, step: MessageStep, again: bool) -> bool:
    clock, zone = work.moment.clock, work.zone(version)
    if step.expires_after is not None and step.expires_after.add(message.wanted_at, zone) <= clock:
        return True
    return again and (version.settings.defer_at_most or DEFER_AT_MOST).add(message.wanted_at, zone) <= clock


def _holds(work: Work, version: Journey, step: MessageStep) -> bool:
    """Whether there are quiet hours, windows or caps at all: most journeys have none."""
    mine, ours = version.settings, work.space.workspace
    return bool(mine.caps or ours.caps or step.windows) or (mine.quiet_hours or ours.quiet_hours) is not None


def _held_back(work: Work, version: Journey, step: MessageStep, message: Message, refusals: dict[str, str]) -> int:
    """Asks quiet hours, windows and caps; the first instant (ms) at which all allow the message; 0: now, NEVER: none.

    It is moved by `release_spread`, but not beyond what may be put off (R39)."""
    clock, quiet = work.moment.clock, quiet_hours(work, version)
    held = _both_caps(work, version)
    if quiet is None and not step.windows and not held:
        return 0
    at, zone = clock, work.zone(version)
    if held:
        free = caps.cap_frees_at(held, work.core.slots, step.channel, step.tags, clock, zone)
        if free:
            refusals["caps"] = Reason.CAP
            at = free
    if quiet is not None and caps.quiet_until(quiet, clock, zone):
        refusals["quiet_hours"] = Reason.QUIET_HOURS
    if step.windows:
        opened = first_opening(step.windows, clock, zone)
        if opened is None or opened[0] > clock:
            refusals["windows"] = Reason.WINDOW
    if not refusals.keys() & {"quiet_hours", "windows", "caps"}:
        return 0
    allowed = _allowed(quiet, step.windows, at, zone)
    if allowed is None:
        return NEVER
    first, ends = allowed
    return released(work, version, first, min(ends, _limit(message, version, step, zone))) if first > at else first


NEVER = FOREVER


def _allowed(quiet: QuietHours | None, windows: tuple[Window, ...], at: int, zone: tzinfo) -> tuple[int, int] | None:
    """(first instant from `at` on that quiet hours and windows allow, until when they do) in ms; None: none."""
    for _ in range(ROUNDS):
        ends = FOREVER
        if quiet is not None:
            at = caps.quiet_until(quiet, at, zone) or at
            ends = caps.quiet_from(quiet, at, zone)
        if not windows:
            return at, ends
        opened = first_opening(windows, at, zone)
        if opened is None:
            return None
        if opened[0] <= at:
            return at, min(ends, opened[1])
        at = opened[0]
    return None


def quiet_hours(work: Work, version: Journey) -> QuietHours | None:
    """The journey's, else the workspace's (R38)."""
    own = version.settings.quiet_hours
    if own is None:
        return work.space.workspace.quiet_hours
    return None if own == NEVER_QUIET else own


def _both_caps(work: Work, version: Journey) -> tuple[Cap, ...]:
    """Those of the journey and of the workspace (R38)."""
    shared = work.space.workspace.caps
    return version.settings.caps + shared if shared else version.settings.caps


def _waits(defer: Defer, refusals: dict[str, str]) -> bool:
    """Whether a message that these refuse is put off (R38)."""
    timed = "quiet_hours" in refusals or "windows" in refusals
    return (defer.quiet_hours or not timed) and (defer.caps or "caps" not in refusals)


def limit_of(work: Work, version: Journey, step: MessageStep, message: Message) -> int:
    """Until when a message may be put off, ms (R39)."""
    return max(_limit(message, version, step, work.zone(version)), work.moment.clock + 1)


def _limit(message: Message, version: Journey, step: MessageStep, zone: tzinfo) -> int:
    """Until when a message may be put off, ms (R39)."""
    limit = (version.settings.defer_at_most or DEFER_AT_MOST).add(message.wanted_at, zone)
    if step.expires_after is not None:
        limit = min(limit, step.expires_after.add(message.wanted_at, zone))
    return limit


def send_before(work: Work, wanted_at: int, version: Journey, step: MessageStep) -> int:
    """Last moment to hand the message over, ms (R40)."""
    clock = work.moment.clock
    expires, quiet = step.expires_after, quiet_hours(work, version) if step.marketing else None
    if expires is None and quiet is None and not step.windows:
        return clock + 86_400_000
    zone = work.zone(version)
    last = expires.add(wanted_at, zone) if expires is not None else clock + 86_400_000
    if not step.marketing:
        return last
    if quiet is not None:
        last = min(last, caps.quiet_from(quiet, clock, zone))
    if step.windows:
        opened = first_opening(step.windows, clock, zone)
        if opened is not None:
            last = min(last, opened[1])
    return last


def context(work: Work, run: Run, template: Template) -> dict[str, Any]:
    """What the template reads, and no more (A20)."""
    made: dict[str, Any] = {}
    for root, names in template.reads.items():
        if root == "customer":
            made[root] = _of_customer(work, names)
        elif root == GROUP:
            group = work.attributes.get(GROUP)
            made[root] = _part(group if isinstance(group, dict) else {}, names)
        else:
            made[root] = _part(run.entry.properties if root == "entry" else run.steps, names)
    return made


def _of_customer(work: Work, names: tuple[str, ...]) -> dict[str, Any]:
    attributes = work.attributes
    if "" in names:
        return {**attributes, "id": work.customer}
    return {
        name: work.customer if name == "id" else attributes[name]
        for name in names
        if name in attributes or name == "id"
    }


def _part(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    if "" in names:
        return values
    return {name: values[name] for name in names if name in values}
