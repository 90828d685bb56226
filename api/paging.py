"""Pages by key, not by number: `next` of one page is `after` (or `before`) of the following one."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from api.flaws import flaw
from laudstream.errors import Invalid, Problem

T = TypeVar("T")

Limit = Annotated[int, Meta(ge=1, le=500, description="most rows of a page")]
Place = Annotated[str, Meta(max_length=1000, description="`next` of the page before")]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def place(*parts: Any) -> str:
    """A place in a list as opaque text; datetimes keep their microseconds."""
    plain = [(part - _EPOCH) // _US if isinstance(part, datetime) else part for part in parts]
    return urlsafe_b64encode(msgspec.json.encode(plain)).decode().rstrip("=")


def placed(text: str, parameter: str, type: type[T]) -> T | None:
    """What `place` was made of, None for no place. Raises Invalid."""
    if not text:
        return None
    try:
        found = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=type)
    except (ValueError, msgspec.DecodeError):
        raise _nowhere(parameter) from None
    if flaw(msgspec.to_builtins(found), 2, nul=True) is not None:  # PostgreSQL would not read it
        raise _nowhere(parameter)
    return found


def _nowhere(parameter: str) -> Invalid:
    said = "is no place in this list"
    return Invalid(f"{parameter} {said}", (Problem(f"/{parameter}", said, "take `next` of a page"),))


def moment(microseconds: int, parameter: str) -> datetime:
    """The datetime of a place. Raises Invalid."""
    try:
        return _EPOCH + microseconds * _US
    except OverflowError:
        raise Invalid(f"{parameter} is no place in this list", (Problem(f"/{parameter}", "no such time"),)) from None


def ms(at: datetime | None) -> int | None:
    """A time on the wire."""
    return None if at is None else (at - _EPOCH) // timedelta(milliseconds=1)
