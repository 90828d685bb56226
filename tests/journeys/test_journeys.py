"""R60 The journeys of local-env publish without a doubt, and play as their transcripts say."""

from __future__ import annotations

import pytest

from laudstream.cli import references
from laudstream.cli.files import load_all
from laudstream.journey import definition, doubts
from laudstream.journey.naming import templates_of
from tests.journeys.plays import FOLDERS, HERE, LOCAL, ids, transcript

ITEMS = load_all([LOCAL / "journeys", *(LOCAL / folder for folder in FOLDERS)])


def test_there_are_seventeen_and_every_file_is_used() -> None:
    assert len(ids()) == 17
    assert {path.name for path in HERE.iterdir() if (path / "play.yaml").exists()} == set(ids())
    journeys = [item for item in ITEMS if item.kind == "journey"]
    named = {template for item in journeys for template in templates_of(item.body)}
    assert {item.id for item in ITEMS if item.kind == "template"} == named


def test_r20_every_definition_is_right_and_what_it_names_is_there() -> None:
    names = references.of_files(ITEMS)
    assert [problem for item in ITEMS for problem in references.problems(item, names)] == []


@pytest.mark.parametrize("id", ids())
def test_r60_a_journey_is_published_without_a_doubt_and_says_what_it_shows(id: str) -> None:
    (item,) = (item for item in ITEMS if (item.kind, item.id) == ("journey", id))
    known = doubts.Known(templates=references.of_files(ITEMS).templates or {})
    assert doubts.check(definition.parse(item.body), known) == []
    header = [line for line in item.path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert 2 <= len(header) <= 6


@pytest.mark.parametrize("id", ids())
def test_it_plays_as_its_transcript_says(id: str) -> None:
    assert transcript(id) == (HERE / id / "transcript.txt").read_text(encoding="utf-8")
