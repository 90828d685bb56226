"""R60 Each error of a publish names the place, as a JSON pointer, and what would be right."""

from __future__ import annotations

import re

from tests.journey.problems import KEPT, KINDS, said


def test_r60_what_is_said_of_each_wrong_value_is_what_is_kept() -> None:
    """If words were changed on purpose: python -m tests.journey.problems"""
    assert said() == KEPT.read_text(encoding="utf-8").splitlines()


def test_r20_r60_every_problem_has_a_place_in_the_definition_and_a_fix() -> None:
    for line in said():
        if line.endswith(": accepted"):
            continue
        kind, pointer, message, fix = re.fullmatch(r"(\S+) (/\S*?): (.+) -> (.*)", line).groups()  # type: ignore[union-attr]
        assert message, line
        assert fix, line
        assert pointer == "/" or pointer.split("/")[1] in {*KINDS[kind][0], "unheard_of", "?"}, line
