"""The gates of a message, said once more (R37 to R44): what must become of a message that a run wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.proof.ledger import Ledger, Passage
from tests.proof.meaning import DAY, HOUR, closes, counts_until, is_open, plus, share, spans

GATES = ("held_out", "suppression", "consent", "address", "values", "expired", "quiet_hours", "windows", "caps")
TIMED = {"quiet_hours", "windows", "caps"}
OPT_IN = {"news": "explicit", "tips": "implied"}


class Letter(NamedTuple):
    """A message that is wanted, with what the definitions say of it."""

    step: Mapping[str, Any]
    journey: Mapping[str, Any]
    workspace: Mapping[str, Any]
    zone: str
    wanted_at: int
    again: bool

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.journey.get("settings", {})

    @property
    def marketing(self) -> bool:
        """Whether holdouts, consent, quiet hours, windows and caps apply (R42, R43)."""
        named = self.step.get("class", self.settings.get("class", "marketing"))
        return bool(named == "marketing" and self.facing)

    @property
    def channel(self) -> str:
        return str(self.step["channel"])

    @property
    def facing(self) -> bool:
        """Whether it reaches the customer; actions do where they say so (R43)."""
        return self.channel != "webhook" or bool(self.step.get("customer_facing"))

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self.step.get("tags", self.settings.get("tags", ())))

    @property
    def quiet(self) -> list[Mapping[str, Any]]:
        """The journey's beat the workspace's (R38)."""
        found = self.settings.get("quiet_hours", self.workspace.get("quiet_hours", "none"))
        return [] if found == "none" else [found]

    @property
    def windows(self) -> list[Mapping[str, Any]]:
        return list(self.settings.get("windows", ()))

    @property
    def caps(self) -> list[Mapping[str, Any]]:
        return [*self.settings.get("caps", ()), *self.workspace.get("caps", ())]

    def defers(self, what: str) -> bool:
        found = {"quiet_hours": True, "caps": False}
        for said in (self.settings.get("defer"), self.step.get("defer")):
            found |= {"quiet_hours": said, "caps": said} if isinstance(said, bool) else said or {}
        return bool(found["caps" if what == "caps" else "quiet_hours"])


def refusals(ledger: Ledger, run: Passage, letter: Letter, workspace: str, clock: int) -> dict[str, str]:
    """Gate -> why it refuses, in the order of the gates (R37)."""
    found = {
        "held_out": _held_out(run, letter, workspace, ledger.customer),
        "suppression": "suppressed" if letter.channel in ledger.suppressed else "",
        "consent": _consent(ledger, letter) if letter.facing else "",
        "address": "" if letter.channel == "webhook" or ledger.attributes().get("email") else "no_address",
        "values": "missing_value" if _missing(ledger, letter) else "",
        "expired": "expired" if _expired(letter, clock) else "",
    }
    if letter.marketing:
        found["quiet_hours"] = "quiet_hours" if is_open(letter.quiet, clock, letter.zone) else ""
        found["windows"] = "window" if letter.windows and not is_open(letter.windows, clock, letter.zone) else ""
        found["caps"] = "cap" if any(full(cap, ledger, letter, clock) for cap in letter.caps) else ""
    return {gate: found[gate] for gate in GATES if found.get(gate)}


def full(cap: Mapping[str, Any], ledger: Ledger, letter: Letter, clock: int) -> bool:
    """Whether a cap counts as many as it allows (R10, R41, R42)."""
    if ("tag" in cap and cap["tag"] not in letter.tags) or cap.get("channel", letter.channel) != letter.channel:
        return False
    counted = [
        slot
        for slot in ledger.slots
        if (cap.get("counts") == "all" or slot.request.message_class == "marketing")
        and ("tag" not in cap or cap["tag"] in slot.tags)
        and cap.get("channel", slot.request.channel) == slot.request.channel
        and counts_until(cap["per"], slot.at, letter.zone) > clock
    ]
    return len(counted) >= cap["limit"]


def _held_out(run: Passage, letter: Letter, workspace: str, customer: str) -> str:
    mine, ours = letter.settings.get("holdout", 0), letter.workspace.get("holdout", 0)
    held = share("holdout", workspace, run.journey, customer) < mine or share("holdout", workspace, customer) < ours
    return "held_out" if held and letter.marketing else ""


def _consent(ledger: Ledger, letter: Letter) -> str:
    """R12, R42, R44"""
    subscription = letter.step.get("subscription", "")
    own = ledger.consent(f"{letter.channel}/{subscription}") if subscription else ""
    if own == "unsubscribed":
        return "unsubscribed"
    if not letter.marketing or (letter.channel == "webhook" and not own):
        return ""
    whole = ledger.consent(f"{letter.channel}/")
    for status in (whole, own):
        if status in ("unsubscribed", "pending"):
            return status
        if status == "unknown" and status is own and OPT_IN[subscription] == "explicit":
            return "not_subscribed"
    return ""


def _missing(ledger: Ledger, letter: Letter) -> bool:
    return bool(letter.step["template"] == "needs" and ledger.attributes().get("plan") is None)


def _expired(letter: Letter, clock: int) -> bool:
    late = letter.step.get("expires_after")
    if late and plus(letter.wanted_at, late, letter.zone) <= clock:
        return True
    return letter.again and plus(letter.wanted_at, letter.settings.get("defer_at_most", "P3D"), letter.zone) <= clock


def waits(letter: Letter, refused: Mapping[str, str], clock: int) -> bool:
    """Whether the message is put off, and not refused (R38)."""
    if not refused or not refused.keys() <= TIMED or not all(letter.defers(gate) for gate in refused):
        return False
    return not (letter.quiet and letter.windows) or _ever(letter, clock)


def _ever(letter: Letter, clock: int) -> bool:
    """Whether quiet hours and windows both allow it within ten days; what they say changes at half hours only."""
    start = clock - clock % (HOUR // 2)
    return any(
        is_open(letter.windows, at, letter.zone) and not is_open(letter.quiet, at, letter.zone)
        for at in range(start, start + 8 * DAY, HOUR // 2)
    )


def send_before(letter: Letter, clock: int) -> int:
    """R40"""
    expires = letter.step.get("expires_after")
    last = plus(letter.wanted_at, expires, letter.zone) if expires else clock + DAY
    if letter.marketing and letter.quiet:
        last = min(last, *(begin for begin, _ in spans(letter.quiet[0], clock, letter.zone) if begin > clock))
    if letter.marketing and letter.windows:
        last = min(last, closes(letter.windows, clock, letter.zone))
    return last
