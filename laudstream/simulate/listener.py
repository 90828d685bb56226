"""What is told of everything that happens in a simulation."""

from __future__ import annotations

from laudstream.journey.decision import Decision
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest


class Listener:
    """Does nothing by itself. A method that is not overridden is not called, and costs nothing."""

    ids = True
    """Whether `decided` reads the ids of decisions. They are made only if somebody does."""

    def decided(self, decision: Decision) -> None:
        pass

    def requested(self, request: SendRequest) -> None:
        pass

    def delivered(self, delivery: Delivery) -> None:
        pass
