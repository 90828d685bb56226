"""What the oracle says of time, where it is easily wrong."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from laudstream.journey.durations import parse
from tests.proof.meaning import HOUR, MINUTE, plus

FORWARD = 1_772_953_200_000
"""2026-03-08 07:00 UTC, when clocks in New York go from 02:00 to 03:00."""


@pytest.mark.parametrize("after", [0, 17, MINUTE - 1, MINUTE, HOUR - 1], ids=str)
def test_r11_a_time_that_does_not_exist_moves_to_the_very_instant_at_which_clocks_went_forward(after: int) -> None:
    zone, day_before = "America/New_York", FORWARD + after - 24 * HOUR
    assert plus(day_before, "P1D", zone) == FORWARD == parse("P1D").add(day_before, ZoneInfo(zone))
