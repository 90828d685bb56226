"""Messages that runs want: they compete, pass the gates, and become send requests (R38 to R40, A20).

Deliveries come back here: they move a run that waits for one, and settle the slot of the cap.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from laudstream.ids import digest
from laudstream.journey import caps, gates, pacing
from laudstream.journey.customer import DEFERRED, REQUESTED, Held, Message, Run, Slot
from laudstream.journey.kinds.message import MessageStep
from laudstream.journey.live import LiveJourney, Template
from laudstream.journey.moves import Left, end, move, rest
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import ACTIONS, Journey
from laudstream.journey.walking import take, walk
from laudstream.journey.work import Want, Work
from laudstream.messages.delivery import PROVES, Delivery
from laudstream.messages.request import SendRequest

CONTEXT_BYTES = 32 * 1024
DELIVERY_GRACE_MS = 86_400_000
"""How long after `send_before` a delivery is waited for; `unknown` is final by then (A21)."""
MESSAGES = 50
"""Messages that a run remembers."""

_measure = msgspec.json.Encoder().encode


def serve(work: Work) -> None:
    """Decides the wanted messages, best first, until no run can go further (R39)."""
    while work.wants:
        if len(work.wants) == 1:  # by far the most
            want = work.wants.pop()
        else:
            want = min(work.wants)
            work.wants.remove(want)
        run = work.present(want.run_id)
        found = work.version_of(run) if run is not None else None
        if run is None or found is None:
            continue
        try:
            _decide(work, run, found[1], want)
        except MemoryError:
            raise
        except Exception as error:
            work.park(run, error)


def ask_again(work: Work, run: Run, version: Journey) -> None:
    """Puts a deferred message before the gates again, in journeys that move."""
    if work.journeys[run.journey].moves:
        run.trail = ()
        _want(work, run, version, run.wanted_at, "")


def ask_late(work: Work, run: Run, version: Journey, now: int) -> None:
    """Puts messages that were refused late before the gates again, if they are due by `now` (ms)."""
    for message in run.messages:
        if message.state in _LATE and message.due <= now and work.journeys[run.journey].moves:
            _want(work, run, version, message.wanted_at, message.step)


def _want(work: Work, run: Run, version: Journey, wanted_at: int, late: str) -> None:
    want = Want(version.settings.priority, wanted_at, run.entered_at, run.id, work.moment.now, late)
    if want not in work.wants:
        work.wants.append(want)


class Case(msgspec.Struct, frozen=True, gc=False):
    """One message before the gates."""

    work: Work
    run: Run
    version: Journey
    step: MessageStep
    message: Message
    at: int
    late: bool
    """The run has left the step."""


def _decide(work: Work, run: Run, version: Journey, want: Want) -> None:
    late = bool(want.late)
    if late:
        message = next(message for message in run.messages if message.step == want.late)
    else:
        message = Message(run.step, run.visit, run.attempt or 1, "wanted", run.wanted_at)
    step = version.steps[message.step]
    assert isinstance(step, MessageStep)
    case = Case(work, run, version, step, message, want.at, late)
    template = work.space.templates.get(step.template)
    again = late or run.status == DEFERRED
    verdict = gates.ask(work, run, version, step, template, message, again)
    if verdict.again_at:
        _put_off(case, verdict)
        return
    reason = verdict.reason
    if not reason and version.settings.pace is not None and _paced(case, verdict):
        return
    made: dict[str, Any] = {}
    if not reason and template is not None:
        made = gates.context(work, run, template)
        if len(_measure(made)) > CONTEXT_BYTES:
            reason = Reason.TOO_LARGE
    if reason or template is None:
        _refuse(case, reason, {"gates": verdict.gates, "template": step.template_id})
    else:
        _request(case, template, verdict.gates, made)


def _paced(case: Case, verdict: gates.Verdict) -> bool:
    """Whether the message waits for its slot in the pace of the journey (A11)."""
    work, run, message = case.work, case.run, case.message
    what, until = pacing.turn(work, run, case.version, message, case.late)
    if what == pacing.GOES:
        return False
    last = gates.limit_of(work, case.version, case.step, message)
    if what == pacing.WAITS:
        last = min(last, until)
    if case.late:
        state = pacing.LATE_ASKS if what == pacing.ASKS else message.state
        note(run, replace(message, state=state, due=last))
        return True
    run.status, run.attempt = DEFERRED, message.attempt
    run.progress = pacing.ASKED if what == pacing.ASKS else run.progress
    rest(run, last)
    return True


def paced(work: Work, run: Run, version: Journey, late: str, slot: int) -> None:
    """The slot of a message has come: it goes then, or at once (`run` is ours to change)."""
    if late:
        message = next(each for each in run.messages if each.step == late)
        step = version.steps[late]
        note(run, replace(message, state=pacing.LATE_PACED, due=slot))
    else:
        message = Message(run.step, run.visit, run.attempt or 1, "wanted", run.wanted_at)
        step = version.steps[run.step]
        run.progress = (slot,)
        rest(run, slot)
    assert isinstance(step, MessageStep)
    if slot > work.moment.clock:
        gates_of = gates.ALL_PASS | {"pace": Reason.PACE}
        data = {"gates": gates_of, "template": step.template_id, "deferred_until": slot}
        work.decide("message", run, work.moment.now, reason=Reason.PACE, data=data, of=message)
    elif work.journeys[run.journey].moves:
        _want(work, run, version, message.wanted_at, late)


def _put_off(case: Case, verdict: gates.Verdict) -> None:
    work, run, message = case.work, case.run, case.message
    if case.late or run.status != DEFERRED:
        data = {"gates": verdict.gates, "template": case.step.template_id, "deferred_until": verdict.again_at}
        work.decide("message", run, case.at, reason=verdict.reason, data=data, of=message)
    if case.late:
        note(run, replace(message, due=verdict.again_at))
        return
    run.status, run.attempt = DEFERRED, message.attempt
    rest(run, verdict.again_at)


def _refuse(case: Case, reason: str, data: dict[str, Any]) -> None:
    work, run, step, at = case.work, case.run, case.step, case.at
    work.decide("message", run, at, reason=reason, data=data, of=case.message)
    if case.late:
        note(run, replace(case.message, state="refused", due=0))
    elif reason == Reason.HELD_OUT:
        _go(case, Left("sent", step.sent, {}, at))
    elif step.refused:
        _go(case, Left("refused", step.refused, {"reason": reason}, at))
    elif step.exit_on_refusal:
        end(work, run, at, reason=Reason.REFUSED, data={"refusal": reason})
    else:
        _go(case, Left("refused", step.sent, {"reason": reason}, at))


def _go(case: Case, left: Left) -> None:
    if move(case.work, case.run, left):
        walk(case.work, case.run, case.version, left.at)


def _request(case: Case, template: Template, passed: dict[str, Any], context: dict[str, Any]) -> None:
    work, run, step, message = case.work, case.run, case.step, case.message
    clock = work.moment.clock
    send_id = digest(f"send\x1f{work.workspace}\x1f{run.id}\x1f{message.step}\x1f{message.visit}\x1f{message.attempt}")
    last = gates.send_before(work, message.wanted_at, case.version, step)
    data = {
        "gates": passed, "template": step.template_id, "template_version": template.version, "send_id": send_id,
        "channel": step.channel, "message_class": step.message_class,
    }  # fmt: skip
    work.decide("message", run, case.at, data=data, of=message)
    work.out.append(
        SendRequest(
            send_id, work.workspace, work.customer, step.channel, step.message_class, run.journey, run.version,
            run.id, message.step, message.visit, message.attempt, step.template_id, template.version,
            gates.address(work.attributes, step.channel), clock, last,
            "retry" if step.message_class == "transactional" else "hold",
            step.subscription, context, step.asks_consent, step.channel in ACTIONS and not work.core.row.born,
            work.core.row.life,
        )
    )  # fmt: skip
    if step.customer_facing:
        slot = Slot(send_id, last, True, step.channel, step.message_class, run.journey, step.tags)
        work.core.slots = (*caps.kept(work.core.slots, clock), slot)
    note(run, Message(message.step, message.visit, message.attempt, "requested", message.wanted_at))
    if case.late:
        return
    if step.refused:
        run.status, run.attempt = REQUESTED, message.attempt
        rest(run, last + DELIVERY_GRACE_MS)
    else:
        _go(case, Left("sent", step.sent, {}, max(case.at, clock)))


def note(run: Run, message: Message) -> None:
    """Puts what is known of a message into its run."""
    others = [other for other in run.messages if other.step != message.step] if run.messages else ()
    run.messages = (*others, message)[-MESSAGES:]
    if run.late_at or message.due:
        run.late_at = next_late(run.messages)


def next_late(messages: tuple[Message, ...]) -> int:
    """When the first of those that were refused late is asked about again, ms; 0: there is none."""
    return min((message.due for message in messages if message.state in _LATE), default=0)


# Deliveries

_OPEN = ("requested", "unknown")
LATE = "late"
_LATE = (LATE, pacing.LATE_ASKS, pacing.LATE_PACED)
_AGAIN = (Reason.EXPIRED, Reason.PAUSED)
"""Late refusals that are decided again (A20)."""


def state_of(delivery: Delivery) -> str:
    """What the delivery says of its message."""
    return PROVES.get(delivery.kind, delivery.kind)


def told(run: Run, delivery: Delivery) -> Message | None:
    """The message of the run of which the delivery tells something new."""
    state = state_of(delivery)
    step, visit, attempt = delivery.step, delivery.visit, delivery.attempt
    for message in run.messages:
        if message.step == step and message.visit == visit and message.attempt == attempt:
            return message if message.state != state and message.state in _OPEN else None
    return None


def delivered(work: Work, run: Run, live: LiveJourney, version: Journey, delivery: Delivery) -> None:
    """Puts the state of the message into its run, and moves the run if it waits for that."""
    message = told(run, delivery)
    if message is None:
        return
    state = state_of(delivery)
    step = version.steps[message.step]
    assert isinstance(step, MessageStep)
    waits = run.status == REQUESTED and (run.step, run.visit) == (message.step, message.visit)
    if state == "refused" and delivery.reason in _AGAIN and (step.defer.quiet_hours or step.defer.caps):
        _decide_again(work, run, version, message, waits)
        return
    note(run, replace(message, state=state))
    if waits and state != "unknown" and run.held is None:
        _answer(work, run, live, version, step, delivery, state)


def _decide_again(work: Work, run: Run, version: Journey, message: Message, waits: bool) -> None:
    """A late refusal: the next attempt, in place or, where the run has gone on, behind it (A20)."""
    now = work.moment.now
    if waits:
        note(run, replace(message, state="refused"))
        run.status, run.attempt = DEFERRED, message.attempt + 1
        rest(run, now)
        ask_again(work, run, version)
    else:
        note(run, replace(message, attempt=message.attempt + 1, state=LATE, due=now))
        ask_late(work, run, version, now)


def _answer(
    work: Work, run: Run, live: LiveJourney, version: Journey, step: MessageStep, delivery: Delivery, state: str
) -> None:
    """The run waits for this delivery (R38); `unknown` is no answer yet."""
    branch = "sent" if state == "sent" else "refused"
    data = {"kind": delivery.kind, **({"reason": delivery.reason} if delivery.reason else {})}
    now = work.moment.now
    work.decide("delivery", run, now, reason=delivery.reason, data={"send_id": delivery.send_id, "kind": delivery.kind})
    left = Left(branch, step.sent if branch == "sent" else step.refused, data, now)
    if live.moves:
        take(work, run, version, left, None, b"")
    else:
        run.held = Held(left.branch, left.to, left.data)


def settled(slots: tuple[Slot, ...], delivery: Delivery) -> tuple[Slot, ...]:
    """The delivery gives the true time, or the slot back if nothing left (R41)."""
    state = state_of(delivery)
    if state not in ("sent", "refused", "failed"):
        return slots
    send_id = delivery.send_id
    for slot in slots:
        if slot.send_id == send_id and slot.open:
            others = [other for other in slots if other is not slot] if len(slots) > 1 else []
            if state == "sent":
                others.append(
                    Slot(send_id, delivery.at, False, slot.channel, slot.message_class, slot.journey, slot.tags)
                )
                if len(others) > 1:
                    others.sort(key=_order)
            return tuple(others)
    return slots


def _order(slot: Slot) -> tuple[int, str]:
    return slot.at, slot.send_id
