"""The demo's figures, computed from the file by R22, and the summary that compares them with what was found."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from laudstream.cli.demo_figures import Found, Replayed, Requests, checks, last_line
from laudstream.local import cdnow
from laudstream.local.cdnow import Figures, Purchase

FILE = Path(__file__).parents[2] / "local-env" / "data" / cdnow.FILE


def test_the_file_gives_the_figures_of_the_demo() -> None:
    purchases = cdnow.read(FILE)
    figures = cdnow.expected(purchases)
    assert figures == Figures(
        customers=23_570, events=69_659, entries=23_570, big_spender=514, thanks=11_148, win_back=11_908
    )
    assert figures.mails == 46_626
    assert len({cdnow.event(purchase)["messageId"] for purchase in purchases}) == 69_659
    customers = list(cdnow.customers(purchases))
    assert len(customers) == 23_570
    assert customers[0] == {
        "id": "00001",
        "email": "00001@cdnow.example",
        "cohort": "1997-01",
        "first_purchase": "1997-01-01",
    }


def test_the_first_purchase_is_used_up_whatever_it_cost() -> None:
    """R22: only the second purchase decides, and exactly $100 is not over $100."""
    purchases = [
        Purchase(2, "a", "1997-01-01", 1, 500.0),  # alone: win-back
        Purchase(3, "b", "1997-01-01", 1, 1.0),
        Purchase(4, "b", "1997-01-02", 1, 100.0),  # thanks
        Purchase(5, "b", "1997-01-03", 1, 500.0),  # after the run
        Purchase(6, "c", "1997-01-01", 1, 500.0),
        Purchase(7, "c", "1997-01-02", 1, 100.01),  # big-spender
    ]
    figures = cdnow.expected(purchases)
    assert (figures.big_spender, figures.thanks, figures.win_back, figures.mails) == (1, 1, 1, 5)


def test_arms_stay_within_four_standard_deviations() -> None:
    assert cdnow.arm_bounds(23_570) == (11_478, 12_092)
    assert cdnow.arm_bounds(100) == (30, 70)


FIGURES = Figures(customers=6, events=20, entries=6, big_spender=1, thanks=2, win_back=3)
FOUND = Found(
    customers=6,
    accepted=20,
    stats={
        "entered": 6,
        "active": 0,
        "ended": {"big-spender": 1, "thanks": 2, "win-back": 3},
        "steps": {"arms": {"left": {"patient": 4, "eager": 2}}},
    },
    requests=Requests(11, {f"s{n}" for n in range(11)}, {"welcome": 6, "thanks": 2, "win-back": 3}),
    claims={"sent": 11},
    inbox=11,
    inbox_ids=11,
    replayed=Replayed(9, 26, 0, ""),
    seconds=61.4,
    stream_seconds=2.0,
)


def test_all_agree() -> None:
    assert all(check.ok for check in checks(FIGURES, FOUND))
    assert last_line(FIGURES, FOUND) == (
        "demo: ok customers=6 events=20 runs=6 mails=11 duplicates=0 lost=0 seconds=61 events_per_second=10"
    )


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"accepted": 19}, "events taken by the API"),
        ({"customers": 7}, "customers in PostgreSQL"),
        ({"inbox": 12}, "mails in the inbox"),
        ({"inbox_ids": 10}, "  different ids"),
        ({"claims": {"sent": 11, "unknown": 1}}, "claims in any other state"),
        ({"claims": {"sent": 10, "claimed": 1}}, "claims sent, in PostgreSQL"),
        ({"replayed": Replayed(9, 26, 1, "round 3")}, "  rounds with another digest"),
        ({"replayed": Replayed(0, 0, 0, "")}, "journal replayed: inputs"),
        ({"requests": Requests(12, {f"s{n}" for n in range(11)}, {"welcome": 7})}, "send requests in Kafka"),
    ],
)
def test_one_figure_that_differs_fails_the_demo(change: dict, wrong: str) -> None:
    found = copy.copy(FOUND)
    for name, value in change.items():
        setattr(found, name, value)
    assert wrong in [check.what for check in checks(FIGURES, found) if not check.ok]
    assert last_line(FIGURES, found).startswith("demo: FAILED wrong=")


def test_what_is_missing_is_lost_and_what_is_there_twice_is_a_duplicate() -> None:
    found = copy.copy(FOUND)
    found.inbox, found.inbox_ids = 11, 10
    assert "duplicates=1 lost=1" in last_line(FIGURES, found)
