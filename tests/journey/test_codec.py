"""State records (A7)."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.errors import Broken
from laudstream.journey.codec import decode, empty, encode, wake_at


def test_a7_only_what_changed_is_written(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    before = w.customer
    w.event("browse")
    assert [suffix for suffix, _ in encode(before, w.customer)] == [b"m"]
    before = w.customer
    w.event("go")
    assert [suffix for suffix, _ in encode(before, w.customer)] == [b"c", b"m"]
    before = w.customer
    w.row(email="new@example.org")
    assert [suffix for suffix, _ in encode(before, w.customer)] == [b"c", b"a"]
    assert encode(w.customer, w.customer) == []


def test_a7_tallies_are_a_record_of_their_own(world: Any) -> None:
    w = world()
    w.publish({"id": "s", "condition": {"event": {"name": "buy", "at_least": 3, "within": "P7D"}}}, kind="segment")
    w.touch()
    before = w.customer
    w.event("buy", total=5)
    assert [suffix for suffix, _ in encode(before, w.customer)] == [b"m", b"t"]
    counted = w.customer
    w.row(deleted=True)
    assert dict(encode(counted, w.customer))[b"t"] is None


def test_a7_a_value_begins_with_the_format_and_the_wake_up_time(world: Any, make: Any, wait_step: Any) -> None:
    w = world(make({"look": wait_step()}))
    w.event("go")
    records = dict(encode(None, w.customer))
    assert {value[0] for value in records.values() if value} == {1}
    assert wake_at(records[b"c"] or b"") == w.now + 3_600_000
    assert wake_at(records[b"a"] or b"") == wake_at(records[b"m"] or b"") == 0


def test_an_empty_customer_has_no_records() -> None:
    assert encode(None, empty("workspace1", "ann")) == []
    assert decode("workspace1", "ann", {}) == empty("workspace1", "ann")


@pytest.mark.parametrize("value", [
    b"\x02" + bytes(9),  # too short for its length
    b"\x02" + bytes(10),  # no counts
    b"\x02" + bytes(8) + b"\x00\x02\x91\xc1",
    b"\x03" + bytes(20),
])  # fmt: skip
def test_ids_with_counts_that_cannot_be_read_say_so(value: bytes) -> None:
    with pytest.raises(Broken, match="workspace1:ann"):
        decode("workspace1", "ann", {b"m": value})


@pytest.mark.parametrize("value", [b"", b"\x02" + bytes(9), b"\x01" + bytes(8) + b"\xc1", b"\x01" + bytes(8) + b"\x80"])
def test_a_record_that_cannot_be_read_says_so(value: bytes) -> None:
    with pytest.raises(Broken, match="workspace1:ann"):
        decode("workspace1", "ann", {b"c": value})
