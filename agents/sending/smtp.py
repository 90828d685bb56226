"""Kept connections to a mail server, one mail at a time on each.

aiosmtplib connects (TLS, EHLO, AUTH); after that the connection is ours: MAIL, RCPT and DATA go out in one piece where
the server allows it (PIPELINING, RFC 2920), which saves two round trips and most of the CPU of a mail. A connection
that fails is closed and opened anew with back-off.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from typing import NamedTuple, cast
from urllib.parse import unquote, urlsplit

import aiosmtplib

from laudstream.channels.email import Answer, Mail
from laudstream.errors import Invalid, Unavailable

_DOT = re.compile(rb"(?m)^\.")
_MAX_REPLY = 32_768  # bytes of one reply


class Server(NamedTuple):
    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None


def server(url: str) -> Server:
    """The mail server of `smtp[s]://[user:password@]host:port`. Raises Invalid."""
    parts = urlsplit(url)
    try:
        port = parts.port or {"smtp": 25, "smtps": 465}[parts.scheme]
    except (KeyError, ValueError):
        raise Invalid(f"smtp_url is not smtp[s]://[user:password@]host:port but {parts.scheme}://…") from None
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return Server(parts.hostname or "localhost", port, parts.scheme == "smtps", user, password)


class _Lost(Exception):
    """The connection is gone, or the server says what no server may say."""


class _Wire(asyncio.Protocol):
    """Replies of a server, in order. Everything ends in `_Lost` when the connection does."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.lost: str | None = None
        self._buffer = b""
        self._lines: list[bytes] = []
        self._replies: deque[tuple[int, str]] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._lines.append(line[4:].rstrip(b"\r"))
            if line[3:4] != b"-":
                text = b" ".join(self._lines).decode("utf-8", "replace")
                self._replies.append((int(line[:3]) if line[:3].isdigit() else 0, text))
                self._lines.clear()
        if len(self._buffer) + sum(map(len, self._lines)) > _MAX_REPLY:
            self.end("the reply is too long")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(str(exc) if exc else "the server closed the connection")

    def end(self, why: str) -> None:
        self.lost = self.lost or why
        self.transport.close()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def reply(self) -> tuple[int, str]:
        while not self._replies:
            if self.lost is not None:
                raise _Lost(self.lost)
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        code, text = self._replies.popleft()
        if not 200 <= code <= 599:
            self.end(f"the server answered {code} {text[:100]}")
            raise _Lost(self.lost)
        return code, text

    @property
    def idle(self) -> bool:
        """Nothing unasked for has come: what did, for instance 421, means that the server is leaving."""
        return self.lost is None and not self._replies and not self._buffer and not self._lines


class Connection:
    """One connection. `deliver` hands one mail over; where it fails, `usable` turns false."""

    def __init__(self, wire: _Wire, client: aiosmtplib.SMTP, timeout: float) -> None:
        self._wire = wire
        self._client = client  # holds what belongs to the transport
        self._timeout = timeout
        self._pipelining = client.supports_extension("pipelining")
        self._dirty = False

    @classmethod
    async def open(cls, to: Server, timeout: float) -> Connection:
        """Raises Unavailable."""
        client = aiosmtplib.SMTP(
            hostname=to.host, port=to.port, use_tls=to.tls, username=to.user, password=to.password,
            timeout=timeout, local_hostname="localhost" if to.host in ("127.0.0.1", "localhost") else None,
        )  # fmt: skip
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await _greet(client)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            client.close()
            raise Unavailable(f"mail server {to.host}:{to.port}: {error or type(error).__name__}") from None
        transport = cast(asyncio.Transport, client.transport)
        wire = _Wire(transport)
        transport.set_protocol(wire)
        return cls(wire, client, timeout)

    @property
    def usable(self) -> bool:
        return self._wire.idle

    async def deliver(self, mail: Mail) -> Answer:
        """Hands one mail over. Never raises for what the server does; silence counts after `timeout` s."""
        loop = asyncio.get_running_loop()
        alarm = loop.call_later(self._timeout, self._wire.end, f"no answer within {self._timeout:g} s")
        at = "mail"
        try:
            at, refused = await self._open_envelope(mail)
            if refused is not None:
                self._dirty = True
                return Answer(*refused, at)
            alarm.cancel()
            alarm = loop.call_later(self._timeout, self._wire.end, f"no answer within {self._timeout:g} s")
            if self._wire.lost is not None:
                raise _Lost(self._wire.lost)
            at = "content"
            self._wire.transport.write(_DOT.sub(b"..", mail.content) + b".\r\n")
            code, text = await self._wire.reply()
            return Answer(code, text, at)
        except _Lost as error:
            return Answer(0, str(error), at)
        finally:
            alarm.cancel()

    async def _open_envelope(self, mail: Mail) -> tuple[str, tuple[int, str] | None]:
        """(where it stands, the reply that refused the mail or None)."""
        commands = [("mail", b"MAIL FROM:<%b>\r\n" % mail.sender.encode("ascii"))]
        if self._dirty:
            commands.insert(0, ("mail", b"RSET\r\n"))
        commands += [("rcpt", b"RCPT TO:<%b>\r\n" % mail.to.encode("ascii")), ("data", b"DATA\r\n")]
        self._dirty = False
        if self._pipelining:
            self._wire.transport.write(b"".join(line for _, line in commands))
        refused: tuple[str, tuple[int, str]] | None = None
        for at, line in commands:
            if not self._pipelining:
                self._wire.transport.write(line)
            code, text = await self._wire.reply()
            if refused is None and code // 100 != (3 if at == "data" else 2):
                refused = at, (code, text)
            elif refused is not None and code == 354:  # the server wants a mail without a recipient
                self._wire.transport.write(b".\r\n")
                await self._wire.reply()
            if refused is not None and not self._pipelining:
                break
        return refused or ("data", None)

    async def close(self) -> None:
        """Says goodbye if it can."""
        if self.usable:
            self._wire.transport.write(b"QUIT\r\n")
            with contextlib.suppress(_Lost, TimeoutError):
                await asyncio.wait_for(self._wire.reply(), 1.0)
        self._wire.end("closed")
        self._client.close()


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()
