"""Email: the message as bytes (RFC 5322, MIME), and what a mail server's answer means (RFC 5321).

Written by hand: the library's `email` takes twenty times as long. No header can be injected: the addresses are checked
word by word, the subject is one printable line, and everything else is ours.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import b2a_qp
from datetime import UTC, datetime
from typing import NamedTuple

from laudstream.channels.verdict import Verdict, shown
from laudstream.messages.address import Mailbox, address, mailbox
from laudstream.messages.request import SendRequest
from laudstream.messages.template import Rendered

MAX_LINE = 900  # bytes; RFC 5322 allows 998
_ENCODED_WORD = 45  # bytes of UTF-8 in one encoded word, RFC 2047
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Mail(NamedTuple):
    sender: str
    """Envelope: MAIL FROM."""
    to: str
    """Envelope: RCPT TO."""
    content: bytes
    """The message with CRLF line ends; dots are not yet doubled."""


class Answer(NamedTuple):
    """What came of handing a mail over."""

    code: int
    """Reply code; 0: the connection was lost or stayed silent."""
    text: str
    at: str
    """Where it ended: connect, mail, rcpt, data (before the content), content (all of it was written)."""


def build(request: SendRequest, rendered: Rendered, sender: str) -> Mail:
    """The mail of a request: the same bytes each time. Raises Invalid for an address that is none."""
    to, source = address(request.to), mailbox(sender)
    boundary = f"=_{request.send_id}"
    head = (
        f"From: {_named(source)}\r\n"
        f"To: {to}\r\n"
        f"Subject: {_words(rendered.subject)}\r\n"
        f"Date: {_date(request.requested_at)}\r\n"
        f"Message-ID: <{request.send_id}@{source.address.partition('@')[2]}>\r\n"
        f"X-Laudstream-Send-Id: {request.send_id}\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'
    ).encode("ascii")
    line = f"--{boundary}".encode("ascii")
    content = b"".join((head, line, _part("plain", rendered.text), line, _part("html", rendered.html), line, b"--\r\n"))
    return Mail(source.address, to, content)


def _part(kind: str, text: str) -> bytes:
    """Head and body of a part: as it is if it is ASCII in short lines, else quoted-printable."""
    lines = text.splitlines()
    plain = text.isascii() and "\0" not in text and max(map(len, lines), default=0) <= MAX_LINE
    if plain:
        encoding, body = "7bit", "\r\n".join(lines).encode("ascii")
    else:
        quoted = b2a_qp("\n".join(lines).encode("utf-8", "replace"))
        encoding, body = "quoted-printable", quoted.replace(b"\n", b"\r\n")
    head = f"\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return b"".join((head.encode("ascii"), body, b"\r\n"))


def _named(box: Mailbox) -> str:
    if not box.name:
        return box.address
    simple = box.name.replace(" ", "").isalnum() and box.name.isascii() and len(box.name) <= 60
    return f"{box.name if simple else _words(box.name, always=True)} <{box.address}>"


def _words(text: str, *, always: bool = False) -> str:
    """`text` for a header: as it is if that is safe, else in encoded words (RFC 2047), folded."""
    if text.isascii() and text.isprintable() and "=?" not in text and len(text) <= MAX_LINE and not always:
        return text
    words, chunk = [], b""
    for letter in text:
        octets = letter.encode("utf-8", "replace")
        if len(chunk) + len(octets) > _ENCODED_WORD:
            words.append(chunk)
            chunk = b""
        chunk += octets
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word).decode('ascii')}?=" for word in (*words, chunk))


def _date(at: int) -> str:
    """RFC 5322 date of a time in ms; not `strftime`, which follows the locale."""
    t = datetime.fromtimestamp(at / 1000, UTC)
    day = f"{_DAYS[t.weekday()]}, {t.day:02} {_MONTHS[t.month - 1]} {t.year}"
    return f"{day} {t.hour:02}:{t.minute:02}:{t.second:02} +0000"


def read(answer: Answer) -> Verdict:
    """What an answer means.

    answer                                         | verdict
    2xx to the content                             | sent
    none, after all of the content was written     | unknown: the server may have taken it
    none, before that                              | retry
    4xx anywhere                                   | retry
    5xx to RCPT, or with an address status (5.1.x) | bounced: nobody takes mail at this address
    other 5xx                                      | failed
    """
    detail = shown(f"{answer.code or ''} {answer.text}")
    family = answer.code // 100
    if answer.at == "content" and family == 2:
        return Verdict("sent", "", detail)
    if answer.at == "content" and family not in (4, 5):
        return Verdict("unknown", "", detail)
    if family == 5:
        gone = answer.at == "rcpt" or " 5.1." in f" {answer.text}"
        return Verdict("bounced", "no_such_address", detail) if gone else Verdict("failed", "rejected", detail)
    return Verdict("retry", "", detail)
