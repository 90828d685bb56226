"""What definitions in files name: it must be among the files, or in the workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from laudstream.cli.client import Client
from laudstream.cli.files import Item
from laudstream.errors import Invalid, Problem
from laudstream.journey import definition, subscriptions
from laudstream.journey.naming import missing, names_of, other_channels
from laudstream.journey.parse_settings import workspace
from laudstream.messages import forms
from laudstream.segments import definition as segments


class Names(msgspec.Struct):
    """What may be named. None: anything may."""

    templates: dict[str, tuple[str, ...]] | None = None
    """Template -> paths that must have a value."""
    channels: dict[str, str] = {}
    """Template -> its channel."""
    segments: dict[str, frozenset[str]] | None = None
    """Segment -> those that it names."""
    manual: frozenset[str] = frozenset()
    """Segments whose members are listed."""
    subscriptions: frozenset[str] = frozenset()
    journeys: frozenset[str] | None = None


def of_files(items: Iterable[Item]) -> Names:
    """What files define that are valid by themselves."""
    items = list(items)
    templates = [item for item in items if item.kind == "template"]
    return Names(
        {item.id: forms.compile(item.body).requires for item in templates},
        {item.id: forms.channel_of(item.body) for item in templates},
        names_of(items),
        frozenset(item.id for item in items if item.kind == "segment" and "manual" in item.body),
        frozenset(item.id for item in items if item.kind == "subscription"),
        frozenset(item.id for item in items if item.kind == "journey"),
    )


def together(items: Iterable[Item], client: Client) -> Names:
    """What files define, and beside that what the workspace has."""
    found = of_files(items)
    there = [row["body"] for row in client.get("segments")["items"]]
    other = {body["id"]: _names(body) for body in there}
    held = {row["id"] for row in client.get("subscriptions")["items"]}
    templates = client.get("templates")["templates"]
    written = {row["id"]: tuple(row.get("requires", ())) for row in templates}
    manual = {body["id"] for body in there if "manual" in body} - (found.segments or {}).keys()
    return Names(
        {**written, **(found.templates or {})},
        {**{row["id"]: row["channel"] for row in templates}, **found.channels},
        {**other, **(found.segments or {})},
        found.manual | manual,
        found.subscriptions | held,
        (found.journeys or frozenset()) | {row["id"] for row in client.get("journeys")["journeys"]},
    )


def _names(body: dict[str, Any]) -> frozenset[str]:
    try:
        return segments.parse(body, horizon=None).names
    except Invalid:  # made by another release
        return frozenset()


def problems(item: Item, names: Names | None = None) -> list[Problem]:
    """What is wrong with an item, by file and line; None: only by itself."""
    try:
        _READERS[item.kind](item.body, names or Names())
        if item.kind == "journey" and names is not None:
            journey = definition.parse(item.body)
            named = missing(journey, names.subscriptions, names.manual, names.journeys)
            return item.located((*named, *other_channels(journey, names.channels)))
    except Invalid as error:
        return item.located(error.problems or (Problem("", str(error)),))
    return []


_READERS: dict[str, Callable[[dict[str, Any], Names], Any]] = {
    "workspace": lambda body, names: workspace(body),
    "subscription": lambda body, names: subscriptions.parse(body),
    "segment": lambda body, names: segments.parse(body, names.segments),
    "template": lambda body, names: forms.compile(body),
    "journey": lambda body, names: definition.parse(body, names.templates, names.segments),
}


def raise_for(found: Iterable[Problem], what: str = "nothing was changed") -> None:
    """Raises Invalid with all of them, if there are any."""
    wrong = tuple(found)
    if wrong:
        raise Invalid(f"{len(wrong)} {'problem' if len(wrong) == 1 else 'problems'}; {what}", wrong)
