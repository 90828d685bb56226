"""Messages that runs want compete for their turn (R39). Deliveries come back here: they move a run that waits for one,
and settle the slot of the cap (R38, R41).
"""

from __future__ import annotations

from msgspec.structs import replace

from laudstream.journey import gates, pacing
from laudstream.journey.case import LATE, LATE_STATES, OPEN_STATES, decide, note
from laudstream.journey.customer import DEFERRED, REQUESTED, Held, Message, Run, Slot
from laudstream.journey.kinds.message import MessageStep
from laudstream.journey.live import LiveJourney
from laudstream.journey.moves import Left, rest
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import Journey
from laudstream.journey.walking import take
from laudstream.journey.work import Want, Work
from laudstream.messages.delivery import PROVES, Delivery

_AGAIN = (Reason.EXPIRED, Reason.PAUSED)
"""Late refusals that are decided again (A20)."""


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
            decide(work, run, found[1], want)
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
        if message.state in LATE_STATES and message.due <= now and work.journeys[run.journey].moves:
            _want(work, run, version, message.wanted_at, message.step)


def _want(work: Work, run: Run, version: Journey, wanted_at: int, late: str) -> None:
    want = Want(version.settings.priority, wanted_at, run.entered_at, run.id, work.moment.now, late)
    if want not in work.wants:
        work.wants.append(want)


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


# Deliveries


def state_of(delivery: Delivery) -> str:
    """What the delivery says of its message."""
    return PROVES.get(delivery.kind, delivery.kind)


def told(run: Run, delivery: Delivery) -> Message | None:
    """The message of the run of which the delivery tells something new."""
    state = state_of(delivery)
    step, visit, attempt = delivery.step, delivery.visit, delivery.attempt
    for message in run.messages:
        if message.step == step and message.visit == visit and message.attempt == attempt:
            return message if message.state != state and message.state in OPEN_STATES else None
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
