"""What a workspace says for all its journeys (R11, R38, R46, R58, R60)."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from laudstream.errors import Invalid
from laudstream.journey.parse_settings import workspace
from laudstream.journey.steps import QuietHours

DAY = 86_400_000


@pytest.mark.parametrize(
    ("history", "days"), [("none", 0), ("P1D", 1), ("P2W", 14), ("P1M", 31), ("P90D", 90), ("PT25H", 2)]
)
def test_r58_events_are_kept_for_as_long_as_the_workspace_says(history: str, days: int) -> None:
    assert workspace({"history": history}).horizon_ms == days * DAY


def test_r11_r38_r46_r58_a_workspace_that_says_nothing() -> None:
    found = workspace({})
    assert (found.zone, found.quiet_hours, found.caps) == (UTC, None, ())
    assert (found.holdout, found.release_spread, found.horizon_ms) == (0, 600_000, 90 * DAY)


def test_r11_r38_r46_a_workspace_that_says_all() -> None:
    found = workspace({
        "time_zone": "Asia/Tokyo", "quiet_hours": {"from": "21:30", "to": "08:00"}, "holdout": 2.5,
        "release_spread": "PT0S",
        "caps": [{"limit": 2, "per": "week", "channel": "email", "tag": "news", "counts": "all"}],
    })  # fmt: skip
    assert (found.zone, found.quiet_hours) == (ZoneInfo("Asia/Tokyo"), QuietHours(21 * 60 + 30, 8 * 60))
    assert (found.holdout, found.release_spread) == (250, 0)
    (cap,) = found.caps
    assert (cap.limit, cap.each, cap.within, cap.channel, cap.tag, cap.counts_all) == (
        2, "week", None, "email", "news", True,
    )  # fmt: skip
    assert workspace({"quiet_hours": "none"}).quiet_hours is None


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"zone": "UTC"}, ["/zone"]),
        ({"time_zone": "Mars/Olympus"}, ["/time_zone"]),
        ({"history": "P91D"}, ["/history"]),
        ({"history": "P3M"}, ["/history"]),
        ({"history": 7}, ["/history"]),
        ({"holdout": 101}, ["/holdout"]),
        ({"holdout": True}, ["/holdout"]),
        ({"release_spread": 5}, ["/release_spread"]),
        ({"quiet_hours": {"from": "9", "to": "10:00"}}, ["/quiet_hours/from"]),
        ({"quiet_hours": {"from": "09:00", "to": "25:00", "on": 1}}, ["/quiet_hours/on", "/quiet_hours/to"]),
        ({"quiet_hours": {"from": "09:00", "to": "09:00"}}, ["/quiet_hours"]),
        ({"caps": [{"limit": 0, "per": "day"}, {"limit": 1, "per": "P32D"}]}, ["/caps/0/limit", "/caps/1/per"]),
        ({"caps": [{"limit": 1, "per": "year", "channel": "fax"}]}, ["/caps/0/per", "/caps/0/channel"]),
        ({"caps": [{"limit": 1, "per": "day", "counts": "some", "of": 1}]}, ["/caps/0/of", "/caps/0/counts"]),
        ({"caps": {"limit": 1}}, ["/caps"]),
    ],
)
def test_r60_what_a_workspace_cannot_say_is_refused_with_its_place(body: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        workspace(body)
    assert [problem.pointer for problem in refused.value.problems] == pointers
    assert str(refused.value).startswith(pointers[0])
