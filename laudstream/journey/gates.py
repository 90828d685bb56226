"""The gates of a message, in their order (R37): the first that refuses gives the reason; all results are recorded.

held_out · suppression, consent, address · values · expired · quiet_hours · caps

Gates look at the clock of the round (A4). Transactional messages pass holdouts, marketing opt-outs, quiet hours
and caps (R42). Only quiet hours and caps can be deferred (R38).
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import msgspec

from laudstream.ids import share
from laudstream.journey import caps
from laudstream.journey.catalog import Template
from laudstream.journey.customer import Message, Run
from laudstream.journey.durations import parse
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey, MessageStep
from laudstream.journey.work import Work

DEFER_AT_MOST = parse("P3D")
SPREAD_MS = 10 * 60_000
"""The end of quiet hours is spread over this, by a hash of the customer (A8, R39)."""
PASS = "pass"  # noqa: S105 - the word of a gate, no password
ALL_PASS = dict.fromkeys(
    ("held_out", "suppression", "consent", "address", "values", "expired", "quiet_hours", "caps"), PASS
)


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
    marketing = step.message_class == "marketing"
    zone = work.zone(version)
    refusals: dict[str, str] = {}
    if marketing and version.settings.holdout and _held_out(work, run, version):
        refusals["held_out"] = Reason.HELD_OUT
    if step.channel in work.core.suppressions:
        refusals["suppression"] = Reason.SUPPRESSED
    consent = work.core.consents.get(step.channel + "/")
    if marketing and consent is not None and consent[0] in _OPTED_OUT:
        refusals["consent"] = _OPTED_OUT[consent[0]]
    if not address(work.attributes, step.channel):
        refusals["address"] = Reason.NO_ADDRESS
    missing = _missing(work, run, template)
    if missing:
        refusals["values"] = Reason.NO_TEMPLATE if template is None else Reason.MISSING_VALUE
    if _expired(work, message, step, zone, again):
        refusals["expired"] = Reason.EXPIRED
    for_good = bool(refusals)
    again_at = _held_back(work, version, step, zone, refusals) if marketing else 0
    if not refusals:
        return Verdict(ALL_PASS)
    gates: dict[str, Any] = {**ALL_PASS, **refusals}
    if missing and template is not None:
        gates["missing"] = missing
    reason = next(refusals[gate] for gate in ALL_PASS if gate in refusals)
    return Verdict(gates, reason, 0 if for_good else _first_chance(work, message, step, zone, refusals, again_at))


_OPTED_OUT: dict[str, str] = {"unsubscribed": Reason.UNSUBSCRIBED, "pending": Reason.PENDING}


def _held_out(work: Work, run: Run, version: Journey) -> bool:
    return share("holdout", work.workspace, run.journey, work.customer) < version.settings.holdout


def address(attributes: dict[str, Any], channel: str) -> str:
    """Where a message on that channel goes; empty: nowhere."""
    found = attributes.get("email") if channel == "email" else None
    return found if isinstance(found, str) and 3 <= len(found) <= 320 and "@" in found[1:-1] else ""


def _missing(work: Work, run: Run, template: Template | None) -> list[str]:
    """Values that the template needs and that are not there, at most ten."""
    if template is None:
        return ["template"]
    if not template.requires:
        return []
    scope = work.scope(run)
    return [path for path, get in template.requires if get is None or get(scope) is None][:10]


def _expired(work: Work, message: Message, step: MessageStep, zone: tzinfo, again: bool) -> bool:
    clock = work.moment.clock
    if step.expires_after is not None and step.expires_after.add(message.wanted_at, zone) <= clock:
        return True
    return again and DEFER_AT_MOST.add(message.wanted_at, zone) <= clock


def _held_back(work: Work, version: Journey, step: MessageStep, zone: tzinfo, refusals: dict[str, str]) -> int:
    """Asks quiet hours and caps; the first instant at which both allow the message, 0: now."""
    clock, quiet = work.moment.clock, version.settings.quiet_hours
    again_at = 0
    if quiet is not None:
        until = caps.quiet_until(quiet, clock, zone)
        if until:
            refusals["quiet_hours"] = Reason.QUIET_HOURS
            spread = min(SPREAD_MS, (caps.quiet_from(quiet, until, zone) - until) // 2)
            again_at = until + share("release", work.workspace, work.customer) * spread // 10_000
    if version.settings.caps:
        free = caps.cap_frees_at(version.settings.caps, work.core.slots, step.channel, step.tags, clock, zone)
        if free:
            refusals["caps"] = Reason.CAP
            again_at = max(again_at, free)
    return again_at


def _first_chance(
    work: Work, message: Message, step: MessageStep, zone: tzinfo, refusals: dict[str, str], again_at: int
) -> int:
    """When to ask again, ms; 0: the refusal is final (R38, R39)."""
    if step.defer is False or ("caps" in refusals and not step.defer):
        return 0
    limit = DEFER_AT_MOST.add(message.wanted_at, zone)
    if step.expires_after is not None:
        limit = min(limit, step.expires_after.add(message.wanted_at, zone))
    return max(min(again_at, limit), work.moment.clock + 1)


def send_before(work: Work, wanted_at: int, version: Journey, step: MessageStep) -> int:
    """Last moment to hand the message over, ms (R40)."""
    clock = work.moment.clock
    zone = work.zone(version)
    last = step.expires_after.add(wanted_at, zone) if step.expires_after is not None else clock + 86_400_000
    quiet = version.settings.quiet_hours
    if quiet is not None and step.message_class == "marketing":
        last = min(last, caps.quiet_from(quiet, clock, zone))
    return last


def context(work: Work, run: Run, template: Template) -> dict[str, Any]:
    """What the template reads, and no more (A20)."""
    made: dict[str, Any] = {}
    for root, names in template.reads.items():
        if root == "customer":
            made[root] = _part({**work.attributes, "id": work.customer}, names)
        else:
            made[root] = _part(run.entry.properties if root == "entry" else run.steps, names)
    return made


def _part(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    if "" in names:
        return values
    return {name: values[name] for name in names if name in values}
