"""The command line as a frame: lazy commands, errors, doctor."""

from __future__ import annotations

import asyncio
from importlib import import_module

import click
import msgspec
import pytest
from click.testing import CliRunner

from laudstream.cli.checks import CHECKS, examine
from laudstream.cli.main import COMMANDS, cli, main
from laudstream.errors import Invalid, Problem
from laudstream.local.ports import free_base
from laudstream.local.stack import Stack
from laudstream.settings import Settings


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_says_what_it_does(name: str) -> None:
    module, _, attribute = COMMANDS[name][0].partition(":")
    assert isinstance(getattr(import_module(module), attribute), click.Command)
    answer = CliRunner().invoke(cli, [name, "--help"])
    assert answer.exit_code == 0
    assert "Usage:" in answer.output


def test_a_broken_command_breaks_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "broken", ("laudstream.cli.nowhere:broken", "Does not import."))
    runner = CliRunner()
    assert "Does not import." in runner.invoke(cli, ["--help"]).output
    assert runner.invoke(cli, ["config", "--help"]).exit_code == 0
    assert runner.invoke(cli, ["broken"]).exit_code == 1


def test_an_error_is_a_line_and_a_line_for_each_problem(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def fail() -> None:
        raise Invalid("two things", (Problem("/a", "is wrong", "mend it"), Problem("", "so is this")))

    monkeypatch.setattr("laudstream.cli.main.cli", fail)
    monkeypatch.setattr("sys.argv", ["laudstream"])
    with pytest.raises(SystemExit) as raised:
        main()
    assert raised.value.code == 1
    assert capsys.readouterr().err == "error: two things\n  /a: is wrong\n      → mend it\n  so is this\n"


def test_wrong_usage_ends_with_2() -> None:
    assert CliRunner().invoke(cli, ["nonsense"]).exit_code == 2


async def test_doctor_says_what_is_wrong_and_what_to_do_where_nothing_runs() -> None:
    base = free_base()
    nowhere = f"127.0.0.1:{base + 1}"
    settings = Settings(
        kafka=nowhere,
        connect_url=f"http://{nowhere}",
        database_url=f"postgresql://x@{nowhere}/x",
        smtp_url=f"smtp://{nowhere}",
        api_url=f"http://{nowhere}",
    )
    found = {finding.name: finding for finding in await examine(settings)}
    wrong = {name for name, finding in found.items() if finding.state == "wrong"}
    assert wrong == {"kafka", "topics", "postgresql", "migrations", "roles", "connect", "smtp", "api"}
    assert all(found[name].fix or found[name].said.startswith("not checked") for name in wrong)
    assert [finding.name for finding in found.values()] == [check.name for check in CHECKS]


def test_doctor_sees_what_a_half_set_up_server_lacks(servers: Stack) -> None:
    settings = msgspec.structs.replace(servers.settings, partitions=7, worker_database_url=servers.settings.api_dsn)
    found = {finding.name: finding for finding in asyncio.run(examine(settings))}
    assert (found["kafka"].state, found["postgresql"].state) == ("ok", "ok")
    assert found["topics"].state == "wrong"
    assert "laudstream_api does not bypass row-level security" in found["roles"].said
