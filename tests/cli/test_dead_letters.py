"""How dead letters are shown: what strangers wrote is text, never more."""

from __future__ import annotations

from typing import Any

import pytest

from laudstream.cli.dead_letters import plain, readable
from laudstream.records.letters import place_of


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
