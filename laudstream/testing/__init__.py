"""Tests of journeys, for those who write them: people, events and time in a few lines, no server.

    from laudstream.testing import World

    def test_a_forgotten_cart_is_reminded_of():
        world = World("journeys/abandoned-cart.yaml", at="2026-01-05T09:00")
        ann = world.customer("ann", email="ann@example.org")
        ann.track("cart_updated", cart_id="c1")
        world.pass_time("PT1H")
        ann.assert_messages("cart-reminder")

Journeys run through the same code as in the workers, in the same order, on a clock that moves only when told to.
docs/testing-journeys.md says more.
"""

from laudstream.testing.customer import Customer, Message
from laudstream.testing.world import World

__all__ = ["Customer", "Message", "World"]
