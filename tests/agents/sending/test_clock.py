"""Senders keep their leases by PostgreSQL's clock, whatever their hosts say (A21)."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from agents.email import EmailSender
from agents.sending.claims import Claim, Claims
from agents.sending.clock import ServerClock
from laudstream.settings import Settings

LEASE = timedelta(seconds=60)
HOUR = 3600


async def test_a_host_that_is_an_hour_ahead_takes_nothing_for_lost_that_others_have_on_the_wire(shop: Any) -> None:
    """A transactional mail was sent twice then, each of them."""
    here, ahead = ServerClock(), ServerClock(host=lambda: time.time() + HOUR)
    assert ahead() - here() > LEASE
    for clock in (here, ahead):
        await clock.ask(shop.pool)
    first, second = (Claims(shop.pool, f"email-{shop.id}", owner, LEASE) for owner in ("a", "b"))
    request = shop.request(int(here().timestamp() * 1000), on_unknown="retry")
    await first.claim([request], here())
    await first.hand_over([Claim(request)], here())
    assert await second.recover(ahead()) == ([], [])
    assert await second.take(ahead(), 10, transactional=False) == []


async def test_it_goes_on_by_a_counter_and_not_by_the_host(shop: Any) -> None:
    count = 5.0
    clock = ServerClock(counter=lambda: count, host=lambda: 0.0)
    await clock.ask(shop.pool)
    asked: datetime = clock()
    assert abs(asked - await shop.pool.fetchval("SELECT clock_timestamp()")) < LEASE
    count += 90
    assert clock() - asked == timedelta(seconds=90)


def test_a_sender_goes_by_it(dsn: str) -> None:
    sender = EmailSender(Settings(worker_database_url=dsn, smtp_url="smtp://127.0.0.1:1"), None)  # type: ignore[arg-type]
    assert isinstance(sender._now, ServerClock)
    assert sender._now is sender._clock
