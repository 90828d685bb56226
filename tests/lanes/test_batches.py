"""Records of a transaction become batches that a broker takes: numbered without a hole, none too large."""

from __future__ import annotations

import struct

import pytest
from aiokafka.record.default_records import DefaultRecordBatch

from agents.lanes.batches import LARGEST, MAX_BATCH, Wave, in_waves
from agents.lanes.transaction import Pairs
from agents.lanes.wire import TP, ProducerId
from laudstream.topics import TOPICS

A: TP = ("a", 0)
B: TP = ("b", 3)
PID = ProducerId(7, 41)
LAST = 2**31 - 1
"""The greatest number that a record may have; the next one is 0."""


def header(batch: bytearray) -> tuple[int, int, int]:
    """(producer id, epoch, number of its first record), as the format says where they stand."""
    found: tuple[int, int, int] = struct.unpack_from(">qhi", batch, 43)
    return found


def values(waves: list[Wave], tp: TP) -> list[bytes | None]:
    return [record.value for wave in waves if tp in wave for record in DefaultRecordBatch(bytes(wave[tp][1]))]


def test_a_small_transaction_is_one_batch_a_partition_and_its_numbers_go_on() -> None:
    numbers: dict[TP, int] = {A: 12}
    [wave] = in_waves({A: (1, [(b"k", b"1"), (b"k", b"2")]), B: (1, [(b"k", None)])}, PID, numbers)
    assert header(wave[A][1]) == (*PID, 12)
    assert header(wave[B][1]) == (*PID, 0)
    assert numbers == {A: 14, B: 1}
    assert (values([wave], A), values([wave], B)) == ([b"1", b"2"], [None])


def test_what_does_not_fit_into_a_batch_goes_into_the_next_one_behind_it() -> None:
    records: Pairs = [(b"k", bytes([n]) * (MAX_BATCH // 3)) for n in range(7)]
    numbers: dict[TP, int] = {}
    waves = in_waves({A: (1, records), B: (1, [(b"k", b"small")])}, PID, numbers)
    assert values(waves, A) == [value for _, value in records]
    assert [wave[A][0] for wave in waves] == [2, 2, 2, 1]
    assert [header(wave[A][1])[2] for wave in waves] == [0, 2, 4, 6]
    assert [B in wave for wave in waves] == [True, False, False, False]
    assert all(len(wave[A][1]) <= MAX_BATCH for wave in waves)


@pytest.mark.parametrize(("first", "following"), [(LAST - 2, LAST), (LAST - 1, 0), (LAST, 1)])
def test_behind_the_greatest_number_comes_0(first: int, following: int) -> None:
    numbers = {A: first}
    [wave] = in_waves({A: (1, [(b"k", b"1"), (b"k", b"2")])}, PID, numbers)
    assert header(wave[A][1])[2] == first
    assert numbers == {A: following}


def test_a_record_that_is_larger_than_batches_are_made_has_one_of_its_own() -> None:
    """A lane's catalogue may be so large."""
    waves = in_waves({A: (1, [(b"k", b"1"), (b"k", bytes(MAX_BATCH)), (b"k", b"2")])}, PID, {})
    assert [wave[A][0] for wave in waves] == [1, 1, 1]
    assert len(waves[1][A][1]) > MAX_BATCH


def test_largest_is_below_what_every_topic_takes() -> None:
    assert all(int(topic.config()["max.message.bytes"]) > LARGEST for topic in TOPICS)


def test_a_record_that_fits_into_no_batch_is_refused_and_says_how_large_it_is() -> None:
    with pytest.raises(ValueError, match=f"record of {LARGEST} bytes"):
        in_waves({A: (1, [(b"k", b"1"), (b"k", bytes(LARGEST))])}, PID, {})
