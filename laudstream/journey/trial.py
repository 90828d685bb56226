"""Two versions side by side: which of them takes a customer who enters (R48).

A version on trial takes a share of those who enter beside the live one. A hash of journey and customer decides, so
the answer is the same whenever the customer comes, and a larger share only adds customers.
"""

from __future__ import annotations

from laudstream.ids import share
from laudstream.journey.live import LiveJourney
from laudstream.journey.work import Work


def belongs(workspace: str, journey: str, customer: str, of: int) -> bool:
    """Whether the customer is within a share of `of`/10,000."""
    return share("trial", workspace, journey, customer) < of


def taking(work: Work, live: LiveJourney, otherwise: int) -> int:
    """The version that takes the customer now; `otherwise` where none is on trial for it."""
    version, of, since = live.status.trial
    if version and since <= work.moment.now and belongs(work.workspace, live.id, work.customer, of):
        return version
    return otherwise
