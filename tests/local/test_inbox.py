"""The development inbox: a real process, a real SMTP client."""

from __future__ import annotations

import os
import smtplib
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

import pytest

from laudstream.errors import NotFound
from laudstream.local import inbox_store
from laudstream.local.inbox import incoming
from laudstream.local.inbox_store import Incoming


class Inbox(NamedTuple):
    port: int
    file: str
    process: subprocess.Popen[bytes]

    def client(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.port, local_hostname="test", timeout=10)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = str(tmp_path / "deep" / "inbox.db")
    environment = {
        **os.environ, "LAUDSTREAM_SMTP_URL": f"smtp://127.0.0.1:{port}", "LAUDSTREAM_INBOX_DB": file,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "laudstream.local.inbox"], env=environment, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield Inbox(port, file, process)
    if process.poll() is None:
        process.terminate()
        assert process.wait(10) == 0


def message(subject: str = "Grüße", send_id: str = "s1") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["X-Laudstream-Send-Id"] = (
        "Shop <a@b.example>",
        "c@d.example",
        subject,
        send_id,
    )
    mail.set_content("Hällo\n.\n..two dots\n")
    mail.add_alternative("<p>Hällo</p>", subtype="html")
    return mail


def test_a_mail_that_was_answered_with_250_is_in_the_file_even_if_the_inbox_is_killed(inbox: Inbox) -> None:
    with inbox.client() as client:
        client.send_message(message())
        inbox.process.kill()
        inbox.process.wait()
        assert inbox_store.count(inbox.file) == (1, 1)


def test_a_mail_is_read_as_it_was_written(inbox: Inbox) -> None:
    with inbox.client() as client:
        client.send_message(message())
    (row,) = inbox_store.list_mails(inbox.file)
    assert (row["from"], row["to"], row["subject"], row["send_id"]) == ("a@b.example", "c@d.example", "Grüße", "s1")
    mail = inbox_store.get_mail(inbox.file, row["id"])
    assert (mail["html"].strip(), mail["text"]) == ("<p>Hällo</p>", "Hällo\n.\n..two dots\n")
    assert ["To", "c@d.example"] in mail["headers"]
    assert set(mail) == {"id", "from", "to", "subject", "received_at", "send_id", "html", "text", "headers"}


def test_many_mails_on_one_connection_and_what_is_wrong_between_them(inbox: Inbox) -> None:
    with inbox.client() as client:
        assert client.has_extn("pipelining") or client.ehlo()[0] == 250
        client.sendmail("a@b.example", ["c@d.example"], b".\r\n..\r\n\r\n.x")
        assert client.docmd("DATA")[0] == 503
        assert client.docmd("MAIL", "FROM:nobody")[0] in (501, 553)
        client.sendmail("a@b.example", ["c@d.example", "e@f.example"], b"")
        client.sendmail("a@b.example", ["c@d.example"], "Ünï\r\n".encode() * 5000)
    rows = inbox_store.list_mails(inbox.file)
    assert [row["to"] for row in rows] == ["c@d.example", "c@d.example, e@f.example", "c@d.example"]
    with sqlite3.connect(inbox.file) as file:
        raws = [raw for (raw,) in file.execute("SELECT raw FROM mails ORDER BY id")]
    file.close()
    assert raws == [b".\r\n..\r\n\r\n.x\r\n", b"\r\n", "Ünï\r\n".encode() * 5000]


def filled(path: str, count: int) -> sqlite3.Connection:
    connection = inbox_store.create(path)
    mails = [
        Incoming(n, f"s{n}@x.example", f"r{n}@y.example", f"Sub_{n}%", f"id{n // 2}", 100, b"x" * 100)
        for n in range(count)
    ]
    inbox_store.write(connection, mails)
    return connection


def test_a_list_goes_from_new_to_old_in_pages_and_is_searched_by_all_words(tmp_path: Path) -> None:
    path = str(tmp_path / "i ?#.db")
    filled(path, 30).close()
    first = inbox_store.list_mails(path, limit=20)
    rest = inbox_store.list_mails(path, after=first[-1]["id"], limit=20)
    assert [row["id"] for row in first + rest] == list(range(30, 0, -1))
    assert [row["subject"] for row in inbox_store.list_mails(path, "sub_7 R7@")] == ["Sub_7%"]
    assert [row["id"] for row in inbox_store.list_mails(path, "id3")] == [8, 7]
    assert inbox_store.list_mails(path, "Sub57") == []
    assert inbox_store.count(path) == (30, 15)


def test_the_inbox_forgets_the_oldest_above_its_bounds(tmp_path: Path) -> None:
    path = str(tmp_path / "inbox.db")
    connection = filled(path, 5000)
    assert inbox_store.trim(connection, most_mails=4000) == 1000
    assert inbox_store.trim(connection, most_mails=4000, most_bytes=250_000) == 2000
    assert inbox_store.list_mails(path, limit=1)[0]["id"] == 5000
    assert inbox_store.count(path)[0] == 2000
    connection.close()


def test_readers_see_what_is_committed_while_the_file_is_written(tmp_path: Path) -> None:
    path = str(tmp_path / "inbox.db")
    connection = filled(path, 2)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM mails")
    assert inbox_store.count(path)[0] == 2
    connection.execute("COMMIT")
    assert inbox_store.count(path)[0] == 0
    connection.close()


def test_without_an_inbox_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        inbox_store.list_mails(str(tmp_path / "none.db"))
    path = str(tmp_path / "inbox.db")
    filled(path, 1).close()
    with pytest.raises(NotFound, match="no mail 7"):
        inbox_store.get_mail(path, 7)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\r\n\r\n", b"\xff\xfe\0", b"Subject: =?nope?b?AAAA?=\r\n\r\nx", b"Subject: =?utf-8?b?%%%?=\r\n\r\n",
        b"Content-Type: text/html; charset=nope\r\n\r\n<p>", b"Content-Type: multipart/alternative\r\n\r\n--x",
        b"Content-Transfer-Encoding: base64\r\nContent-Type: text/html\r\n\r\n!!!!",
        b"From: " + b"<" * 5000 + b"\r\n\r\n",
        b"Subject: a\r\n b\r\n c\r\nX-Laudstream-Send-Id: " + b"9" * 500 + b"\r\n\r\nbody",
    ],
)  # fmt: skip
def test_a_hostile_mail_is_kept_and_read_without_an_error(tmp_path: Path, raw: bytes) -> None:
    path = str(tmp_path / "inbox.db")
    connection = inbox_store.create(path)
    inbox_store.write(connection, [incoming("a@b.c", ["d@e.f"], raw)])
    connection.close()
    mail = inbox_store.get_mail(path, 1)
    assert len(mail["send_id"]) <= 64
    assert isinstance(mail["html"], str)
