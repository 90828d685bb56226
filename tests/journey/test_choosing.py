"""Which arm wins, and when (R45)."""

from __future__ import annotations

from laudstream.journey.choosing import Arm, Choice, choose, leading
from laudstream.journey.durations import parse
from laudstream.journey.kinds.experiment import Winner

HOUR = 3_600_000
FREE = Winner("goal", 1_000)
HELD = Winner("goal", 1_000, hold_rest=True, hold_at_most=parse("PT4H"))


def arms(*met: int, customers: int = 1_000) -> list[Arm]:
    return [Arm(name, customers, customers, each) for name, each in zip("abc", met, strict=False)]


def test_r45_an_arm_that_leads_clearly_wins_once_each_has_its_minimum() -> None:
    assert choose(FREE, arms(100, 150), 0, 0) == Choice("b", "lead")
    assert choose(FREE, arms(100, 150, customers=999), 0, 0) is None


def test_r45_a_lead_that_may_be_chance_wins_nothing() -> None:
    assert choose(FREE, arms(100, 120), 0, 0) is None
    assert choose(FREE, arms(0, 0), 0, 0) is None
    assert choose(FREE, arms(1_000, 1_000), 0, 0) is None


def test_r45_it_must_lead_each_other_arm() -> None:
    assert choose(FREE, arms(100, 150, 149), 0, 0) is None
    assert choose(FREE, arms(50, 80, 160), 0, 0) == Choice("c", "lead")


def test_r45_when_the_first_has_waited_as_long_as_it_may_the_leading_arm_wins() -> None:
    since = 7 * HOUR
    assert choose(HELD, arms(100, 101), since, since + 4 * HOUR - 1) is None
    assert choose(HELD, arms(100, 101), since, since + 4 * HOUR) == Choice("b", "time")
    assert choose(HELD, arms(3, 2, customers=5), since, since + 4 * HOUR) == Choice("a", "time")
    assert choose(HELD, arms(100, 101), 0, since + 4 * HOUR) is None  # nobody waits


def test_r45_of_equals_the_first_leads_and_the_rate_counts_not_the_number() -> None:
    assert leading(arms(0, 0)).name == "a"
    assert leading([Arm("a", 9, 100, 50), Arm("b", 9, 10, 6)]).name == "b"
