"""What another customer had is united with what this one has (R50).

Numbers of rows tell what PostgreSQL has merged already: a row with a greater one than the merge contains it. No entry
is fired by a merge (R35), and it is no change of an attribute (R29); exits are looked at again.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from laudstream.conditions.tally import merged
from laudstream.customers.recent import admit, united
from laudstream.customers.room import holds
from laudstream.ids import fingerprint
from laudstream.journey import migrating, rows, standing, writing
from laudstream.journey.alarms import AUDIENCE
from laudstream.journey.caps import MOST_SLOTS
from laudstream.journey.chaining import ask_deferred, begun
from laudstream.journey.customer import ASKING, FAILED, Core, Customer, Pending, Run
from laudstream.journey.entering import KEYS, KEYS_OF_JOURNEY, OPEN_RUNS, OPEN_RUNS_OF_JOURNEY, active
from laudstream.journey.handlers import finish
from laudstream.journey.identity import brought
from laudstream.journey.inputs import MergeInput, Moment, Outcome
from laudstream.journey.legacy import Legacy
from laudstream.journey.live import Space
from laudstream.journey.moves import CONTEXTS_BYTES, MOST_AIMS, end
from laudstream.journey.reasons import Reason
from laudstream.journey.settling import settle
from laudstream.journey.telling import concerned, tell
from laudstream.journey.work import Work, by_age
from laudstream.journey.write import CONSENT, INCREMENT, MEMBER, SET

STRICT = ("unsubscribed", "pending", "subscribed", "unknown")
"""Consents, the stricter first; `unknown` says nothing, and yields to any."""
ATTRIBUTES_BYTES = 64 * 1024


def unite(customer: Customer, input: MergeInput, moment: Moment, space: Space) -> Outcome:
    """A part of what the other one had; with the last one its runs are there."""
    legacy, number = input.legacy, input.number
    if customer.core.row.before > number:  # the root was deleted since (R15)
        return Outcome(customer, [])
    decisions = max(customer.core.decisions, legacy.decisions)
    customer = replace(customer, core=replace(customer.core, decisions=decisions))
    work = begun(customer, moment, space, ("input", *input.cause))
    work.mark = fingerprint(f"merged\x1f{input.source}\x1f{number}\x1f{input.cause}")
    rows.first_sight(work)
    settle(work)
    before, seen = work.attributes, work.core.swept
    _put(work, legacy, number)
    work.recent = admit(united(work.recent, legacy.recent), work.mark, moment.now) or work.recent
    _tallies(work, legacy)
    if input.last:
        work.identity = brought(work.identity, number, 1 + legacy.taken, ())
        work.note("merged", data={"from": input.source, "merge": number})
    standing.attributes(work, before)
    touched = set(space.watch.segments)
    if standing.known(work):
        work.core.judged = space.watch.seq
        standing.evaluate(work, touched, "merge", fires=False)
    for run in legacy.runs:
        migrating.caught_up(work, run, legacy.swept, seen)
    if input.last:
        settle(work)  # the runs that came, too
        ask_deferred(work)
        tell(work, concerned(work, None, levels=True), None)
    return finish(work)


def _put(work: Work, legacy: Legacy, number: int) -> None:
    core = work.core
    core.assignments = {**legacy.assignments, **core.assignments}
    slots = {slot.send_id: slot for slot in (*legacy.slots, *core.slots)}
    core.slots = tuple(sorted(slots.values(), key=lambda slot: (slot.at, slot.send_id))[-MOST_SLOTS:])
    core.goals = tuple(sorted((*legacy.goals, *core.goals), key=lambda aim: (aim.until, aim.run))[-MOST_AIMS:])
    core.swept = {**legacy.swept, **core.swept}
    for name, seq in legacy.swept.items():
        core.swept[name] = max(seq, core.swept[name])
    dates = {name: alarm for name, alarm in legacy.alarms.items() if not name.endswith("/" + AUDIENCE)}
    core.alarms = {**dates, **core.alarms}
    core.members = {**{name: (member, number) for name, (member, _) in legacy.members.items()}, **core.members}
    work.identity = replace(work.identity, lives=brought(work.identity, number, 0, legacy.lives).lives)
    _remember(core, legacy.memory)
    _consent(core, legacy, number)
    mine = work.attributes
    if core.row.revision < number and legacy.attributes:  # the merged row is on its way
        work.attributes = _filled(mine, legacy.attributes)
    _write(work, legacy, mine)
    for run in legacy.runs:
        _take(work, run)


def _remember(core: Core, memory: dict[str, dict[str, int]]) -> None:
    """The later start of each journey and key (R23), in the order of start."""
    both = {journey: dict(keys) for journey, keys in core.memory.items()}
    for journey, keys in memory.items():
        mine = both.setdefault(journey, {})
        for key, at in keys.items():
            mine[key] = max(at, mine.get(key, 0))
    room = KEYS
    for journey in sorted(both):
        newest = sorted(both[journey].items(), key=lambda item: (item[1], item[0]))[-min(KEYS_OF_JOURNEY, room) :]
        both[journey] = dict(newest) if room > 0 else {}
        room -= len(both[journey])
    core.memory = {journey: keys for journey, keys in both.items() if keys}


def _consent(core: Core, legacy: Legacy, number: int) -> None:
    """The stricter one, unless the row of the merge is here already."""
    consents = dict(core.consents)
    for name, (status, _) in legacy.consents.items():
        mine, revision = consents.get(name, ("unknown", 0))
        if revision < number:
            consents[name] = min(mine, status, key=STRICT.index), revision
    core.consents = consents
    if core.row.revision < number:
        core.suppressions = {**{name: (why, 0) for name, (why, _) in legacy.suppressions.items()}, **core.suppressions}


def _filled(mine: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """The known one's attributes win, empty ones are filled (R50)."""
    missing = {name: value for name, value in others.items() if mine.get(name) in (None, "")}
    both = {**mine, **missing}
    return both if len(writing.packed(both)) <= ATTRIBUTES_BYTES and holds(both) else mine


def _write(work: Work, legacy: Legacy, mine: dict[str, Any]) -> None:
    """What the other one's runs wrote, and its row did not contain yet, is written to this one's row."""
    names: dict[str, None] = {}
    for each in legacy.pending:
        if each.op in (SET, INCREMENT):
            names.update(dict.fromkeys(each.attributes))
        elif each.op in (CONSENT, MEMBER):
            _write_state(work, each)
    values = {
        name: legacy.attributes[name] for name in names
        if name in legacy.attributes and mine.get(name) in (None, "")
    }  # fmt: skip
    if values and not holds({**work.attributes, **values}):
        work.note("limit", reason=Reason.LIMIT, data={"which": "attributes"})
    elif values:
        writing.put(work, "", SET, values)


def _write_state(work: Work, pending: Pending) -> None:
    for name, value in pending.attributes.items():
        if pending.op == MEMBER:
            if work.core.members.get(name, (None, 0))[0] in (None, value):
                writing.put(work, "", MEMBER, {name: value})
        elif work.core.consents.get(name, ("unknown", 0))[0] == value:  # it was the stricter one
            writing.put(work, "", CONSENT, {name: value})


def _tallies(work: Work, legacy: Legacy) -> None:
    """Counts of both; of what an attribute was since when, this one's."""
    if not legacy.tallies:
        return
    queries, found = work.space.watch.queries, dict(work.tallies)
    for id, tally in legacy.tallies.items():
        query, mine = queries.get(id), found.get(id)
        if mine is None:
            if id in work.space.watch.since:
                found[id] = tally
        elif query is not None:
            found[id] = merged(mine, tally, query)
    work.tallies = found
    standing.limit(work)


def _take(work: Work, run: Run) -> None:
    """A run of the other one goes on here, unless the same journey and key has an older one (R50), or there is no
    room: then the younger one stays."""
    if run.status == ASKING and not run.granted:  # it began to ask as its customer left
        end(work, replace(run), work.moment.now, reason=Reason.MERGED)
        return
    mine = active(work, run) if run.status != FAILED else None
    if mine is None or by_age(run) < by_age(mine):
        others = [other for other in work.runs if other is not mine]
        same = sum(other.journey == run.journey for other in others)
        sizes = sum(other.size for other in others) + run.size
        if len(others) < OPEN_RUNS and same < OPEN_RUNS_OF_JOURNEY and sizes <= CONTEXTS_BYTES:
            if mine is not None:
                end(work, mine, work.moment.now, reason=Reason.MERGED)
            work.take(run)
            return
    end(work, replace(run), work.moment.now, reason=Reason.MERGED)
