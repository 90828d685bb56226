"""An item that was found good, and where it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from api.items import Item
from laudstream.customers.row import Row


class Taken(msgspec.Struct, gc=False):
    index: int
    item: Item
    customer: str
    key: bytes
    partition: int
    row: Row | None = None
    merged: bool = False
    """It has made two customers one."""

    def move(self, roots: Mapping[str, str], place: Callable[[str, str], tuple[bytes, int]], workspace: str) -> None:
        """To the root, if the customer is an alias."""
        root = roots.get(self.customer)
        if root is not None:
            self.customer = root
            self.key, self.partition = place(workspace, root)
