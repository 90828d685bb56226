"""Liquid filters whose library form can run away: numbers, dates, and whatever multiplies text or lists.

Numbers are plain ints and floats (no decimals with giant exponents), dates are UTC, and each filter that can
produce much more than it was given measures the result before making it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from liquid import Markup
from liquid.exceptions import FilterArgumentError, FilterError
from liquid.undefined import Undefined

MAX_TEXT = 100_000  # characters that a filter may return
MAX_LIST = 2_000  # items that a filter may take or return
MAX_NUMBER = 10**30

Number = int | float

_TAG = re.compile(r"<[^<>]*>")
_DATE_FORMAT = re.compile(r"(?:[^%]|%-?[aAbBcdejmHIlMpSuyYZ%F])*")


def number(value: object) -> Number:
    """A number of what a template holds; text that is none, and nothing, count as 0."""
    if isinstance(value, bool) or value is None or isinstance(value, Undefined):
        return 0
    if isinstance(value, str):
        value = _read_number(value.strip())
    if not isinstance(value, int | float) or value != value or abs(value) > MAX_NUMBER:
        raise FilterArgumentError("expected a number up to 10^30", token=None)
    return value


def _read_number(text: str) -> Number:
    if len(text) > 40:
        raise FilterArgumentError("expected a number up to 10^30", token=None)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return 0


def _whole(value: Number) -> Number:
    return int(value) if isinstance(value, float) and abs(value) <= MAX_NUMBER and value.is_integer() else value


def divided_by(left: object, right: object) -> Number:
    """Two whole numbers give a whole number, as everywhere in Liquid."""
    a, b = number(left), number(right)
    if b == 0:
        raise FilterArgumentError("division by zero", token=None)
    return a // b if isinstance(a, int) and isinstance(b, int) else a / b


def modulo(left: object, right: object) -> Number:
    a, b = number(left), number(right)
    if b == 0:
        raise FilterArgumentError("division by zero", token=None)
    return a % b


def round_(value: object, digits: object = 0) -> Number:
    places = int(number(digits))
    if not 0 <= places <= 20:
        raise FilterArgumentError("round takes 0 to 20 digits", token=None)
    return round(number(value), places) if places else round(number(value))


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def replace(value: object, old: object, new: object = "", count: int = -1) -> str:
    text, old, new = _text(value), _text(old), _text(new)
    times = text.count(old) if count < 0 else count
    if len(text) + times * len(new) > MAX_TEXT:
        raise FilterError("the text would be too long", token=None)
    return text.replace(old, new, count)


def replace_first(value: object, old: object, new: object = "") -> str:
    return replace(value, old, new, 1)


def join(items: object, separator: object = " ") -> str:
    if not isinstance(items, list | tuple | range):
        return _text(items)
    parts, between = [_text(item) for item in items], _text(separator)
    if sum(map(len, parts)) + len(between) * len(parts) > MAX_TEXT:
        raise FilterError("the text would be too long", token=None)
    if any(isinstance(part, Markup) for part in parts):
        return Markup.escape(between).join(parts)
    return between.join(parts)


def concat(left: object, right: object) -> list[object]:
    if not isinstance(right, list | tuple):
        raise FilterArgumentError("concat expects a list", token=None)
    first: Sequence[object] = left if isinstance(left, list | tuple) else ()
    together = list(chain(first, right))
    if len(together) > MAX_LIST or sum(map(weight, together)) > MAX_TEXT:
        raise FilterError("the list would be too long", token=None)
    return together


def uniq(items: object, key: object = None) -> list[object]:
    """Each value (or value under `key`) once. Values are compared as they print, which takes linear time."""
    if not isinstance(items, list | tuple | range):
        raise FilterArgumentError("uniq expects a list", token=None)
    seen: dict[str, object] = {}
    for item in items:
        value = item.get(key) if key is not None and isinstance(item, dict) else item
        seen.setdefault(f"{type(value).__name__} {value}", item)
    return list(seen.values())


def strip_html(value: object) -> str:
    return _TAG.sub("", _text(value))


def newline_to_br(value: object) -> Markup:
    return Markup(Markup.escape(_text(value)).replace("\r\n", "\n").replace("\n", Markup("<br />\n")))


def date(value: object, form: object, *, context: Any) -> str:
    """`strftime` in UTC of ISO 8601 text or of seconds since the epoch. "now" is the time of the request."""
    message = context.globals.get("message")
    if value in ("now", "today"):
        value = message.get("at", 0) / 1000 if isinstance(message, dict) else ""
    text = _text(form)
    if len(text) > 100 or not _DATE_FORMAT.fullmatch(text):
        raise FilterArgumentError(f"date format {text[:40]!r} is not known", token=None)
    try:
        if isinstance(value, int | float) or (isinstance(value, str) and value.isdigit()):
            moment = datetime.fromtimestamp(float(value), UTC)
        else:
            moment = datetime.fromisoformat(_text(value))
    except (ValueError, OverflowError, OSError):
        return _text(value)
    return moment.strftime(text)


def weight(value: object) -> int:
    """About how many characters a value takes when it is printed; never looks at more than MAX_TEXT of it."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, int):
        return 1 + value.bit_length() // 3
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        total = 0
        for item in value:
            total += 4 + weight(item)
            if total > MAX_TEXT:
                break
        return total
    return len(value) * 8 if isinstance(value, range) else 16


OWN: dict[str, Callable[..., Any]] = {
    "abs": lambda value: abs(number(value)),
    "at_least": lambda left, right: max(number(left), number(right)),
    "at_most": lambda left, right: min(number(left), number(right)),
    "ceil": lambda value: math.ceil(number(value)),
    "floor": lambda value: math.floor(number(value)),
    "plus": lambda left, right: _whole(number(left) + number(right)),
    "minus": lambda left, right: _whole(number(left) - number(right)),
    "times": lambda left, right: number(left) * number(right),
    "divided_by": divided_by,
    "modulo": modulo,
    "round": round_,
    "replace": replace,
    "replace_first": replace_first,
    "join": join,
    "concat": concat,
    "uniq": uniq,
    "strip_html": strip_html,
    "newline_to_br": newline_to_br,
}
