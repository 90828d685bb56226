"""A preview over rows: what they tell is answered as in a lane, what they do not tell stays open."""

from __future__ import annotations

from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream import conditions
from laudstream.conditions import Facts, Scope
from laudstream.errors import Invalid
from laudstream.journey.reader import Reader
from laudstream.segments.survey import Known, Run, Sent, Survey

NOW = 1_760_000_000_000
DAY = 86_400_000
PRO = {"customer.plan": {"equals": "pro"}}
EVENT = {"event": {"name": "order"}}
NAMES = {True: {"customer.yes": {"exists": True}}, False: {"customer.no": {"exists": True}}, None: EVENT}


def ask(condition: Any, **known: Any) -> bool | None:
    return Survey(condition).ask(Known("ann", {"plan": "pro", "yes": 1, **known.pop("attributes", {})}, **known), NOW)


@pytest.mark.parametrize(
    ("condition", "known", "answer"),
    [
        (PRO, {}, True),
        ({"customer.id": {"equals": "bob"}}, {}, False),
        ({"consent": {"channel": "email", "is": "subscribed"}}, {"consents": {"email/": ("subscribed", 0)}}, True),
        ({"consent": {"channel": "email", "is": "unknown"}}, {}, True),
        ({"segment": "vip"}, {"memberships": {"vip": NOW}}, True),
        ({"segment": {"in": "vip", "held_for": "P7D"}}, {"memberships": {"vip": NOW - 6 * DAY}}, False),
        ({"segment": {"in": "vip", "held_for": "P7D"}}, {"memberships": {"vip": NOW - 8 * DAY}}, True),
        ({"run": {"journey": "j", "is": "active"}}, {"runs": (Run("j", NOW, 0, ""),)}, True),
        ({"run": {"journey": "j", "is": "active"}}, {"runs": (Run("j", NOW, NOW, "done"),)}, False),
        ({"run": {"journey": "j", "was": "completed", "outcome": "won"}}, {"runs": (Run("j", 1, NOW, "won"),)}, True),
        ({"run": {"journey": "j", "was": "completed", "outcome": "won"}}, {"runs": (Run("j", 1, NOW, "lost"),)}, False),
        ({"run": {"journey": "j", "was": "completed"}}, {"runs": (Run("j", 1, NOW, "lost"),)}, True),
        ({"run": {"journey": "j", "was": "completed"}}, {"runs": (Run("k", 1, NOW, "won"),)}, False),
        ({"run": {"journey": "j", "was": "completed"}}, {"runs": (Run("j", 1, 0, "won"),)}, False),
        ({"run": {"journey": "j", "was": "entered"}}, {"runs": (Run("k", 1, 0, ""),)}, False),
        ({"run": {"journey": "j", "was": "entered", "within": "P1D"}}, {"runs": (Run("j", NOW, 0, ""),)}, True),
        ({"run": {"journey": "j", "was": "completed", "within": "P1D"}}, {"runs": (Run("j", NOW, 1, "won"),)}, False),
        ({"run": {"journey": "j", "was": "completed"}}, {"runs": (Run("j", 1, NOW, ""),)}, False),
        ({"run": {"journey": "j", "was": "converted"}}, {"runs": (Run("j", 1, NOW, "won"),)}, None),
        ({"run": {"journey": "j", "was": "entered", "at_least": 2}}, {"runs": (Run("j", 1, 2, ""),) * 2}, True),
        ({"run": {"journey": "j", "was": "entered", "within": "P1D"}}, {"runs": (Run("j", 1, 2, ""),)}, False),
        ({"message": {"is": "sent", "within": "P7D"}}, {"sent": (Sent(NOW - DAY, "j", "s", "email"),)}, True),
        ({"message": {"is": "sent", "within": "P7D"}}, {"sent": (Sent(NOW - 8 * DAY, "j", "s", "email"),)}, False),
        ({"message": {"is": "sent", "journey": "k"}}, {"sent": (Sent(NOW, "j", "s", "email"),)}, False),
        ({"message": {"is": "sent", "journey": "j"}}, {"sent": (Sent(NOW, "j", "s", "email"),)}, True),
        ({"message": {"is": "sent", "tag": "t"}}, {"sent": (Sent(NOW, "j", "s", "email"),)}, None),
        (EVENT, {}, None),
        ({"message": {"is": "opened"}}, {}, None),
        ({"customer.plan": {"changed_within": "P1D"}}, {}, None),
        ({"customer.plan": {"equals": "pro", "held_for": "P1D"}}, {}, None),
    ],
)  # fmt: skip
def test_what_rows_tell_is_answered_and_the_rest_is_open(
    condition: Any, known: dict[str, Any], answer: bool | None
) -> None:
    assert ask(condition, **known) is answer


def test_a_node_is_open_only_where_it_depends_on_what_is_not_known() -> None:
    values = (True, False, None)
    for one, other in product(values, values):
        parts = [NAMES[one], NAMES[other]]
        both = {one, other}
        expected = {
            "all": False if False in both else None if None in both else True,
            "any": True if True in both else None if None in both else False,
            "none": False if True in both else None if None in both else True,
        }
        for node, wanted in expected.items():
            assert ask({node: parts}) is wanted, (node, one, other)
    assert ask({**PRO, **EVENT}) is None
    assert ask({"customer.plan": {"equals": "free"}, **EVENT}) is False


def test_what_has_to_be_fetched_is_said() -> None:
    runs = Survey({"any": [{"run": {"journey": "a", "is": "active"}}, {"run": {"journey": "b", "was": "entered"}}]})
    assert (runs.asks_runs, runs.asks_messages) == (frozenset("ab"), False)
    sent = Survey({"message": {"is": "sent"}})
    assert (sent.asks_runs, sent.asks_messages) == (frozenset(), True)
    assert not Survey({"message": {"is": "opened"}}).asks_messages, "rows do not tell it"


def test_what_is_not_known_is_named_and_not_shown() -> None:
    survey = Survey({"any": [PRO, EVENT, {"none": [{"event": {"name": "refund", "at_least": 2}}]}]})
    assert survey.unknown == ("event:order", "event:refund")
    assert survey.looked_at(Known("ann", {"plan": "pro"}), NOW) == {"customer.plan": "pro"}


def test_a_local_day_is_the_customer_s_else_the_workspace_s() -> None:
    condition = {"customer.at": {"on": "2025-10-09"}}  # NOW is 2025-10-09T08:53:20Z
    late = {"at": "2025-10-09T23:30:00Z"}
    assert Survey(condition, zone=ZoneInfo("Europe/Berlin")).ask(Known("ann", late), NOW) is False
    assert Survey(condition).ask(Known("ann", late), NOW) is True
    assert Survey(condition).ask(Known("ann", {**late, "timezone": "Europe/Berlin"}), NOW) is False


def test_a_condition_that_is_none_is_refused_with_its_place() -> None:
    with pytest.raises(Invalid) as refused:
        Survey({"all": [{"customer.plan": {"resembles": 1}}, {"segment": "nowhere"}]}, segments=["vip"])
    assert [problem.pointer for problem in refused.value.problems] == [
        "/condition/all/0/customer.plan/resembles", "/condition/all/1/segment",
    ]  # fmt: skip


LEAVES = st.sampled_from(
    [PRO, {"customer.n": {"at_least": 2}}, {"customer.tags": {"contains": "a"}}, {"segment": "vip"},
     {"consent": {"channel": "email", "is": ["subscribed", "pending"]}}, {"bucket": {"salt": "s", "from": 0, "to": 50}}]
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(lambda node, items: {node: items}, st.sampled_from(["all", "any", "none"]),
                            st.lists(inner, min_size=1, max_size=3)),
    max_leaves=8,
)  # fmt: skip


@given(TREES, st.booleans(), st.booleans(), st.sampled_from([None, 1, 2]), st.sampled_from(["pro", "free"]))
def test_put_together_it_answers_as_the_whole_condition_does(
    tree: Any, vip: bool, consent: bool, n: int | None, plan: str
) -> None:
    known = Known(
        "ann", {"plan": plan, "n": n, "tags": ["a"]}, {"email/": ("pending", 0)} if consent else {},
        {"vip": 1} if vip else {},
    )  # fmt: skip
    survey = Survey({"any": [tree, {"all": [EVENT, tree]}]}, workspace="acmeacme")  # taken apart, for the event
    facts = Facts(NOW, consents=known.consents, memberships=known.memberships, workspace="acmeacme")
    whole = conditions.read(Reader(), tree, "", ("customer",)).test(Scope("ann", known.attributes, {}, facts=facts))
    assert survey.ask(known, NOW) is whole
