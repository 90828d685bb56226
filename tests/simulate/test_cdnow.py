"""The demo's data in the time machine: the same totals as `make demo` shows where time goes as in the demo.

The demo streams the purchases in the order of the file and without their days: a customer's purchases come within
milliseconds, so that the second one always meets the wait of 20 s. `--timestamps drop` does just that, and every figure
agrees. With their days the second purchase comes too late for most, and the arithmetic is another one: only a second
purchase on the day of the first meets the wait. Both are computed here straight from the file.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from laudstream.cli.choice import RATE
from laudstream.cli.files import load
from laudstream.cli.population import _cdnow
from laudstream.local import cdnow
from laudstream.local.cdnow import Figures, Purchase, arm_bounds
from laudstream.simulate.plan import Definition, Plan, run
from laudstream.simulate.report import JourneyReport
from tests.simulate.conftest import LOCAL, START

FEW = 2_000


@pytest.fixture(scope="module")
def purchases() -> list[Purchase]:
    return cdnow.read(LOCAL / "data" / cdnow.FILE)


def simulated(*, keep: bool, people: int = 0) -> tuple[JourneyReport, int]:
    items = [*load(LOCAL / "templates"), *load(LOCAL / "journeys" / "second-purchase.yaml")]
    made = [Definition(item.kind, item.id, item.body) for item in items]
    customers, posts = _cdnow(keep, START)
    if people:
        customers = dict(list(customers.items())[:people])
        posts = [post for post in posts if post.customer in customers]
    plan = Plan(definitions=made, customers=customers, posts=posts, begin=posts[0].at)
    report = run(plan)
    return report.journeys[0], report.handled["deliveries"]


def agrees(report: JourneyReport, deliveries: int, expected: Figures) -> None:
    assert report.entered == expected.entries
    assert report.ended == {
        "big-spender": expected.big_spender, "thanks": expected.thanks, "win-back": expected.win_back,
    }  # fmt: skip
    assert sum(template.requested for template in report.templates) == deliveries == expected.mails
    low, high = arm_bounds(report.entered)
    assert all(low <= count <= high for count in report.arms["arms"].values())
    assert sum(report.not_entered.values()) == expected.events - expected.entries  # every later purchase is refused


def test_the_demo_s_totals_come_out_where_events_come_as_in_the_demo(purchases: list[Purchase]) -> None:
    expected = cdnow.expected(purchases)
    assert (expected.entries, expected.mails) == (23_570, 46_626)  # what `make demo` says: runs=23570 mails=46626
    assert len(purchases) / RATE > 20  # all in all longer than the wait: timers fire between the events
    agrees(*simulated(keep=False), expected)


def test_with_their_days_only_a_second_purchase_on_the_same_day_meets_the_wait(purchases: list[Purchase]) -> None:
    few = [purchase for purchase in purchases if purchase.customer <= f"{FEW:05}"]
    agrees(*simulated(keep=True, people=FEW), same_day(few))


def same_day(purchases: Iterable[Purchase]) -> Figures:
    by_customer: dict[str, list[Purchase]] = {}
    for purchase in purchases:
        by_customer.setdefault(purchase.customer, []).append(purchase)
    seconds = [some[1].amount for some in by_customer.values() if len(some) > 1 and some[0].day == some[1].day]
    big = sum(amount > cdnow.BIG_SPENDER_OVER for amount in seconds)
    customers, events = len(by_customer), sum(map(len, by_customer.values()))
    return Figures(customers, events, customers, big, len(seconds) - big, customers - len(seconds))
