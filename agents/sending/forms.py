"""Templates as senders need them: compiled once, the last used ones kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from agents.sending.ports import NotYet
from laudstream.errors import Invalid
from laudstream.messages.forms import channel_of
from laudstream.messages.request import SendRequest

KEPT = 1_000  # templates kept ready
C = TypeVar("C")


class DefinitionReader(Protocol):
    def body(self, workspace: str, kind: str, id: str, version: int) -> dict[str, Any]:
        """Raises KeyError while the definition is not here yet."""


class Ready(Generic[C]):
    def __init__(self, definitions: DefinitionReader, channel: str, compile: Callable[[dict[str, Any]], C]) -> None:
        self._definitions, self._channel, self._compile = definitions, channel, compile
        self._kept: OrderedDict[tuple[str, str, int], C] = OrderedDict()

    def of(self, request: SendRequest) -> C:
        """The template of a request. Raises NotYet while it is not here, Invalid if it is of another channel."""
        key = request.workspace, request.template, request.template_version
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        try:
            body = self._definitions.body(request.workspace, "template", request.template, request.template_version)
        except KeyError:
            raise NotYet from None
        if channel_of(body) != self._channel:
            raise Invalid(f"the template is of channel {channel_of(body)}, the step of {self._channel}")
        found = self._kept[key] = self._compile(body)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found


def values(request: SendRequest) -> dict[str, Any]:
    """What its template is filled in with."""
    message = {"id": request.send_id, "at": request.requested_at, "class": request.message_class}
    return {"workspace": {"id": request.workspace}, **request.context, "message": message}
