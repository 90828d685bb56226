"""The customers that a round needs, from the cache or the store."""

from __future__ import annotations

from collections.abc import Iterable

from laudstream.errors import Invalid
from laudstream.ids import split_key
from laudstream.journey import codec
from laudstream.journey.customer import Customer
from tables.cache import Cache
from tables.layout import PARTS
from tables.view import View

BASE_BYTES = 700
SPREAD = 5
"""What a decoded customer takes in memory: about BASE_BYTES and SPREAD times its encoded bytes."""


class Loader:
    """Puts them into `now`, by key."""

    def __init__(self, view: View, cache: Cache[Customer], now: dict[bytes, Customer]) -> None:
        self._view, self._cache, self._now = view, cache, now

    def load(self, keys: Iterable[bytes | None]) -> None:
        """Customers that are not here yet; keys may repeat, and some may be none."""
        get, now = self._cache.get, self._now
        absent: dict[bytes, None] = {}
        for key in keys:
            if key in now:
                continue
            if key:
                customer = get(key)
                if customer is None:
                    absent[key] = None
                else:
                    now[key] = customer
        if not absent:
            return
        missing = sorted(absent)  # neighbours lie in one block
        values = self._view.get_many([key + part for key in missing for part in PARTS])
        step = len(PARTS)
        fresh: dict[bytes, Customer] = {}
        for at, key in enumerate(missing):
            try:
                workspace, customer_id = split_key(key)
            except Invalid:
                continue  # its record will be a dead letter
            now[key] = fresh[key] = codec.read(workspace, customer_id, *values[at * step : at * step + step])
        self._cache.update(fresh, BASE_BYTES * len(fresh) + SPREAD * sum(map(len, filter(None, values))))
