"""What comes into a virtual world from outside."""

from __future__ import annotations

from typing import NamedTuple

from laudstream.customers.event import Event


class Post(NamedTuple):
    """Something that a customer did, to be handed in at `at` (ms). Of an identify the properties are the traits, of
    an alias `previousId`: who turns out to be this customer."""

    at: int
    customer: str
    event: Event
