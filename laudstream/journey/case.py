"""One message before the gates: it waits, is put off, is refused, or becomes a send request (R38 to R40, A20)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from laudstream.ids import digest
from laudstream.journey import caps, gates, pacing
from laudstream.journey.customer import DEFERRED, REQUESTED, Message, Run, Slot
from laudstream.journey.kinds.message import MessageStep
from laudstream.journey.live import Template
from laudstream.journey.moves import Left, end, move, rest
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import ACTIONS, Journey
from laudstream.journey.walking import walk
from laudstream.journey.work import Want, Work
from laudstream.messages.request import SendRequest

CONTEXT_BYTES = 32 * 1024
DELIVERY_GRACE_MS = 86_400_000
"""How long after `send_before` a delivery is waited for; `unknown` is final by then (A21)."""
MESSAGES = 50
"""Messages that a run remembers, and those beyond that wait behind it."""
OPEN_STATES = ("requested", "unknown")
"""What a message is while a delivery may tell something new of it."""
LATE = "late"
LATE_STATES = (LATE, pacing.LATE_ASKS, pacing.LATE_PACED)
"""What a message is that is decided again behind its run (A20)."""

_measure = msgspec.json.Encoder().encode


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


def decide(work: Work, run: Run, version: Journey, want: Want) -> None:
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
    run.messages = (*others, message)
    if len(run.messages) > MESSAGES:
        run.messages = _remembered(run.messages)
    if run.late_at or message.due:
        run.late_at = next_late(run.messages)


def _remembered(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """What is settled goes first, then what no delivery has told of; the oldest each. What is decided again behind the
    run stays, and so does the newest, for which the run may wait."""
    passing = [message for message in messages[:-1] if message.state not in LATE_STATES]
    passing.sort(key=lambda message: message.state in OPEN_STATES)
    gone = passing[: len(messages) - MESSAGES]
    return tuple(message for message in messages if message not in gone)


def next_late(messages: tuple[Message, ...]) -> int:
    """When the first of those that were refused late is asked about again, ms; 0: there is none."""
    return min((message.due for message in messages if message.state in LATE_STATES), default=0)
