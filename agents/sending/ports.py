"""What a channel is to the pump: it makes a message of a request, and takes it over a connection."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Protocol


class NotYet(Exception):
    """A message cannot be made now."""

    def __init__(self, pause_s: float = 1.0) -> None:
        super().__init__()
        self.pause = timedelta(seconds=pause_s)


class Answer(Protocol):
    @property
    def code(self) -> int:
        """0: there was none."""


class Connection(Protocol):
    """Messages and answers are the channel's."""

    @property
    def usable(self) -> bool: ...
    async def deliver(self, message: Any, /) -> Answer: ...
    async def close(self) -> None: ...
