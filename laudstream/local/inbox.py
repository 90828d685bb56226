"""The development inbox: an SMTP server that delivers nothing and keeps everything in a SQLite file.

`python -m laudstream.local.inbox` listens on the port of `smtp_url` and writes `inbox_db`. A mail is answered
with 250 once it is committed; what comes while a commit runs is committed together by the next one.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import time
from email.header import decode_header, make_header
from typing import Any
from urllib.parse import urlsplit

import structlog
import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session

from laudstream.errors import Invalid
from laudstream.local import inbox_store
from laudstream.local.inbox_store import Incoming
from laudstream.settings import Settings, load

MAX_MAIL = 10 << 20  # bytes
TRIM_EVERY = 5_000  # mails
_PATH = re.compile(r"<([^<>\s]*)>\s*(.*)", re.DOTALL)
_HEADER = {
    name: re.compile(rb"(?im)^" + name + rb":[ \t]*(.*(?:\r?\n[ \t].*)*)")
    for name in (b"subject", b"x-laudstream-send-id")
}
_log = structlog.get_logger()


class Writer:
    """Commits mails in groups. `keep` returns once its mail is in the file."""

    def __init__(self, path: str) -> None:
        self._connection = inbox_store.create(path)
        self._waiting: list[tuple[Incoming, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._since_trim = 0

    async def keep(self, mail: Incoming) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((mail, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            group, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._write, [mail for mail, _ in group])
            except Exception as error:
                _log.error("inbox.not_written", error=str(error), mails=len(group))
                for _, done in group:
                    if not done.done():
                        done.set_exception(error)
            else:
                for _, done in group:
                    if not done.done():
                        done.set_result(None)

    def _write(self, mails: list[Incoming]) -> None:
        inbox_store.write(self._connection, mails)
        self._since_trim += len(mails)
        if self._since_trim >= TRIM_EVERY:
            self._since_trim = 0
            inbox_store.trim(self._connection)

    def close(self) -> None:
        self._connection.close()


class Handler:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = bytes(envelope.content or b"")
        try:
            await self._writer.keep(incoming(envelope.mail_from or "", envelope.rcpt_tos, raw))
        except Exception:
            return "451 the inbox cannot be written"
        return "250 kept"


def incoming(sender: str, recipients: list[str], raw: bytes) -> Incoming:
    head = raw[: 64 << 10].partition(b"\r\n\r\n")[0]
    subject = _header(head, b"subject")
    try:
        subject = str(make_header(decode_header(subject))) if "=?" in subject else subject
    except (LookupError, ValueError):
        pass  # an encoding that nobody knows: shown as it came
    send_id = _header(head, b"x-laudstream-send-id")
    to = ", ".join(recipients)
    return Incoming(int(time.time() * 1000), sender, to, subject[:500], send_id[:64], len(raw), raw)


def _header(head: bytes, name: bytes) -> str:
    found = _HEADER[name].search(head)
    return " ".join(found[1].decode("utf-8", "replace").split()) if found else ""


class Server(SMTP):  # type: ignore[misc]  # aiosmtpd ships no types
    """aiosmtpd, reading a message in one piece instead of line by line, and addresses without a parser of RFC 5322."""

    line_length_limit = MAX_MAIL  # of the reader, too
    _held = b""

    async def push(self, status: str | bytes) -> None:
        """Answers to commands that came in one piece go out in one piece."""
        self._held += (status.encode() if isinstance(status, str) else status) + b"\r\n"
        if not self._reader._buffer:
            held, self._held = self._held, b""
            self._writer.write(held)
            await self._writer.drain()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        found = _PATH.fullmatch(arg)
        return (found[1], found[2]) if found else (None, None)

    async def smtp_DATA(self, arg: str | None) -> None:
        if not self.envelope.rcpt_tos or arg:
            await self.push("503 Error: need RCPT command" if not arg else "501 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        try:
            content = await self._content()
        except asyncio.LimitOverrunError:
            await self.push("552 Error: Too much mail data")
            self.transport.close()
            return
        self.envelope.content = self.envelope.original_content = content
        status = await self._call_handler_hook("DATA")
        self._set_post_data_state()
        await self.push(status)

    async def _content(self) -> bytes:
        """Raises LimitOverrunError for more than MAX_MAIL."""
        self._reader._buffer[:0] = b"\r\n"  # the end of the DATA line: with it an empty message ends like any other
        stuffed: bytes = await self._reader.readuntil(b"\r\n.\r\n")
        return stuffed[:-3].replace(b"\r\n..", b"\r\n.")[2:]


async def serve(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises Invalid if the settings name no inbox."""
    address = urlsplit(settings.smtp_url)
    if not settings.inbox_db or address.port is None:
        raise Invalid("the inbox needs inbox_db, and smtp_url with a port")
    loop = asyncio.get_running_loop()
    writer = Writer(settings.inbox_db)
    writing = asyncio.create_task(writer.run())
    handler = Handler(writer)

    def connection() -> Any:
        return Server(handler, loop=loop, data_size_limit=MAX_MAIL, enable_SMTPUTF8=True, ident="laudstream inbox")

    server = await loop.create_server(connection, address.hostname or "127.0.0.1", address.port)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    _log.info("inbox.listening", port=address.port, file=settings.inbox_db)
    try:
        await stop.wait()
    finally:
        server.close()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        writer.close()


if __name__ == "__main__":
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    uvloop.run(serve(load()))
