"""Remembered ids (R2, R57)."""

from __future__ import annotations

from laudstream.customers.recent import ENTRY, KEEP, admit
from laudstream.ids import fingerprint

DAY = 86_400_000
NOW = 1_767_603_600_000


def remember(recent: bytes, mark: bytes, now: int) -> bytes:
    after = admit(recent, mark, now)
    assert after is not None
    return after


def seen(recent: bytes, mark: bytes, now: int) -> bool:
    return admit(recent, mark, now) is None


def test_r57_an_id_is_remembered_for_24_hours_and_no_longer() -> None:
    first, second = fingerprint("a"), fingerprint("b")
    recent = remember(b"", first, NOW)
    assert seen(recent, first, NOW + DAY - 1000)
    assert not seen(recent, first, NOW + DAY)
    assert len(remember(recent, second, NOW + DAY - 1000)) == 2 * ENTRY
    assert len(remember(recent, second, NOW + DAY)) == ENTRY


def test_r57_no_more_than_the_last_256_are_remembered() -> None:
    recent = b""
    for number in range(KEEP + 1):
        recent = remember(recent, fingerprint(str(number)), NOW)
    assert len(recent) == KEEP * ENTRY
    assert not seen(recent, fingerprint("0"), NOW)
    assert seen(recent, fingerprint("1"), NOW)
    assert seen(recent, fingerprint(str(KEEP)), NOW)


def test_bytes_that_only_look_like_an_id_between_two_entries_are_not_one() -> None:
    recent = remember(remember(b"", b"abcdefgh", NOW), b"ijklmnop", NOW)
    assert not seen(recent, recent[4:12], NOW)
    assert seen(recent, b"ijklmnop", NOW)
