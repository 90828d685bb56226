"""What counts as the time of recovery."""

from __future__ import annotations

from tests.chaos.watch import Outage, recovery

KILL = Outage(10.0, 12.0)


def test_it_counts_from_the_end_of_the_outage() -> None:
    assert recovery(KILL, 15.0, [KILL]) == 3.0


def test_it_counts_from_the_end_of_another_outage_that_reached_into_it() -> None:
    assert recovery(KILL, 15.0, [KILL, Outage(11.0, 14.0), Outage(2.0, 4.0)]) == 1.0


def test_an_outage_that_is_not_over_or_began_later_did_not_matter() -> None:
    assert recovery(KILL, 15.0, [Outage(11.0, 20.0), Outage(15.5, 15.6)]) == 3.0
