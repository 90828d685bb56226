"""How dead letters are shown: what strangers wrote is text, never more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from laudstream.cli.dead_letters import plain, readable
from laudstream.local.letters import Letters, Original
from laudstream.records.letters import MAX_LETTER_BYTES, Letter, place_of


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b'{"a": [1, null]}', {"a": [1, None]}),
        (b"{no json", "{no json"),
        (b"\xff\x00", "\\xff\x00"),
        (b"", ""),
        (None, None),
        (b'{"long": "xxxxxxxxxxxxxxxx"}', '{"long": "xxxxxxxxxx… (28 bytes in all)'),
    ],
)
def test_json_is_decoded_and_the_rest_is_text_of_limited_length(value: bytes | None, shown: Any) -> None:
    assert readable(value, 20) == shown


def test_nothing_that_was_written_steers_the_terminal() -> None:
    assert plain("a\x1b[31mä\n\r\u202e") == "a\\x1b[31mä\n\\r\\u202e"


@pytest.mark.parametrize(
    ("id", "place"), [("3-17", (3, 17)), ("3", None), ("-1-2", None), ("3-1 ", None), ("a-1", None)]
)
def test_an_id_is_lane_and_offset(id: str, place: tuple[int, int] | None) -> None:
    assert place_of(id) == place


class Logs:
    """Topics with one partition."""

    def __init__(self, **topics: list[SimpleNamespace]) -> None:
        self.topics = topics

    async def span(self, topic: str, partition: int, start: int, end: int | None = None) -> list[SimpleNamespace]:
        return [record for record in self.topics[topic.partition(".")[2]] if start <= record.offset < (end or 1 << 60)]


def record(offset: int, key: bytes | None, value: bytes | None) -> SimpleNamespace:
    return SimpleNamespace(offset=offset, key=key, value=value, headers=[])


@pytest.mark.parametrize(
    ("there", "value"),
    [
        ([record(7, b"w:ann", b"spoilt")], b"spoilt"),
        ([record(7, b"w:ann", None)], b"spoilt"),
        ([record(7, b"w:bob", b"spoilt")], b"spoilt"),
        ([record(7, b"w:ann", b"another")], b"spoilt"),
        ([], b"spoilt"),
    ],
)
async def test_the_original_is_the_record_that_the_letter_is_about_also_where_its_topic_was_made_anew(
    there: list[SimpleNamespace], value: bytes
) -> None:
    """Whatever stood at that offset was written again, and the letter was settled."""
    letters = Letters.__new__(Letters)
    letters._logs = Logs(events=there, dead_letters=[record(3, b"w:ann", b"spoilt")])  # type: ignore[assignment]
    one = Letter(0, 3, 1, "laudstream.events", 0, 7, b"w:ann", "no JSON")
    assert await letters.original(one) == Original(b"w:ann", value, [], whole=True)


async def test_an_original_that_is_longer_than_its_letter_is_whole_in_its_topic_only() -> None:
    letters, long = Letters.__new__(Letters), b"x" * (MAX_LETTER_BYTES + 1)
    kept = [record(3, b"w:ann", long[:-1])]
    one = Letter(0, 3, 1, "laudstream.events", 0, 7, b"w:ann", "no JSON")
    letters._logs = Logs(events=[record(7, b"w:ann", long)], dead_letters=kept)  # type: ignore[assignment]
    assert await letters.original(one) == Original(b"w:ann", long, [], whole=True)
    letters._logs = Logs(events=[record(7, b"w:ann", b"another")], dead_letters=kept)  # type: ignore[assignment]
    assert await letters.original(one) == Original(b"w:ann", long[:-1], [], whole=False)
