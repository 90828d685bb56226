"""Addresses of webhooks: scheme, host and port are written out; what Liquid puts behind them is percent-encoded, so
that a value never leads anywhere else."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from liquid.exceptions import LiquidError
from liquid.token import TOKEN_CONTENT, TOKEN_EXPRESSION, TOKEN_OUTPUT

from laudstream.messages import sandbox
from laudstream.messages.webhook.reader import Reader

MAX_URL = 2_000  # characters, of the template and of what comes out

_PLACE = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?(?=[/?]|\Z)")
_REST = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_DOTS = re.compile(r"(?:\.|%2[eE]){1,2}")


def read(reader: Reader, source: object) -> tuple[str, tuple[Any, ...]]:
    """(host and port, the parts): a part is literal text, or a template."""
    if not isinstance(source, str) or not source.strip():
        reader.wrong("/url", "url is missing", "write e.g. https://api.example.com/orders")
        return "", ()
    if len(source) > MAX_URL:
        reader.wrong("/url", f"url is longer than {MAX_URL} characters", "make it shorter")
        return "", ()
    parts: list[Any] = []
    literal: list[str] = []
    try:
        for token in sandbox.tokens(source):
            if token.kind == TOKEN_CONTENT:
                parts.append(token.value)
                literal.append(token.value)
            elif token.kind == TOKEN_OUTPUT:
                parts.append(reader.template(token.value, "/url"))
            elif token.kind != TOKEN_EXPRESSION:
                reader.wrong("/url", "an address takes values, `{{ … }}`, and no tags", "compute it in `{{ … | … }}`")
                return "", ()
    except LiquidError as error:
        reader.wrong("/url", " ".join(str(error.message).split())[:300], "see the Liquid syntax")
        return "", ()
    begin = parts[0] if parts and isinstance(parts[0], str) else ""
    found = _PLACE.match(begin)
    if found is None or (len(parts) > 1 and found.end() == len(begin)):
        fix = "begin with http:// or https://, a host and a slash; values come after that"
        reader.wrong("/url", "scheme, host and port of an address are written out, without name or password", fix)
        return "", ()
    why = _bad_host(found[2]) or ("" if 0 < int(found[3] or 80) < 1 << 16 else f"{found[3]} is no port")
    if why:
        reader.wrong("/url", why, "write the name of a host, or its address")
    if not all(map(_REST.fullmatch, (begin[found.end() :], *literal[1:]))):
        reader.wrong("/url", "characters that no address has, or a fragment", "percent-encode them, leave `#…` out")
    if not any(part is None for part in parts[1:]) and dotted("x".join(literal)):
        reader.wrong("/url", "`.` and `..` are no parts of an address here", "write where it leads to")
    return begin[found.start(2) : found.end()].lower(), tuple(parts)


def _bad_host(host: str) -> str:
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return f"{host} is no IPv6 address"
        return ""
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        return f"{host[:80]!r} is no host"
    if _NUMBER.fullmatch(labels[-1]):  # 127.1, 0x7f.1 and 2130706433 are addresses to some and names to others
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return f"{host[:80]!r} is no IPv4 address"
    return ""


def dotted(url: str) -> bool:
    """Whether a part of the path means another folder."""
    path = url.partition("://")[2].partition("?")[0]
    return any(map(_DOTS.fullmatch, path.split("/")[1:]))
