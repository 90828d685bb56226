"""Places that do not answer rest, and no longer than they were asked to."""

from __future__ import annotations

from agents.sending.places import FAILURES, FIRST_S, LONGEST_S, PROBE_S, Places

HERE = "hooks.example:443"


def _down(places: Places, now: float, times: int = FAILURES) -> None:
    for _ in range(times):
        places.ended(HERE, now, well=False)


def test_a_place_rests_after_failures_in_a_row_and_others_do_not() -> None:
    places = Places()
    _down(places, 100.0, FAILURES - 1)
    assert places.pause(HERE, 100.0) == 0
    places.ended(HERE, 100.0, well=True)
    _down(places, 100.0, FAILURES - 1)
    assert places.pause(HERE, 100.0) == 0  # an answer between them
    _down(places, 100.0, 1)
    assert places.pause(HERE, 100.0) == FIRST_S
    assert places.pause("elsewhere", 100.0) == 0


def test_a_burst_of_calls_that_fail_together_is_one_failure() -> None:
    """Forty calls under way when it went down: not forty doublings of its rest."""
    places = Places()
    _down(places, 100.0, 40)
    assert places.rest(HERE, 100.0) == FIRST_S


def test_one_call_asks_whether_it_is_back_while_the_others_wait() -> None:
    places = Places()
    _down(places, 100.0)
    now = 100.0 + FIRST_S
    assert places.pause(HERE, now) == 0
    assert places.pause(HERE, now) == PROBE_S
    places.ended(HERE, now + 1, well=True)
    assert places.pause(HERE, now + 1) == 0


def test_each_question_in_vain_doubles_the_rest_up_to_a_bound() -> None:
    places, now = Places(), 100.0
    _down(places, now)
    rests = []
    for _ in range(10):
        rests.append(places.rest(HERE, now))
        now += rests[-1]
        assert places.pause(HERE, now) == 0  # this one asks
        now += 1
        places.ended(HERE, now, well=False)
    assert rests == [min(LONGEST_S, FIRST_S * 2**n) for n in range(10)]


def test_a_question_without_an_answer_is_asked_again() -> None:
    """The call that asked was cut off, or takes its time."""
    places = Places()
    _down(places, 100.0)
    now = 100.0 + FIRST_S
    assert places.pause(HERE, now) == 0
    assert places.pause(HERE, now + PROBE_S) == 0
