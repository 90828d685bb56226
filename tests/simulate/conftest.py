"""Journeys and inputs for the time machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from laudstream.cli.main import cli
from laudstream.customers.event import Event
from laudstream.simulate.plan import Definition
from laudstream.simulate.post import Post

LOCAL = Path(__file__).parents[2] / "local-env"
START = 1_767_603_600_000  # Monday, 2026-01-05 09:00 UTC
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


def post(at: int, customer: str, name: str, number: int, **properties: Any) -> Post:
    return Post(at, customer, Event(f"m{number}", "track", name, properties, at, at))


def journey(body: dict[str, Any]) -> Definition:
    return Definition("journey", body["id"], body)


def waiting(**more: Any) -> dict[str, Any]:
    """purchase -> a mail -> wait an hour for `paid`, else another mail."""
    return {
        "id": "pay",
        "entry": [{"event": {"name": "purchase"}}],
        "start": "hello",
        "steps": {
            "hello": {"message": {"channel": "email", "template": "hello"}, "next": "look"},
            "look": {
                "wait": {
                    "branches": [{"event": {"name": "paid"}, "next": "paid"}],
                    "timeout": {"after": "PT1H", "next": "remind"},
                }
            },
            "remind": {"message": {"channel": "email", "template": "remind"}, "next": "late"},
            "paid": {"exit": {"outcome": "paid"}},
            "late": {"exit": {"outcome": "late"}},
        },
        **more,
    }


@pytest.fixture
def laudstream() -> Any:
    """The command line: `laudstream("simulate", …)` gives click's result, errors printed as users see them."""

    def run(*arguments: object) -> Result:
        from laudstream.cli.main import print_error
        from laudstream.errors import LaudstreamError

        runner = CliRunner()
        result = runner.invoke(cli, [str(argument) for argument in arguments])
        if isinstance(result.exception, LaudstreamError):
            error = result.exception
            with runner.isolation() as streams:
                print_error(error)
                result.stderr_bytes = streams[1].getvalue()
            result.exit_code = 1
        return result

    return run


@pytest.fixture
def files(tmp_path: Path) -> Any:
    """Writes files: `files("a.yaml", {…})` or lines; gives the path."""

    def write(name: str, content: dict[str, Any] | list[Any] | str) -> Path:
        path = tmp_path / name
        if isinstance(content, dict):
            content = json.dumps(content, indent=1)
        elif isinstance(content, list):
            content = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in content)
        path.write_text(content, encoding="utf-8")
        return path

    return write
