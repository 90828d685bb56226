"""What a run, a customer and a template may carry, to the byte (R13, R24, R25)."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from laudstream.conditions.tally import key_text
from laudstream.journey import admission, case, collecting, moves, past
from laudstream.journey.kinds import emit
from tests.journey.conftest import World

ALWAYS = [{"event": {"name": "go", "key": "k"}, "reentry": "always"}]
LISTENING = {
    "wait": {
        "branches": [{"event": {"name": "end", "any_key": True}, "next": "rest"}],
        "collect": ["view"],
        "timeout": {"after": "P9D", "next": "rest"},
    }
}
STEPS = {"look": LISTENING, "rest": {"delay": {"for": "P9D"}, "next": "done"}}


def sizes(w: World) -> int:
    """Bytes that all runs carry."""
    return sum(run.size for run in w.customer.core.runs)


def limited(w: World) -> list[str]:
    """What was met: of the last input."""
    return [made.data["which"] for made in w.decisions() if made.reason == "limit"]


@pytest.mark.parametrize(
    ("module", "event", "said"),
    [(collecting, "view", "collected events"), (moves, "end", "run context"), (admission, "go", "run context")],
)
@pytest.mark.parametrize("whole", [False, True], ids=["of a run", "of all runs"])
def test_r25_what_fills_the_room_to_the_last_byte_is_kept_and_one_more_is_not(
    world: Any, make: Any, module: ModuleType, event: str, said: str, whole: bool
) -> None:
    def handed(room: int | None) -> World:
        w: World = world(make(STEPS, entry=ALWAYS), make({"rest": STEPS["rest"]}, id="other"))
        w.event("go", k="one")
        with pytest.MonkeyPatch.context() as patch:
            if room is not None:
                patch.setattr(module, "CONTEXTS_BYTES" if whole else "CONTEXT_BYTES", room)
            w.event(event, k="two", text="x" * 500)
        return w

    free = handed(None)
    assert limited(free) == []
    run = next(run for run in reversed(free.customer.core.runs) if run.journey == "j")
    room = sizes(free) if whole else run.size
    exact, short = handed(room), handed(room - 1)
    assert (limited(exact), sizes(exact)) == ([], sizes(free))
    assert {*limited(short)} == {said}
    assert sizes(short) < sizes(free)


@pytest.mark.parametrize("name", ["BYTES", "CONTEXT_BYTES"])
def test_a7_what_is_kept_for_a_wait_fills_its_room_to_the_last_byte(world: Any, make: Any, name: str) -> None:
    many = {"event": {"name": "a"}, "count": 99, "next": "there"}
    look = {"branches": [many], "since": "entry", "timeout": {"after": "P9D", "next": "there"}}
    rest = {"delay": {"for": "P1D"}, "next": "look"}
    body = make({"rest": rest, "look": {"wait": look}, "there": STEPS["rest"]})

    def handed(room: int | None) -> World:
        w: World = world(body)
        w.event("go")
        with pytest.MonkeyPatch.context() as patch:
            for n in range(3):
                if room is not None and n == 2:
                    patch.setattr(past, name, room)
                w.event("a", n=n)
        return w

    free = handed(None)
    room = free.run.size if name == "CONTEXT_BYTES" else sum(len(each.packed) + 21 for each in free.run.past)
    exact, short = handed(room), handed(room - 1)
    assert (limited(exact), [each.properties["n"] for each in exact.run.past]) == ([], [0, 1, 2])
    assert (limited(short), [each.properties["n"] for each in short.run.past]) == (["inputs kept for a wait"], [1, 2])
    assert exact.run.size == free.run.size
    assert exact.run.size - short.run.size == len(exact.run.past[0].packed) + 21


@pytest.mark.parametrize("more", [0, 1])
def test_a7_an_emitted_event_and_what_a_template_reads_fill_their_room_to_the_last_byte(
    world: Any, make: Any, more: int
) -> None:
    steps = {
        "tell": {"emit": {"event": "told", "properties": {"text": {"from": "entry.text"}}}, "next": "hi"},
        "hi": {"message": {"channel": "email", "template": "said"}, "next": "done"},
    }
    said = {"channel": "email", "subject": "Hello", "html": "{{ entry.text }}"}
    w = world(make(steps), templates={"said": said})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emit, "CONTEXT_BYTES", 30)
        patch.setattr(case, "CONTEXT_BYTES", 50)
        w.event("go", text="x" * (30 - len('{"text":""}') + more))
        assert (w.decisions("moved")[0].data.get("reason", ""), "Emitted" in w.kinds()) == (
            ("too_large", False) if more else ("", True)
        )
        reads = len(case._measure({"entry": {"text": ""}}))
        w = world(make(steps), templates={"said": said})
        w.event("go", text="x" * (50 - reads + more))
    assert (w.decision("message").reason, len(w.sends())) == (("too_large", 0) if more else ("", 1))


def test_r13_what_the_sender_knows_is_not_asked_of_the_customer(world: Any, make: Any) -> None:
    said = {"channel": "email", "subject": "From {{ workspace.name }}", "html": "<p>{{ customer.plan }}</p>"}
    w = world(
        make({"hi": {"message": {"channel": "email", "template": "said"}, "next": "done"}}), templates={"said": said}
    )
    w.event("go")
    assert w.decision("message").data["gates"]["missing"] == ["customer.plan"]
    w.row(email="ann@example.org", plan="pro")
    w = world(
        make({"hi": {"message": {"channel": "email", "template": "said"}, "next": "done"}}), templates={"said": said}
    )
    w.row(email="ann@example.org", plan="pro")
    w.event("go")
    assert len(w.sends()) == 1


def test_r24_a_long_key_stands_as_a_hash_that_stays_the_same() -> None:
    assert key_text("x" * 64) == "x" * 64
    assert key_text("x" * 65) == "e7d347aafb04b4783db0f88621284c94"
    assert key_text("x" * 66) != key_text("x" * 65)


@pytest.mark.parametrize(
    ("value", "text"),
    [(17, "17"), (17.0, "17"), ("17", "17"), (17.5, "17.5"), (-0.0, "0"), (True, ""), (None, ""), ([17], ""), ("", "")],
)
def test_r24_a_number_and_its_text_are_one_key(value: object, text: str) -> None:
    assert key_text(value) == text


def test_r24_runs_of_long_keys_are_told_apart(world: Any, make: Any) -> None:
    w = world(make({"look": LISTENING, "rest": STEPS["rest"]}, entry=ALWAYS))
    w.event("go", k="x" * 100 + "1")
    assert w.event("go", k="x" * 100 + "1") == ["not_entered"]
    assert w.event("go", k="x" * 100 + "2") == ["entered"]
