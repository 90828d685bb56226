"""The sender worker: hands messages to providers. `laudstream worker senders`."""

from __future__ import annotations

from collections.abc import Sequence

from agents.definitions import Definitions
from agents.email import EmailSender
from agents.stream_app import StreamApp
from agents.streams import BatchHandler
from agents.webhook import WebhookSender
from laudstream.errors import Invalid
from laudstream.postgres.pool import Pool
from laudstream.settings import Settings, load

CHANNELS: dict[str, type[EmailSender] | type[WebhookSender]] = {"email": EmailSender, "webhook": WebhookSender}


class SenderApp(StreamApp):
    kind = "senders"

    def __init__(self, settings: Settings, channels: Sequence[str] = tuple(CHANNELS)) -> None:
        unknown = [name for name in channels if name not in CHANNELS]
        if unknown:
            raise Invalid(f"no sender for {', '.join(unknown)}; there are: {', '.join(CHANNELS)}")
        self._channels = tuple(name for name in CHANNELS if name in channels)
        if len(self._channels) < len(CHANNELS):  # members of a group read the same topics
            self.kind = f"senders-{'-'.join(self._channels)}"
        self.definitions = Definitions(settings)
        super().__init__(settings, [topic for name in channels for topic in CHANNELS[name].topics])

    async def make_handlers(self, pool: Pool) -> Sequence[BatchHandler]:
        await self.definitions.start()
        return [CHANNELS[name](self.settings, self.definitions) for name in self._channels]

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        await self.definitions.stop()


def __getattr__(name: str) -> SenderApp:
    """`faust -A agents.senders worker` asks for `app`."""
    if name != "app":
        raise AttributeError(name)
    return SenderApp(load())
