"""The email sender: send requests in, mails out over SMTP, deliveries back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from agents.sending import smtp
from agents.sending.forms import DefinitionReader, Ready, values
from agents.sending.sender import Sender, topics_of
from laudstream.channels.email import Answer, Mail, build, read
from laudstream.channels.verdict import Verdict
from laudstream.messages import template
from laudstream.messages.request import SendRequest
from laudstream.settings import Settings

CHANNEL = "email"


class Letterhead:
    """Makes the mail of a request: its template, compiled once, filled in, as bytes."""

    def __init__(self, definitions: DefinitionReader, mail_from: str) -> None:
        self._ready = Ready(definitions, CHANNEL, template.compile)
        self._mail_from = mail_from

    def mail(self, request: SendRequest) -> Mail:
        """Raises Invalid if it can never be sent, NotYet if the template is not here yet."""
        compiled = self._ready.of(request)
        return build(request, template.render(compiled, values(request)), compiled.sender or self._mail_from)


class EmailSender(Sender):
    channel = CHANNEL
    topics = topics_of(CHANNEL)

    def __init__(
        self, settings: Settings, definitions: DefinitionReader, now: Callable[[], datetime] | None = None
    ) -> None:
        super().__init__(settings, settings.send_connections, settings.send_timeout_s, now)
        self._letterhead = Letterhead(definitions, settings.mail_from)
        self._server = smtp.server(settings.smtp_url)

    @property
    def target(self) -> str:
        return f"{self._server.host}:{self._server.port}"

    def prepare(self, request: SendRequest) -> Mail:
        return self._letterhead.mail(request)

    async def connect(self) -> smtp.Connection:
        return await smtp.Connection.open(self._server, self._timeout_s)

    def judge(self, answer: Answer) -> Verdict:
        return read(answer)
