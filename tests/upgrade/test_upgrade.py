"""The schedule of a rolling upgrade, and what a part of a release is started with."""

from __future__ import annotations

from pathlib import Path

import msgspec

from laudstream.settings import Settings, environment, variable
from tests.chaos.oracle import Findings
from tests.chaos.run import Result
from tests.upgrade.__main__ import line
from tests.upgrade.release import Release
from tests.upgrade.rolls import BACK, FORTH, ORDER, TABLES, plan
from tests.upgrade.stack import PARTS

OLD = Release("v1", Path("/old"), frozenset(map(variable, ("kafka", "data_dir"))))


def test_every_part_goes_forth_back_and_forth_and_tables_come_first() -> None:
    rolls, seconds = plan()
    assert set(ORDER) == set(PARTS)
    assert rolls[0].kind == TABLES
    assert [roll.target for roll in rolls[1:]] == [*ORDER, *reversed(ORDER), *ORDER]
    assert [roll.kind for roll in rolls[1:]] == [FORTH] * 5 + [BACK] * 5 + [FORTH] * 5
    assert [roll.at_s for roll in rolls] == sorted({roll.at_s for roll in rolls})
    assert seconds > rolls[-1].at_s
    assert plan().moved == 15


def test_a_part_gets_no_setting_that_its_release_does_not_know_unless_it_says_something() -> None:
    given = {**environment(Settings()), "PYTHONTZPATH": ""}
    kept = {"LAUDSTREAM_KAFKA", "LAUDSTREAM_DATA_DIR", "PYTHONTZPATH", "PYTHONPATH"}
    assert OLD.env(given).keys() == kept
    assert OLD.env(given)["PYTHONPATH"] == "/old"
    secured = environment(msgspec.structs.replace(Settings(), kafka_user="ann"))
    assert "LAUDSTREAM_KAFKA_USER" in OLD.env(secured)


def test_a_run_says_one_line() -> None:
    result = Result(1, (), events=9)
    said = line(OLD, OLD._replace(name="v2"), 15, result, 4)
    assert said == "upgrade: from=v1 to=v2 rolls=15 events=9 published=4 lost=0 duplicated=0 stuck=0"
    result.findings = Findings(lost=["a"], wrong=["b", "c"])
    assert line(OLD, OLD, 1, result).endswith("lost=1 duplicated=0 stuck=0 wrong=2")
