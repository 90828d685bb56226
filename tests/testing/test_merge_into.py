"""Customers of a test that turn out to be one (R50)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.errors import Invalid
from laudstream.testing import World

CART: dict[str, Any] = {
    "id": "cart",
    "entry": [{"event": {"name": "cart_updated"}, "reentry": "always"}],
    "exit": [{"event": {"name": "order_completed"}, "outcome": "bought"}],
    "settings": {"caps": [{"limit": 1, "per": "P7D"}]},
    "start": "hour",
    "steps": {
        "hour": {"delay": {"for": "PT1H"}, "next": "remind"},
        "remind": {"message": {"channel": "email", "template": "reminder", "subscription": "news"}, "next": "look"},
        "look": {
            "wait": {
                "branches": [{"message": {"of": ["remind"], "is": "clicked"}, "next": "clicked"}],
                "timeout": {"after": "P1D", "next": "done"},
            }
        },
        "clicked": {"exit": {"outcome": "clicked"}},
        "done": {"exit": {"outcome": "reminded"}},
    },
}
NEWS = {"kind": "subscription", "id": "news", "channel": "email", "opt_in": "implied"}


@pytest.fixture
def world() -> World:
    return World(NEWS, CART, at="2026-01-05T09:00")


def test_r50_the_cart_of_a_visitor_is_known_when_she_signs_in(world: World) -> None:
    visitor, ann = world.stranger("visitor"), world.customer("ann", email="ann@example.org")
    visitor.track("cart_updated")
    visitor.merge_into(ann)
    ann.assert_at("hour")
    ann.track("order_completed")
    ann.assert_ended("bought")
    ann.assert_path("hour")
    assert "took in visitor" in ann.timeline()
    world.pass_time("PT2H")
    ann.assert_messages()


def test_r50_what_comes_for_the_visitor_later_is_hers(world: World) -> None:
    visitor, ann = world.customer("visitor", email="v@example.org"), world.customer("ann", email="ann@example.org")
    visitor.track("cart_updated")
    world.pass_time("PT1H")
    visitor.merge_into(ann)
    visitor.clicks("reminder")
    ann.assert_ended("clicked")
    visitor.track("cart_updated")
    ann.assert_at("hour")
    world.pass_time("PT1H")
    ann.assert_refused("reminder", "cap")


def test_r50_the_stricter_consent_and_the_suppression_are_hers(world: World) -> None:
    visitor, ann = world.customer("visitor"), world.customer("ann", email="ann@example.org")
    visitor.unsubscribe(subscription="news")
    ann.consent("subscribed", subscription="news")
    visitor.merge_into(ann)
    ann.track("cart_updated")
    world.pass_time("PT1H")
    ann.assert_refused("reminder", "unsubscribed")


def test_r50_the_known_ones_attributes_win_and_empty_ones_are_filled(world: World) -> None:
    visitor = world.customer("visitor", email="v@example.org", city="Bonn")
    ann = world.customer("ann", email="ann@example.org", city="")
    visitor.merge_into(ann)
    assert ann.attributes == {"email": "ann@example.org", "city": "Bonn"}


def test_who_is_one_already_cannot_be_merged(world: World) -> None:
    visitor, ann = world.stranger("visitor"), world.customer("ann")
    visitor.merge_into(ann)
    with pytest.raises(Invalid, match="are one customer"):
        visitor.merge_into(ann)


def test_a_chain_of_merges_ends_at_the_last_one(world: World) -> None:
    first, second, third = world.stranger("first"), world.stranger("second"), world.customer("third")
    first.track("cart_updated")
    first.merge_into(second)
    second.merge_into(third)
    third.assert_at("hour")
    first.track("order_completed")
    third.assert_ended("bought")
