"""Mail addresses: `ann@example.com` and `Ann Example <ann@example.com>`.

What is accepted is the part of RFC 5321/5322 that mail servers take in practice: a dot-atom of ASCII before the
`@`, a host name (international ones come as `xn--…`) after it. No quoted local parts, comments, groups, routes
or address literals. Control characters, line ends above all, are refused everywhere: an address ends up in a header
and on an SMTP command line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from laudstream.errors import Invalid, Problem

MAX_ADDRESS = 254  # characters, RFC 5321 4.5.3.1.3
MAX_LOCAL = 64
MAX_NAME = 200

_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"({_LOCAL})@({_LABEL}(?:\.{_LABEL})*)")
_NAMED = re.compile(r' *(?:"([^"\\]*)"|([^"<>]*?)) *<([^<> ]+)> *')


class BadAddress(Invalid):
    """Text that is no mail address."""


class Mailbox(NamedTuple):
    name: str
    """Display name, may be empty."""
    address: str


def address(text: str) -> str:
    """`text` without surrounding blanks if it is a mail address. Raises BadAddress."""
    plain = text.strip(" ")
    found = _ADDRESS.fullmatch(plain) if len(plain) <= MAX_ADDRESS else None
    if found is None or len(found[1]) > MAX_LOCAL:
        shown = ascii(text[:60])
        raise BadAddress(f"{shown} is not a mail address", (Problem("/to", f"{shown} is not a mail address"),))
    return plain


def mailbox(text: str) -> Mailbox:
    """Name and address of `Name <address>` or of a bare address. Raises BadAddress."""
    if len(text) > MAX_ADDRESS + MAX_NAME + 8:
        raise BadAddress("the sender is too long")
    named = _NAMED.fullmatch(text)
    if named is None:
        return Mailbox("", address(text))
    name = (named[1] if named[1] is not None else named[2]).strip(" ")
    if not text.isprintable() or len(name) > MAX_NAME:
        raise BadAddress(f"the name of a sender has at most {MAX_NAME} printable characters")
    return Mailbox(name, address(named[3]))
