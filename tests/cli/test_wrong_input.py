"""What an operator gets wrong: every command says what it is and what to do, and none shows its own insides."""

from __future__ import annotations

import asyncio
import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from laudstream.cli import show
from laudstream.cli.stream import Numbered, Stream
from laudstream.errors import Unavailable
from laudstream.local.logs import Logs
from laudstream.settings import Settings
from tests.cli.test_exit_codes import NOWHERE, laudstream

SECOND = Path(__file__).parents[2] / "local-env" / "journeys" / "second-purchase.yaml"


class _Page(BaseHTTPRequestHandler):
    """Somebody else's server: an answer of 200 that is no JSON."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"<p/>")

    def log_message(self, format: str, *args: object) -> None:
        """Not into the output of the tests."""


@pytest.fixture
def page() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    ("command", "settings", "code", "said"),
    [
        (("simulate", SECOND, "--dataset", "cdnow", "--html", "/no/such/folder/x.html"), {}, 2, "there is no folder"),
        (("simulate", SECOND, "--dataset", "cdnow", "--decisions", "/no/such/x"), {}, 2, "there is no folder /no/such"),
        (("backtest", SECOND, SECOND, "--dataset", "cdnow", "--out", "/no/such/x"), {}, 2, "there is no folder"),
        (("worker", "senders", "--channel", "pigeon"), {}, 2, "'pigeon' is not one of 'email', 'webhook'"),
        (("lanes", "skip", "99"), {"kafka": "127.0.0.1:9"}, 2, "99: there are 0 to 7"),
        (("journeys", "publish", "j", "--share", "0"), {"api_url": NOWHERE}, 2, "0.01<=x<=99.99"),
        (("journeys", "list"), {"api_url": "127.0.0.1:8000"}, 1, "write http://host:port"),
        (("journeys", "list"), {"api_url": "http://127.0.0.1:port"}, 1, "write http://host:port"),
        (("journeys", "list"), {"api_url": NOWHERE, "api_token": "tök"}, 1, "LAUDSTREAM_API_TOKEN has characters"),
        (("migrate",), {"database_url": "postgresql://u:geheim@127.0.0.1:99999/x"}, 1, "PostgreSQL refuses"),
        (("config",), {"api_port": "-5"}, 1, "LAUDSTREAM_API_PORT"),
        (("config",), {"partitions": "0"}, 1, "LAUDSTREAM_PARTITIONS"),
        (("config",), {"log_level": "LOUD"}, 1, "one of DEBUG, INFO, WARNING, ERROR"),
        (("config",), {"log_format": "xml"}, 1, "one of json, text"),
    ],
)
async def test_it_is_said(command: tuple[str, ...], settings: dict[str, str], code: int, said: str) -> None:
    ended = await laudstream(*command, **settings)
    assert (ended.returncode, said in ended.stderr) == (code, True), ended.stderr
    assert "Traceback" not in ended.stderr
    assert "geheim" not in ended.stderr


@pytest.mark.parametrize("command", [("up",), ("down",), ("down", "--wipe")])
async def test_a_file_is_no_data_folder(command: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    ended = await laudstream(*command, "--data", file)
    assert ended.returncode == (0 if command == ("down",) else 1)
    assert "Traceback" not in ended.stderr
    assert str(file) in ended.stderr + ended.stdout
    assert file.read_text() == "mine"


async def test_a_file_is_no_data_folder_of_a_worker_either(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = await laudstream("worker", "journeys", kafka="127.0.0.1:9", data_dir=str(tmp_path / "file"))
    assert (ended.returncode, ended.stderr) == (1, f"error: {tmp_path / 'file'}: File exists\n")


async def test_a_page_is_no_answer(page: str) -> None:
    ended = await laudstream("journeys", "list", api_url=page)
    assert ended.returncode == 1
    assert ended.stderr == f"error: {page} is no laudstream API: set LAUDSTREAM_API_URL\n"


async def test_a_replay_to_no_address_does_not_try_for_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text('{"userId": "a", "event": "b"}\n')
    ended = await laudstream("events", "replay", path, api_url="127.0.0.1:8000", write_key="wk")
    assert (ended.returncode, "write http://host:port" in ended.stderr) == (1, True), ended.stderr


async def test_nobody_to_ask_is_said(serving: Any) -> None:
    async def found(request: Request) -> JSONResponse:
        return JSONResponse({"id": "ann", "aliases": []})

    async with serving(Starlette(routes=[Route("/api/customers/{id}", found)])) as url:
        for command in (("delete", "ann"), ("merge", "bob", "ann")):
            ended = await laudstream("customers", *command, api_url=url)
            assert ended.returncode == 1
            assert "nothing was done; scripts say --yes" in ended.stderr


async def test_a_long_silence_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Stream(replace(Settings(), api_url=NOWHERE), patience_s=4.0)
    with pytest.raises(Unavailable):
        await stream.send([Numbered(1, {"userId": "a", "event": "b"}), Numbered(2, {"userId": "c", "event": "b"})])
    assert capsys.readouterr().err.count("trying again for 4 s") == 1


def test_a_command_in_another_folder_says_where_it_looked(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LAUDSTREAM_")}
    command = [sys.executable, "-m", "laudstream", "migrate"]
    here = environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    away = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=here, timeout=60, check=False)
    assert away.returncode == 1
    assert "no stack runs with the folder .data here" in away.stderr


def test_no_room_for_the_output_is_said() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "laudstream", "config"], stdout=full, stderr=subprocess.PIPE, text=True,
            timeout=60, check=False,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (1, "error: output: No space left on device\n")


async def test_who_stops_waiting_for_kafka_leaves_no_client_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection, and never says a word
        logs = Logs(replace(Settings(), kafka=f"127.0.0.1:{silent.getsockname()[1]}"))
        silent.setblocking(False)
        entering = asyncio.create_task(logs.__aenter__())
        async with asyncio.timeout(20):
            accepted, _ = await asyncio.get_running_loop().sock_accept(silent)
            with accepted:
                entering.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await entering
    assert logs._consumer._closed  # aiokafka's own word for it; else it complains of it when all is over


def test_no_color_means_none() -> None:
    """On a terminal of its own, which is where colours are."""
    wrong = f"{sys.executable} -m laudstream journeys list"
    environ = {**os.environ, "LAUDSTREAM_API_URL": NOWHERE}
    environ.pop("NO_COLOR", None)
    for told, expected in (({}, True), ({"NO_COLOR": "1"}, False)):
        shown = subprocess.run(
            ["script", "-qec", wrong, "/dev/null"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env=environ | told, timeout=60, check=False,
        )  # fmt: skip
        assert "no answer from" in shown.stdout
        assert ("\x1b[" in shown.stdout) is expected


def test_a_narrow_terminal_cuts_no_number(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(show, "console", lambda: Console(highlight=False, width=20))
    show.print_table(("lane", "round", "events", "rows"), [(0, 123_456, 7_654_321, 1_000_000)])
    said = capsys.readouterr().out
    assert {"123,456", "7,654,321", "1,000,000"} <= set(said.split())
