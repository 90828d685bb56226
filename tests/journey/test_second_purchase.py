"""The example of `local-env`: what a customer of the demo goes through (R22)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

LOCAL = Path(__file__).parents[2] / "local-env"


@pytest.fixture
def shop(world: Any) -> Any:
    files = (LOCAL / "templates").glob("*.yaml")
    templates = {made["id"]: made for made in (yaml.safe_load(file.read_text()) for file in files)}
    return world(yaml.safe_load((LOCAL / "journeys" / "second-purchase.yaml").read_text()), templates=templates)


def buy(shop: Any, amount: float) -> None:
    shop.event("purchase", cds=1, amount=amount, date="19970101")


def test_the_first_purchase_brings_the_welcome_mail_and_an_arm(shop: Any) -> None:
    buy(shop, 250)
    assert [made.template for made in shop.sends()] == ["welcome"]
    assert shop.at in ("patient", "eager")
    assert shop.customer.core.assignments == {"second-purchase/arms": shop.at}


def test_a_second_purchase_in_time_brings_thanks(shop: Any) -> None:
    buy(shop, 10)
    assert shop.wait(19_999) == []
    buy(shop, 100)
    assert [made.template for made in shop.sends()] == ["thanks"]
    assert shop.decision("ended").outcome == "thanks"
    assert shop.decision("not_entered").reason == "already_in"


def test_after_20_seconds_without_a_purchase_comes_the_win_back_mail(shop: Any) -> None:
    buy(shop, 10)
    shop.wait(20_000)
    assert [made.template for made in shop.sends()] == ["win-back"]
    assert shop.decision("ended").outcome == "win-back"


def test_a_second_purchase_over_100_dollars_ends_the_journey_without_a_mail(shop: Any) -> None:
    buy(shop, 10)
    buy(shop, 100.01)
    assert (shop.sends(), shop.decision("ended").outcome) == ([], "big-spender")


def test_nobody_enters_twice(shop: Any) -> None:
    for _ in range(3):
        buy(shop, 10)
    assert shop.kinds() == ["not_entered"]
    assert shop.decision("not_entered").reason == "reentry"
