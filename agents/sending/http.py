"""Calls over HTTP: kept connections, bounded answers, no redirect, no proxy, no cookie."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace
from typing import Any

import aiohttp
from yarl import URL

from agents.sending.guard import Forbidden, Guard, Resolver
from agents.sending.places import Places
from laudstream.channels.webhook import Answer, Call

MAX_ANSWER = 64 << 10  # bytes that are read of an answer; what sends more is hung up on
SHOWN = 400  # bytes that a delivery says of it
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
KEEP_S = 4.0
"""An idle connection is kept so long: less than servers do, which often hang up after five seconds."""
DNS_S = 10


class Caller:
    """One per process; any number of calls at a time."""

    usable = True

    def __init__(self, guard: Guard, places: Places, timeout_s: float, resolver: Resolver | None = None) -> None:
        self._guard, self._places, self._timeout_s = guard, places, timeout_s
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    def start(self) -> None:
        """Within a running loop."""
        trace = aiohttp.TraceConfig()
        for signal in (trace.on_connection_create_end, trace.on_connection_reuseconn):
            signal.append(_connected)
        connector = aiohttp.TCPConnector(
            limit=0, resolver=self._resolver or Resolver(self._guard), socket_factory=self._guard.socket,
            ttl_dns_cache=DNS_S, keepalive_timeout=KEEP_S,
        )  # fmt: skip
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=self._timeout_s / 2),
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept", "Content-Type"), trace_configs=[trace],
            requote_redirect_url=False,
        )  # fmt: skip

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def close(self) -> None:
        """Nothing: a connection is the session's."""

    async def deliver(self, call: Call) -> Answer:
        """Makes one call. Never raises for what the other side does."""
        assert self._session is not None
        pause = self._places.pause(call.place, time.monotonic())
        if pause:
            return Answer(0, f"{call.place} rests, it did not answer", "connect", pause_s=pause)
        gone = SimpleNamespace(connected=False)
        try:
            url = URL(call.url, encoded=True)
            self._check(call, url)
            async with self._session.request(
                call.method, url, headers=call.headers, data=call.body, allow_redirects=False, trace_request_ctx=gone
            ) as response:
                answer = await _answer(response)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            answer = self._failed(error, gone)
        well = answer.code > 0 and answer.code not in (502, 503, 504)
        self._places.ended(call.place, time.monotonic(), well=well or answer.at == "refused")
        return answer

    def _check(self, call: Call, url: URL) -> None:
        """Raises Forbidden, ValueError for what could say more than it should."""
        if any(_CONTROL.search(name + value) for name, value in call.headers) or not url.raw_host:
            raise ValueError("a header or the address is not fit for the wire")
        try:
            self._guard.check(url.host or "")
        except ValueError:
            return  # a name

    def _failed(self, error: Exception, gone: SimpleNamespace) -> Answer:
        forbidden = _forbidden(error)
        if forbidden is not None:
            return Answer(0, str(forbidden), "refused")
        if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError) and not gone.connected:
            return Answer(0, str(error), "refused")  # it cannot be put on the wire: a header, an address
        if isinstance(error, aiohttp.InvalidURL):
            return Answer(0, f"{error}", "refused")
        said = str(error) or type(error).__name__
        if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
            said = f"no answer within {self._timeout_s:g} s"
        return Answer(0, said, "sent" if gone.connected else "connect")


async def _connected(session: aiohttp.ClientSession, context: Any, params: Any) -> None:
    """From here on something may have left."""
    context.trace_request_ctx.connected = True


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    """Reads an answer to its end, if that comes soon: only then is the connection used again."""
    text = b""
    try:
        while len(text) < MAX_ANSWER:
            chunk = await response.content.read(MAX_ANSWER - len(text))
            if not chunk:
                break
            text += chunk
        else:
            response.close()
    except (TimeoutError, aiohttp.ClientError, OSError):  # the status is what counts
        response.close()
    shown = f"{response.reason or ''} {text[:SHOWN].decode('utf-8', 'replace')}"
    return Answer(response.status, shown, "sent", response.headers.get("Retry-After", ""))


def _forbidden(error: BaseException | None) -> Forbidden | None:
    """The guard's word, in whatever it is wrapped."""
    seen = 0
    todo = [error]
    while todo and seen < 20:
        seen += 1
        found = todo.pop()
        if isinstance(found, Forbidden):
            return found
        if found is not None:
            todo += [getattr(found, "os_error", None), found.__cause__, found.__context__]
            todo += list(found.exceptions) if isinstance(found, BaseExceptionGroup) else []
    return None
