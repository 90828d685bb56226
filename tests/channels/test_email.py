"""Mails as bytes, read back by Python's own parser; and what answers of mail servers mean."""

from __future__ import annotations

from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default as policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.channels.email import Answer, build, read
from laudstream.channels.verdict import Verdict
from laudstream.messages.address import BadAddress
from laudstream.messages.request import SendRequest
from laudstream.messages.template import Rendered

TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=400)


def request(**more: Any) -> SendRequest:
    given: dict[str, Any] = {
        "send_id": "5e" * 16, "workspace": "acmeacme", "customer": "c1", "channel": "email",
        "message_class": "marketing", "journey": "j", "version": 1, "run": "r", "step": "s",
        "visit": 1, "attempt": 1, "template": "t",
        "template_version": 1, "to": "ann@example.com", "requested_at": 1_700_000_000_123,
        "send_before": 1_700_000_100_000,
    }  # fmt: skip
    return SendRequest(**{**given, **more})


def parsed(rendered: Rendered, sender: str = "Shop <hello@shop.example>", **more: Any) -> EmailMessage:
    message = message_from_bytes(build(request(**more), rendered, sender).content, policy=policy)
    assert isinstance(message, EmailMessage)
    return message


def decoded(content: bytes, name: str) -> str:
    """A header by RFC 2047. EmailMessage's own parser puts a space between two encoded words of a display name."""
    return str(make_header(decode_header(message_from_bytes(content)[name])))


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return "\n".join(str(part.get_content()).splitlines())


def test_a_mail_carries_who_what_when_and_which_request() -> None:
    mail = build(request(), Rendered("Hello", "<p>Hi</p>", "Hi"), "Shop <hello@shop.example>")
    message = message_from_bytes(mail.content, policy=policy)
    assert (mail.sender, mail.to) == ("hello@shop.example", "ann@example.com")
    assert {name.lower(): str(value) for name, value in message.items() if name != "Content-Type"} == {
        "from": "Shop <hello@shop.example>",
        "to": "ann@example.com",
        "subject": "Hello",
        "date": "Tue, 14 Nov 2023 22:13:20 +0000",
        "message-id": f"<{'5e' * 16}@shop.example>",
        "x-laudstream-send-id": "5e" * 16,
        "mime-version": "1.0",
    }


def test_the_same_request_makes_the_same_bytes() -> None:
    rendered = Rendered("Grüße", "<p>ä</p>", "ä")
    assert build(request(), rendered, "a@b.c") == build(request(), rendered, "a@b.c")


@given(subject=TEXT, html=TEXT, text=TEXT, name=TEXT)
def test_every_text_comes_through_and_no_header_can_be_added(subject: str, html: str, text: str, name: str) -> None:
    line = "".join(filter(str.isprintable, " ".join(subject.split()))).strip()
    shown = "".join(letter for letter in " ".join(name.split()) if letter.isprintable() and letter not in '<>"\\')[
        :100
    ].strip()
    rendered, sender = Rendered(line, html, text), f'"{shown}" <hello@shop.example>'
    message, content = parsed(rendered, sender), build(request(), rendered, sender).content
    assert message.defects == []
    assert len(message.items()) == 8
    assert message["subject"] == line
    assert decoded(content, "from").replace('"', "") == (
        f"{shown} <hello@shop.example>" if shown else "hello@shop.example"
    )
    assert body(message, "html") == "\n".join(html.splitlines())
    assert body(message, "plain") == "\n".join(text.splitlines())


@given(html=st.text(alphabet="a\n\r.-=é ", max_size=3000))
def test_no_line_is_longer_than_smtp_allows_and_all_end_in_crlf(html: str) -> None:
    content = build(request(), Rendered("x" * 2000, html * 3, html), "a@b.c").content
    assert content.endswith(b"\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()


@pytest.mark.parametrize(
    "evil", ["ann@example.com\r\nBcc: x@y.z", "ann@example.com> BODY=8BITMIME", "a@b.c\nX: y", "ann"]
)
@pytest.mark.parametrize("field", ["to", "from"])
def test_an_address_cannot_bring_headers_or_commands(evil: str, field: str) -> None:
    rendered = Rendered("Hello", "<p>Hi</p>", "Hi")
    with pytest.raises(BadAddress):
        build(request(to=evil) if field == "to" else request(), rendered, evil if field == "from" else "a@b.c")


@pytest.mark.parametrize("subject", ["=?utf-8?q?Evil?=", "x" * 1000, "Grüße " * 50, ""])
def test_a_subject_is_read_as_it_was_written(subject: str) -> None:
    assert parsed(Rendered(subject, "a", "a"))["subject"] == subject


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(250, "2.0.0 Ok: queued as 4F", "content"), Verdict("sent", "", "250 2.0.0 Ok: queued as 4F")),
        (Answer(0, "closed", "content"), Verdict("unknown", "", "closed")),
        (Answer(0, "closed", "data"), Verdict("retry", "", "closed")),
        (Answer(0, "closed", "mail"), Verdict("retry", "", "closed")),
        (Answer(421, "bye", "mail"), Verdict("retry", "", "421 bye")),
        (Answer(451, "greylisted", "rcpt"), Verdict("retry", "", "451 greylisted")),
        (Answer(452, "full", "content"), Verdict("retry", "", "452 full")),
        (Answer(550, "5.1.1 no such user", "rcpt"), Verdict("bounced", "no_such_address", "550 5.1.1 no such user")),
        (Answer(550, "no", "rcpt"), Verdict("bounced", "no_such_address", "550 no")),
        (Answer(550, "5.1.1 no such user", "content"), Verdict("bounced", "no_such_address", "550 5.1.1 no such user")),
        (Answer(554, "5.7.1 spam", "content"), Verdict("failed", "rejected", "554 5.7.1 spam")),
        (Answer(530, "authenticate", "mail"), Verdict("failed", "rejected", "530 authenticate")),
        (Answer(250, "x\0\ty " * 200, "content"), Verdict("sent", "", ("250 " + "x y " * 200)[:500])),
    ],
)
def test_what_an_answer_means(answer: Answer, verdict: Verdict) -> None:
    assert read(answer) == verdict
