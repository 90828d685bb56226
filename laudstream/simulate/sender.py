"""The virtual sender: what becomes of each send request, and when. Nothing is rendered and nothing leaves.

Chance is a hash of the seed and the send id: the same message has the same fate in every run, and also under another
version of the journey if it is the same message there.
"""

from __future__ import annotations

import msgspec

from laudstream.errors import Invalid
from laudstream.ids import share
from laudstream.journey.reasons import Reason
from laudstream.journey.steps import ACTIONS
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest

_WHOLE = 10_000
DELIVERED_MS = 2_000
"""From `sent` to `delivered` or `bounced`."""
OPENED_WITHIN_MS = 86_400_000
"""Opens come within a day, clicks within an hour of them; when is a matter of the same hash."""
CLICKED_WITHIN_MS = 3_600_000


class Fate(msgspec.Struct, frozen=True, gc=False):
    """A delivery to come."""

    at: int
    kind: str
    reason: str = ""


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Rates are shares of all messages that were sent, 0 to 1; a click is also an open, an open also a delivery."""

    seed: int = 0
    after_ms: int = 1_000
    """From the request to `sent`."""
    held: bool = False
    """Nothing is sent by itself: somebody delivers every message by hand."""
    delivered: float = 0.0
    opened: float = 0.0
    clicked: float = 0.0
    bounced: float = 0.0

    def __post_init__(self) -> None:
        if self.after_ms < 0:
            raise Invalid(f"a message cannot be sent {-self.after_ms} ms before it is requested")
        for name in ("delivered", "opened", "clicked", "bounced"):
            if not 0 <= getattr(self, name) <= 1:
                raise Invalid(f"the rate of {name} is {getattr(self, name)}; write a share from 0 to 1")
        if self.clicked > self.opened and self.opened:
            raise Invalid(f"more are clicked ({self.clicked}) than opened ({self.opened}); raise `opened`")

    def fates(self, request: SendRequest, at: int) -> list[Fate]:
        """What comes after `sent` at that time (ms)."""
        rates = self.bounced or self.delivered or self.opened or self.clicked
        if not rates or request.channel in ACTIONS:
            return []
        if self._falls("bounced", request) < self.bounced * _WHOLE:
            return [Fate(at + DELIVERED_MS, "bounced", Reason.NO_SUCH_ADDRESS)]
        point = self._falls("read", request)
        opens, clicks = point < max(self.opened, self.clicked) * _WHOLE, point < self.clicked * _WHOLE
        if not opens and self._falls("delivered", request) >= self.delivered * _WHOLE:
            return []
        arrived = at + DELIVERED_MS
        fates = [Fate(arrived, "delivered")]
        if opens:
            opened = arrived + 1 + self._falls("when", request) * OPENED_WITHIN_MS // _WHOLE
            fates.append(Fate(opened, "opened"))
            if clicks:
                within = self._falls("then", request) * CLICKED_WITHIN_MS // _WHOLE
                fates.append(Fate(opened + 1 + within, "clicked"))
        return fates

    def _falls(self, what: str, request: SendRequest) -> int:
        return share(what, str(self.seed), request.send_id)


def delivery(request: SendRequest, fate: Fate) -> Delivery:
    """The record that a sender or a callback would write."""
    return Delivery(
        f"{request.send_id}-{fate.kind}", request.send_id, request.workspace, request.customer, fate.kind, fate.at,
        request.channel, request.message_class, request.journey, request.version, request.run, request.step,
        request.visit, request.attempt, request.template, request.template_version, fate.reason,
        life=request.life,
    )  # fmt: skip
