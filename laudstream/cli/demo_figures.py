"""The demo's figures: what was found on the way, and whether it is what the file says.

Pure: `checks` compares the Figures computed from the file with what was Found in the API, in Kafka, in PostgreSQL and
in the inbox, each of which counts for itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from laudstream.local.cdnow import Figures, arm_bounds

JOURNEY = "second-purchase"
ARMS = ("patient", "eager")
EXPERIMENT = "arms"
OUTCOMES = ("big-spender", "thanks", "win-back")
TEMPLATES = ("welcome", "thanks", "win-back")


class Requests(msgspec.Struct):
    """Send requests in Kafka."""

    count: int = 0
    ids: set[str] = set()
    templates: dict[str, int] = {}

    def add(self, send_id: str, template: str) -> None:
        self.count += 1
        self.ids.add(send_id)
        self.templates[template] = self.templates.get(template, 0) + 1


class Replayed(NamedTuple):
    """All partitions' journals run again in memory."""

    rounds: int
    inputs: int
    mismatches: int
    first: str
    """What differed first."""


class Found(msgspec.Struct):
    """What was found when all was done."""

    customers: int
    """In PostgreSQL."""
    accepted: int
    """Events that the API took."""
    stats: dict[str, Any]
    """Of the journey, as the API tells them."""
    requests: Requests
    claims: dict[str, int]
    """Claims in PostgreSQL by their state."""
    inbox: int
    inbox_ids: int
    """Mails in the inbox, and different send ids among them."""
    replayed: Replayed
    seconds: float = 0.0
    """The demo, from its start to the last check."""
    stream_seconds: float = 0.0
    """From the first event sent until lanes had handled the last one."""

    @property
    def duplicates(self) -> int:
        """Send ids that were requested or received more than once."""
        return self.requests.count - len(self.requests.ids) + self.inbox - self.inbox_ids


class Check(NamedTuple):
    what: str
    expected: str
    found: str
    ok: bool


def lost(figures: Figures, found: Found) -> int:
    """Events that were not taken and mails that did not arrive."""
    return max(0, figures.events - found.accepted) + max(0, figures.mails - found.inbox_ids)


def checks(figures: Figures, found: Found) -> list[Check]:
    """Every figure with what was expected, in the order of the summary."""
    ended = found.stats.get("ended", {})
    arms = found.stats.get("steps", {}).get(EXPERIMENT, {}).get("left", {})
    outcomes = dict(zip(OUTCOMES, (figures.big_spender, figures.thanks, figures.win_back), strict=True))
    mails = dict(zip(TEMPLATES, (figures.entries, figures.thanks, figures.win_back), strict=True))
    replayed = found.replayed
    return [
        _same("customers in PostgreSQL", figures.customers, found.customers),
        _same("events taken by the API", figures.events, found.accepted),
        _same("entries", figures.entries, found.stats.get("entered", 0)),
        *(_same(f"runs ended {name}", expected, ended.get(name, 0)) for name, expected in outcomes.items()),
        _same("runs ended otherwise", 0, sum(n for name, n in ended.items() if name not in outcomes)),
        _same("runs still active", 0, found.stats.get("active", 0)),
        *(_within(f"arm {arm}", arm_bounds(figures.entries), arms.get(arm, 0)) for arm in ARMS),
        _same("runs in both arms", figures.entries, sum(arms.values())),
        *(_same(f"{name} mails requested", n, found.requests.templates.get(name, 0)) for name, n in mails.items()),
        _same("send requests in Kafka", figures.mails, found.requests.count),
        _same("  different ids", figures.mails, len(found.requests.ids)),
        _same("claims sent, in PostgreSQL", figures.mails, found.claims.get("sent", 0)),
        _same("claims in any other state", 0, sum(n for state, n in found.claims.items() if state != "sent")),
        _same("mails in the inbox", figures.mails, found.inbox),
        _same("  different ids", figures.mails, found.inbox_ids),
        Check(
            "journal replayed: inputs",
            f"≥ {figures.events:,}",
            f"{replayed.inputs:,}",
            replayed.inputs >= figures.events,
        ),
        _same("  rounds with another digest", 0, replayed.mismatches),
    ]


def _same(what: str, expected: int, found: int) -> Check:
    return Check(what, f"{expected:,}", f"{found:,}", expected == found)


def _within(what: str, bounds: tuple[int, int], found: int) -> Check:
    least, most = bounds
    return Check(what, f"{least:,} – {most:,}", f"{found:,}", least <= found <= most)


def last_line(figures: Figures, found: Found) -> str:
    """`demo: ok …` or `demo: FAILED …`, for machines."""
    wrong = [check for check in checks(figures, found) if not check.ok]
    rate = found.accepted / found.stream_seconds if found.stream_seconds else 0
    figures_found = (
        f"customers={found.customers} events={found.accepted} runs={found.stats.get('entered', 0)} "
        f"mails={found.inbox} duplicates={found.duplicates} lost={lost(figures, found)} "
        f"seconds={found.seconds:.0f} events_per_second={rate:.0f}"
    )
    return f"demo: FAILED wrong={len(wrong)} {figures_found}" if wrong else f"demo: ok {figures_found}"
