"""What clients send, and what becomes of it: pure."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.items import (
    MAX_DEPTH,
    Identify,
    Item,
    Track,
    checked,
    customer_of,
    event_of,
    happened_at,
    source_of,
    visitor_of,
)
from laudstream.errors import Invalid

NOW = 1_700_000_000_000


def _item(**fields: Any) -> Item:
    item: Item = msgspec.convert({"type": "track", "event": "e", "userId": "a", **fields}, Item)
    return item


@pytest.mark.parametrize(
    ("fields", "customer"),
    [
        ({"userId": "u", "anonymousId": "a"}, "u"),
        ({"userId": None, "anonymousId": "a"}, "a"),
        ({"userId": "", "anonymousId": 7}, "7"),
        ({"userId": 0}, "0"),
        ({"userId": -12}, "-12"),
        ({"userId": "0"}, "0"),
    ],
)
def test_the_user_id_wins_and_numbers_are_text(fields: dict[str, Any], customer: str) -> None:
    assert customer_of(_item(**fields)) == customer


@pytest.mark.parametrize(
    ("fields", "source", "target"),
    [
        ({"previousId": "v", "userId": "u", "anonymousId": "a"}, ("v", "/previousId"), "u"),
        ({"previousId": None, "userId": "u", "anonymousId": "a"}, ("a", "/anonymousId"), "u"),
        ({"previousId": "", "userId": 7, "anonymousId": 12}, ("12", "/anonymousId"), "7"),
        ({"previousId": 0, "userId": "0"}, ("0", "/previousId"), "0"),
        ({"userId": "u"}, None, "u"),
        ({"previousId": "v", "anonymousId": "a"}, ("v", "/previousId"), None),
    ],
)
def test_an_alias_says_who_was_whom(fields: dict[str, Any], source: tuple[str, str] | None, target: str | None) -> None:
    item = msgspec.convert({"type": "alias", **fields}, Item)  # type: ignore[arg-type]
    for read, wanted in ((source_of, source), (customer_of, target)):
        if wanted is None:
            with pytest.raises(Invalid):
                read(item)
        else:
            assert read(item) == wanted


@pytest.mark.parametrize(
    ("fields", "visitor"),
    [
        ({"userId": "u", "anonymousId": "a"}, "a"), ({"userId": 1, "anonymousId": 2}, "2"),
        ({"userId": "u", "anonymousId": "u"}, ""), ({"userId": 1, "anonymousId": "1"}, ""),
        ({"userId": "u"}, ""), ({"anonymousId": "a"}, ""), ({"userId": "", "anonymousId": "a"}, ""),
        ({"userId": "u", "anonymousId": ""}, ""), ({"userId": "u", "anonymousId": "a\n"}, ""),
    ],
)  # fmt: skip
def test_only_an_identify_with_two_ids_has_a_visitor(fields: dict[str, Any], visitor: str) -> None:
    assert visitor_of(msgspec.convert(fields, Identify)) == visitor


@given(st.datetimes(), st.none() | st.datetimes(), st.none() | st.datetimes())
def test_r26_no_event_happens_after_its_receipt(at: Any, sent: Any, batch_sent: Any) -> None:
    item = Track(user_id="a", event="e", timestamp=at, sent_at=sent)
    assert happened_at(item, batch_sent, NOW) <= NOW


@given(st.integers(0, 10**6), st.integers(-(10**9), 10**9))
def test_r26_a_wrong_clock_of_the_client_does_not_matter(ago: int, wrong: int) -> None:
    clock = {"timestamp": NOW - ago + wrong, "sentAt": NOW + wrong}
    item = _item(**{name: _iso(ms) for name, ms in clock.items()})
    assert happened_at(item, None, NOW) == NOW - ago


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00.0004Z", "1969-12-31T22:00:00-02:00"])
def test_r26_an_event_of_the_first_instant_of_1970_has_not_happened_just_now(at: str) -> None:
    """An event whose timestamp is 0 happened when it came."""
    assert event_of(_item(timestamp=at), None, NOW, None).timestamp == 1


def _iso(ms: int) -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat()


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def _holds(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        return depth > 0 and all("\0" not in k and _holds(v, depth - 1) for k, v in value.items())
    if isinstance(value, list):
        return depth > 0 and all(_holds(v, depth - 1) for v in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return -(2**63) < value < 2**63
    return not (isinstance(value, str) and "\0" in value)


@given(st.dictionaries(st.text(max_size=5), _json, max_size=5))
def test_what_passes_can_be_kept_and_what_cannot_is_pointed_at(traits: dict[str, Any]) -> None:
    item = Identify(user_id="a", traits=traits)
    if _holds(traits, MAX_DEPTH):
        assert checked(item, True) is item
        return
    with pytest.raises(Invalid) as caught:
        checked(item, True)
    (problem,) = caught.value.problems
    value: Any = {"traits": traits}
    for part in problem.pointer[1:].split("/") if "nested" not in problem.message else []:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(name)]
        elif name in value:
            value = value[name]


def test_an_event_without_an_id_gets_one_of_its_own() -> None:
    ids = {event_of(_item(), None, NOW, None).id for _ in range(100)}
    assert len(ids) == 100


def test_r35_an_identify_that_merged_says_which_traits_are_its_own() -> None:
    item = Identify(user_id="ada", anonymous_id="v", traits={"plan": "gold"})
    assert event_of(item, None, NOW, None, True).properties == {"plan": "gold"}
    assert event_of(item, None, NOW, None).properties == {}
