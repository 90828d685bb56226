"""What must have come of the events in the log, customer by customer; pure.

Everything is judged by what lanes were given: the first record of each messageId, in the order of the log. What a
wait or a delay ends with follows from the broker's times (R30): an input that stood in the log before the timer was due
wins.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from laudstream.journey.decision import Decision
from laudstream.messages.request import SendRequest
from tests.chaos.load import DELAY_S, PLACES, WAIT_S, Names, Planned

SHOWN = 8
EMAIL = "email"


class Logged(NamedTuple):
    """An event as it stands in the log."""

    customer: str
    id: str
    name: str
    at: int
    """Append time, ms."""


class Findings(msgspec.Struct):
    """What is wrong, in words; nothing: all is well."""

    lost: list[str] = []
    duplicated: list[str] = []
    stuck: list[str] = []
    wrong: list[str] = []
    """In another order, too early, or not what the journey says."""

    def __bool__(self) -> bool:
        return any(msgspec.structs.astuple(self))

    def lines(self) -> Iterator[str]:
        for kind, found in msgspec.structs.asdict(self).items():
            yield from (f"{kind}: {each}" for each in found[:SHOWN])
            if len(found) > SHOWN:
                yield f"{kind}: {len(found) - SHOWN} more"


class Seen(NamedTuple):
    """What a schedule left behind."""

    planned: Sequence[Planned]
    logged: Sequence[Logged]
    """In the order of each partition, repeats too."""
    decisions: Sequence[Decision]
    """In the order of each partition."""
    requests: Sequence[SendRequest]
    claims: Mapping[str, str]
    """Send id → state."""
    mails: Sequence[str]
    """Send ids of the mails in the inbox …"""
    calls: Sequence[str]
    """… and of the webhooks that came."""
    may_be_unknown: int
    """So many messages may have the outcome `unknown` (A21)."""


def judge(seen: Seen, names: Names, address: Mapping[str, str]) -> Findings:
    """`address`: customer → where its mail goes."""
    found = Findings()
    first = _taken(seen, found)
    decided: defaultdict[str, list[Decision]] = defaultdict(list)
    for decision in seen.decisions:
        decided[decision.customer].append(decision)
    _numbered(decided, found)
    customers = dict.fromkeys(each.item["userId"] for each in seen.planned)
    for who in decided.keys() - customers:
        _probed(who, [d.kind for d in decided[who]], found)
    for who in customers:
        events, own = first.get(who, []), decided.get(who, [])
        for journey, check in ((names.buy, _buy), (names.cart, _cart), (names.tell, _tell)):
            entries = [event for event in events if event.name == journey]
            if entries:
                run = [d for d in own if d.journey == journey]
                check(_Customer(who, events, entries, run, names), found)
    _placed(first, decided, names, found)
    _mailed(seen, names, address, found)
    return found


def _taken(seen: Seen, found: Findings) -> dict[str, list[Logged]]:
    """Each customer's events, repeats left out; all that were posted, in the order of posting."""
    first: defaultdict[str, dict[str, Logged]] = defaultdict(dict)
    for event in seen.logged:
        first[event.customer].setdefault(event.id, event)
    posted: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for planned in seen.planned:
        posted[planned.item["userId"]].setdefault(planned.id)
    for who, ids in posted.items():
        there = first[who]
        found.lost += [f"event {id} is not in the log" for id in ids if id not in there]
        if [id for id in ids if id in there] != [id for id in there if id in ids]:
            found.wrong.append(f"events of {who}: posted {list(ids)}, in the log {list(there)}")
    return {who: list(events.values()) for who, events in first.items()}


def _numbered(decided: Mapping[str, list[Decision]], found: Findings) -> None:
    ids = Counter(d.id for own in decided.values() for d in own)
    found.duplicated += [f"decision {id} stands {times} times" for id, times in ids.items() if times > 1]
    for who, own in decided.items():
        numbers = [d.n for d in own]
        missing = set(range(1, max(numbers) + 1)) - set(numbers)
        if missing:
            found.lost.append(f"decisions {sorted(missing)} of {who}")
        if len(set(numbers)) < len(numbers):
            found.duplicated.append(f"decisions of {who} are numbered {numbers}")
        elif numbers != sorted(numbers):
            found.wrong.append(f"decisions of {who} are in the order {numbers}")
        found.wrong += [f"{d.kind} of {who}: {d.data}" for d in own if d.kind in ("failed", "limit")]


def _probed(who: str, kinds: list[str], found: Findings) -> None:
    """A probe enters and ends at once, a single time."""
    if kinds != ["entered", "ended"]:
        (found.stuck if kinds == ["entered"] else found.duplicated).append(f"{who}: {kinds}")


class _Customer(NamedTuple):
    """One customer in one journey."""

    who: str
    events: list[Logged]
    entries: list[Logged]
    run: list[Decision]
    names: Names

    def after(self, name: str) -> Logged | None:
        """The first event of that name behind the one that started the run."""
        rest = self.events[self.events.index(self.entries[0]) :]
        return next((event for event in rest if event.name == name), None)

    def __str__(self) -> str:
        return f"{self.who} in {self.entries[0].name}"


def _counted(one: _Customer, expected: Sequence[str], found: Findings) -> bool:
    """Whether the decisions are of these kinds, in this order; refused entries may stand anywhere behind the first."""
    kinds = [d.kind for d in one.run]
    refused = len(one.entries) - 1
    missing = Counter({**Counter(expected), "not_entered": refused})
    missing.subtract(kinds)
    what = f"{one}: {kinds}, expected {list(expected)} and {refused} refused"
    if missing["ended"] > 0 and "entered" in kinds:
        found.stuck.append(what)
    elif any(times > 0 for times in missing.values()):
        found.lost.append(what)
    if any(times < 0 for times in missing.values()):
        found.duplicated.append(what)
    if any(missing.values()):
        return False
    if [kind for kind in kinds if kind != "not_entered"] != list(expected):
        found.wrong.append(what)
        return False
    if one.run[0].at < one.entries[0].at:
        found.wrong.append(f"{one}: entered at {one.run[0].at}, before its event at {one.entries[0].at}")
    return True


def _buy(one: _Customer, found: Findings) -> None:
    if not _counted(one, ("entered", "message", "moved", "moved", "ended"), found):
        return
    arrived, left = (d for d in one.run if d.kind == "moved")
    ended = next(d for d in one.run if d.kind == "ended")
    due, paid = arrived.at + 1000 * WAIT_S, one.after(one.names.paid)
    if paid is not None and paid.at <= due:
        _answered(one, left, ended, paid, due, "paid", found)
    else:
        _fired(one, left, ended, due, "late", found)


def _cart(one: _Customer, found: Findings) -> None:
    entered = one.run[0] if one.run else None
    due = entered.at + 1000 * DELAY_S if entered else 0
    order = one.after(one.names.order)
    if order is not None and order.at <= due:
        if _counted(one, ("entered", "ended"), found):
            _answered(one, one.run[-1], one.run[-1], order, due, "bought", found)
    elif _counted(one, ("entered", "moved", "ended"), found):
        _fired(one, one.run[-2], one.run[-1], due, "patient", found)


def _tell(one: _Customer, found: Findings) -> None:
    _counted(one, ("entered", "message", "moved", "ended"), found)


def _answered(
    one: _Customer, at: Decision, ended: Decision, event: Logged, due: int, outcome: str, found: Findings
) -> None:
    if ended.outcome != outcome or not event.at <= at.at <= due:
        told = f"{event.name} stood in the log at {event.at}, due was {due}"
        found.wrong.append(f"{one}: {told}; ended {ended.outcome} at {at.at}, clock {at.clock}")


def _fired(one: _Customer, at: Decision, ended: Decision, due: int, outcome: str, found: Findings) -> None:
    if ended.outcome != outcome or at.at != due or at.clock < due:
        found.wrong.append(f"{one}: due at {due}; ended {ended.outcome} at {at.at}, clock {at.clock}")


def _placed(
    first: Mapping[str, list[Logged]], decided: Mapping[str, list[Decision]], names: Names, found: Findings
) -> None:
    """Everybody who wanted a place has one answer, and as many have one as there are."""
    wanted = [who for who, events in first.items() if any(event.name == names.place for event in events)]
    inside = 0
    for who in wanted:
        kinds = [d.reason if d.kind == "not_entered" else d.kind for d in decided[who] if d.journey == names.place]
        inside += "entered" in kinds
        if kinds not in (["entered", "ended"], ["full"]):
            (found.stuck if len(kinds) < 2 else found.duplicated).append(f"{who} in {names.place}: {kinds}")
    if inside != min(PLACES, len(wanted)):
        found.wrong.append(f"{inside} of {len(wanted)} have one of {PLACES} places")


def _mailed(seen: Seen, names: Names, address: Mapping[str, str], found: Findings) -> None:
    """One request for each message decided, one claim for each request, one mail or webhook for each claim that is
    `sent`."""
    decided = {str(d.data.get("send_id", "")): d.customer for d in seen.decisions if d.kind == "message"}
    requests = Counter(request.send_id for request in seen.requests)
    found.lost += [f"request {id} of {who}" for id, who in decided.items() if id not in requests]
    found.wrong += [f"request {id} that nothing decided" for id in requests if id not in decided]
    found.duplicated += [f"request {id} stands {times} times" for id, times in requests.items() if times > 1]
    found.wrong += [
        f"request to {r.to!r} for {r.customer}"
        for r in seen.requests
        if r.channel == EMAIL and r.to != address[r.customer]
    ]
    came, unknown = {True: Counter(seen.mails), False: Counter(seen.calls)}, 0
    by_mail = {request.send_id: request.channel == EMAIL for request in seen.requests}
    for id in requests:
        state = seen.claims.get(id, "")
        unknown += state == "unknown"
        if not state:
            found.lost.append(f"request {id} has no claim")
        elif state not in ("sent", "unknown"):
            found.stuck.append(f"claim {id} is {state}")
        elif state == "sent" and not came[by_mail[id]][id]:
            found.lost.append(f"{_what(by_mail[id])} {id}, though its claim is sent")
    for mail, ids in came.items():
        found.duplicated += [f"{_what(mail)} {id} came {times} times" for id, times in ids.items() if times > 1]
        found.wrong += [f"{_what(mail)} {id} that nobody requested" for id in ids if by_mail.get(id) is not mail]
    if unknown > seen.may_be_unknown:
        found.wrong.append(f"{unknown} claims are unknown, {seen.may_be_unknown} may be")


def _what(mail: bool) -> str:
    return "mail" if mail else "webhook"


def figures(decisions: Iterable[Decision], journey: str) -> dict[str, object]:
    """A journey's stats, counted from its decisions."""
    own = [d for d in decisions if d.journey == journey]
    ended = Counter(d.outcome or d.reason for d in own if d.kind == "ended")
    entered = sum(d.kind == "entered" for d in own)
    return {
        "entered": entered,
        "active": entered - ended.total(),
        "ended": dict(ended),
        "not_entered": dict(Counter(d.reason for d in own if d.kind == "not_entered")),
        "parked": 0,
    }
