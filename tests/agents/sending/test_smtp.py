"""The wire, against a real SMTP server that misbehaves on demand."""

from __future__ import annotations

from typing import Any

import pytest

from agents.sending.smtp import Connection, Server, server
from laudstream.channels.email import Mail
from laudstream.errors import Invalid, Unavailable

CONTENT = b"Subject: Hi\r\n\r\n.first\r\n..second\r\nlast\r\n"


def mail(name: str) -> Mail:
    return Mail("shop@shop.example", f"{name}@shop.example", CONTENT)


async def connect(to: Any, timeout: float = 5.0) -> Connection:
    return await Connection.open(Server("127.0.0.1", to.port, False, None, None), timeout)


@pytest.fixture(params=["mail_server", "slow_talker"])
def either(request: pytest.FixtureRequest) -> Any:
    """A server with, and one without PIPELINING."""
    return request.getfixturevalue(request.param)


async def test_a_mail_arrives_as_it_was_built_dots_and_all(either: Any) -> None:
    connection = await connect(either)
    answer = await connection.deliver(mail("ann"))
    assert (answer.code, answer.text, answer.at) == (250, "2.0.0 kept", "content")
    assert either.mails == [("ann@shop.example", CONTENT)]
    await connection.close()


async def test_a_connection_serves_many_mails_also_after_refusals(either: Any) -> None:
    connection = await connect(either)
    answers = [await connection.deliver(mail(name)) for name in ("ann", "gone", "bob", "spam", "later", "cid")]
    assert [(answer.code, answer.at) for answer in answers] == [
        (250, "content"), (550, "rcpt"), (250, "content"), (554, "content"), (451, "rcpt"), (250, "content"),
    ]  # fmt: skip
    assert [to for to, _ in either.mails] == ["ann@shop.example", "bob@shop.example", "cid@shop.example"]
    assert (either.connections, either.commands) == (1, ["RSET", "RSET"])
    assert connection.usable
    await connection.close()


@pytest.mark.parametrize(("name", "at"), [("cut", "mail"), ("lost", "content")])
async def test_a_connection_that_breaks_says_whether_the_content_was_out(either: Any, name: str, at: str) -> None:
    connection = await connect(either)
    answer = await connection.deliver(mail(name))
    assert (answer.code, answer.at) == (0, at)
    assert not connection.usable
    await connection.close()


async def test_a_silent_server_is_given_up_after_the_time_out(mail_server: Any) -> None:
    connection = await connect(mail_server, timeout=1.5)
    answer = await connection.deliver(mail("silent"))
    assert (answer.code, answer.text, answer.at) == (0, "no answer within 1.5 s", "content")
    assert not connection.usable
    await connection.close()


async def test_a_server_that_hangs_up_between_two_mails_makes_the_connection_unusable(
    mail_server: Any, until: Any
) -> None:
    connection = await connect(mail_server)
    await mail_server.close()
    await until(lambda: not connection.usable)
    await connection.close()


async def test_a_server_that_is_not_there_is_unavailable(mail_server: Any) -> None:
    await mail_server.close()
    with pytest.raises(Unavailable, match="mail server"):
        await connect(mail_server)


def test_the_address_of_a_server_is_read_with_its_password() -> None:
    assert server("smtps://us%40er:p%3Aw@mail.example") == Server("mail.example", 465, True, "us@er", "p:w")
    assert server("smtp://127.0.0.1:1025") == Server("127.0.0.1", 1025, False, None, None)


@pytest.mark.parametrize("url", ["http://mail.example", "mail.example", "smtp://host:port"])
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="smtp_url"):
        server(url)
