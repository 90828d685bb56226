"""Addresses: what is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.messages.address import BadAddress, Mailbox, address, mailbox


@pytest.mark.parametrize(
    "good",
    [
        "ann@example.com",
        "a.b+c_d@x-y.example",
        "o'neill@example.ie",
        "x@localhost",
        "x@xn--bcher-kva.example",
        " a@b.c ",
    ],
)
def test_usual_addresses_are_taken(good: str) -> None:
    assert address(good) == good.strip()


@pytest.mark.parametrize(
    "bad",
    [
        "", "ann", "@example.com", "ann@", "ann@@example.com", "ann@exam ple.com", "a..b@example.com", ".a@example.com",
        "ann@-example.com", "ann@example-.com", "ann@example..com", "ann@[127.0.0.1]", '"a b"@example.com',
        "ann@example.com,bob@example.com", "Ann <ann@example.com>", "ann@example.com>", "änn@example.com",
        "ann@exämple.com", "a" * 65 + "@example.com", "a@" + "b" * 64 + ".com", "a@" + ".".join(["bbbbbbbb"] * 40),
        "ann@example.com\n", "ann@example.com\r\nBcc: x@y.z", "ann\0@example.com", "ann@example.com\u2028",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(bad: str) -> None:
    with pytest.raises(BadAddress):
        address(bad)


@given(st.text(alphabet="a.@<>\"' ,\r\n\0é-", max_size=20))
def test_nothing_that_is_taken_holds_a_control_character_or_a_blank(text: str) -> None:
    try:
        taken = address(text)
    except BadAddress:
        return
    assert taken.isascii()
    assert taken.isprintable()
    assert not set(taken) & set(' <>,"')


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("hello@shop.example", Mailbox("", "hello@shop.example")),
        ("Shop <hello@shop.example>", Mailbox("Shop", "hello@shop.example")),
        ('"Läden, GmbH" <hello@shop.example>', Mailbox("Läden, GmbH", "hello@shop.example")),
        ("<hello@shop.example>", Mailbox("", "hello@shop.example")),
    ],
)
def test_a_sender_may_have_a_name(text: str, box: Mailbox) -> None:
    assert mailbox(text) == box


@pytest.mark.parametrize(
    "text", ["Shop", "Shop <x>", "Shop\n <a@b.c>", "Shop <a@b.c> x", "x" * 201 + " <a@b.c>", "x" * 999]
)
def test_a_sender_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        mailbox(text)
