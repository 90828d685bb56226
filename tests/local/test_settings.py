"""Settings, their environment file, and `laudstream config`."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from laudstream.cli.config import config, env_file
from laudstream.errors import Invalid
from laudstream.settings import Settings, described, environment, load


def test_the_environment_of_settings_loads_as_the_same_settings() -> None:
    settings = Settings(kafka="a:1,b:2", development=True, tick_ms=2.5, partitions=32, smtp_url="")
    assert load(environment(settings)) == settings


def test_every_bad_and_every_unknown_variable_is_named() -> None:
    with pytest.raises(Invalid) as raised:
        load({"LAUDSTREAM_PARTITIONS": "many", "LAUDSTREAM_KAFKKA": "x:1", "PATH": "/bin"})
    assert {problem.pointer for problem in raised.value.problems} == {"/LAUDSTREAM_PARTITIONS", "/LAUDSTREAM_KAFKKA"}


def test_every_setting_says_what_it_means() -> None:
    assert all(meaning for _, _, meaning, _ in described())
    assert len(described()) == len(Settings.__struct_fields__)


def test_deploy_env_example_is_what_the_settings_say(repository: Path) -> None:
    there = (repository / "deploy" / "env.example").read_text()
    assert there == env_file(), "run: laudstream config --env > deploy/env.example"


def test_an_environment_file_without_its_comment_signs_gives_the_defaults() -> None:
    lines = [line.removeprefix("#") for line in env_file().splitlines() if line.startswith("#LAUDSTREAM_")]
    assert load(dict(line.split("=", 1) for line in lines)) == Settings()


def test_config_shows_sources_and_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAUDSTREAM_DATABASE_URL", "postgresql://me:hush@db:5432/laudstream")
    monkeypatch.setenv("LAUDSTREAM_API_TOKEN", "at_hush")
    answer = CliRunner().invoke(config, ["--json"])
    lines = {row["setting"]: row for row in msgspec.json.decode(answer.output)}
    assert "hush" not in answer.output
    assert lines["LAUDSTREAM_DATABASE_URL"]["value"] == "postgresql://me:…@db:5432/laudstream"
    assert lines["LAUDSTREAM_DATABASE_URL"]["source"] == "environment"
    assert lines["LAUDSTREAM_KAFKA"]["source"] == "default"
