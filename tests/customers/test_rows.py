"""Rows as Debezium brings them (A16)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from laudstream.customers.row import Member
from laudstream.errors import Undecodable
from laudstream.records.rows import row


def record(**columns: Any) -> bytes:
    return json.dumps({"__table": "segment_members", "__deleted": "false", "revision": 7, **columns}).encode()


def test_a16_a_row_of_segment_members_says_who_belongs_to_a_manual_segment() -> None:
    assert row(record(segment="vip", member=True)) == Member("vip", True, 7)
    assert row(record(segment="vip", member=False)) == Member("vip", False, 7)
    assert row(record(segment="vip", __deleted="true")) == Member("vip", False, 7, True)


def test_a_row_of_segment_members_with_a_wrong_type_cannot_be_read() -> None:
    with pytest.raises(Undecodable):
        row(record(segment="vip", member="yes"))
