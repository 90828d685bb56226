"""The webhook sender: send requests in, calls out over HTTP, deliveries back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from agents.sending.forms import DefinitionReader, Ready, values
from agents.sending.guard import Guard, networks
from agents.sending.http import Caller
from agents.sending.places import Places
from agents.sending.ports import NotYet
from agents.sending.sender import Sender, topics_of
from laudstream.channels.verdict import Verdict
from laudstream.channels.webhook import Answer, Call, build, read, secret_of
from laudstream.messages.request import SendRequest
from laudstream.messages.webhook.call import render
from laudstream.messages.webhook.template import CHANNEL, compile
from laudstream.settings import Settings


class WebhookSender(Sender):
    channel = CHANNEL
    topics = topics_of(CHANNEL)

    def __init__(
        self, settings: Settings, definitions: DefinitionReader, now: Callable[[], datetime] | None = None
    ) -> None:
        """Raises Invalid for networks that are none."""
        super().__init__(settings, settings.webhook_connections, settings.webhook_timeout_s, now)
        self._ready = Ready(definitions, CHANNEL, compile)
        self._places = Places()
        self.caller = Caller(Guard(networks(settings.webhook_networks)), self._places, settings.webhook_timeout_s)

    @property
    def target(self) -> str:
        return self.settings.webhook_networks or "public addresses"

    async def start(self) -> None:
        self.caller.start()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        await self.caller.stop()

    def prepare(self, request: SendRequest) -> Call:
        """Raises NotYet while its place rests, too."""
        compiled = self._ready.of(request)
        pause = self._places.rest(compiled.place, time.monotonic())
        if pause:
            raise NotYet(pause)
        secret = secret_of(self.settings.webhook_secret, request.workspace)
        at = int(self._now().timestamp() * 1000)
        return build(request, render(compiled, values(request)), compiled.place, secret, at)

    async def connect(self) -> Caller:
        return self.caller

    def judge(self, answer: Answer) -> Verdict:
        return read(answer, self._now())
