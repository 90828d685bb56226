"""What `laudstream customers show` says of a decision."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.cli.customers import what


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        ({"kind": "moved", "branch": "timeout", "to": "last"}, "timeout → last"),
        ({"kind": "ended", "outcome": "bought"}, "bought"),
        ({"kind": "not_entered", "reason": "too_old"}, "too_old"),
        ({"kind": "segment", "data": {"change": "entered", "segment": "lapsed", "version": 1}}, "entered lapsed"),
        ({"kind": "merged", "customer": "v1", "data": {"into": "ann", "merge": 3}}, "v1 goes on as ann"),
        ({"kind": "merged", "data": {"from": "v1", "merge": 3}}, "took in v1"),
        ({"kind": "message", "data": {"template": "welcome"}}, "welcome"),
        ({"kind": "message", "reason": "no_address", "data": {"template": "welcome"}}, "welcome refused: no_address"),
        ({"kind": "goal"}, ""),
    ],
)
def test_a_decision_is_said_in_a_few_words(decision: dict[str, Any], words: str) -> None:
    assert what(decision) == words
