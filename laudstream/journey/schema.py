"""JSON Schema (2020-12) of the definition language, as far as this release runs it. Editors and docs read it.

`definition.parse` is the judge: it also checks what a schema cannot say (edges, cycles, weights, templates).
"""

from __future__ import annotations

from typing import Any

from laudstream.conditions.schema import condition_schema
from laudstream.journey import migration
from laudstream.journey.definition import MAX_STEPS
from laudstream.journey.kinds import ALL
from laudstream.journey.kinds.place import DEFER, Kind
from laudstream.journey.parse_entries import MOST_ENTRIES
from laudstream.journey.parse_occurrences import audience_schema, date_schema
from laudstream.journey.parse_settings import MOST_PACE, PACES, PERIODS
from laudstream.journey.parse_time import CLOCK, INSTANT, SPREAD, window_schema
from laudstream.journey.schemas import CONDITION, DURATION, NAME, PINNED, TAGS, TEXT, event, list_of, object_of
from laudstream.journey.steps import CHANNELS, CLASSES

MEANING = {
    "message": "sends a message, made from a template",
    "delay": "rests for a time, or until an instant",
    "window": "rests until a time of the day or the week",
    "wait": "rests until something happens, or its time is over",
    "split": "takes the first branch whose condition holds, or else the other way",
    "experiment": "gives each customer an arm, by weights, and keeps it",
    "update": "writes attributes, consents or members of manual segments",
    "emit": "emits an event, or lets somebody enter or leave a journey",
    "jump": "goes on at another step",
    "exit": "ends the run with an outcome",
    "entry": "who comes in: each of these brings customers in by itself",
    "exit rules": "who leaves, wherever the run stands",
    "goal": "what counts as success, and within which time after the entry",
    "settings": "what holds of all its messages and runs",
    "start": "the first step",
    "steps": "name -> what it does and where it goes on",
}
"""In words, for those who point at it in an editor."""


def _settings() -> dict[str, Any]:
    cap = object_of(
        ("limit", "per"), limit={"type": "integer", "minimum": 1, "maximum": 200},
        per={"anyOf": [{"enum": list(PERIODS)}, DURATION]}, channel={"enum": list(CHANNELS)}, tag=NAME,
        counts={"enum": ["marketing", "all"]},
    )  # fmt: skip
    return object_of(
        class_={"enum": list(CLASSES)}, priority={"type": "integer", "minimum": 1, "maximum": 9},
        holdout={"type": "number", "minimum": 0, "maximum": 100}, time_zone=TEXT, starts_at=INSTANT, ends_at=INSTANT,
        caps=list_of(cap, 10), tags=TAGS,
        quiet_hours={"anyOf": [object_of(("from", "to"), from_=CLOCK, to=CLOCK), {"const": "none"}]},
        windows=list_of(window_schema(), 10), defer=DEFER, defer_at_most=DURATION, release_spread=SPREAD,
        pace=object_of(
            ("limit", "per"), limit={"type": "integer", "minimum": 1, "maximum": MOST_PACE}, per={"enum": list(PACES)}
        ),
    )  # fmt: skip


def _said(what: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "description": MEANING[what]}


def _of_kind(kind: Kind) -> dict[str, Any]:
    schema = kind.schema()
    own = schema["properties"][kind.name]
    return {**schema, "properties": {**schema["properties"], kind.name: _said(kind.name, own)}}


def journey_schema() -> dict[str, Any]:
    """The schema; JSON and YAML alike."""
    rules: dict[str, Any] = {
        "where": CONDITION,
        "reentry": {
            "type": "string",
            "pattern": "^(never|always|after P.+)$",
            "description": "default never; always for entries that recur",
        },
        "while_active": {"enum": ["ignore", "restart"], "default": "ignore"},
    }
    call = {**object_of(key=TEXT), "description": "by a call that names the journey, or by a step emit"}
    edge = object_of(("id",), id=PINNED, on={"enum": ["enter", "leave"], "default": "enter"})
    ways = (
        object_of(("event",), event=event(), **rules),
        object_of(("segment",), segment=edge, **rules),
        object_of(("date",), date=date_schema(), **rules),
        object_of(("api",), api=call, **rules),
        object_of(("audience",), audience=audience_schema(), **rules),
    )
    entry = {"oneOf": list(ways)}
    rule = {
        "oneOf": [
            object_of(("event", "outcome"), event=event(any_key={"type": "boolean"}), where=CONDITION, outcome=NAME),
            object_of(("condition", "outcome"), condition=CONDITION, outcome=NAME),
            object_of(("leaves", "outcome"), leaves=PINNED, outcome=NAME),
        ]
    }
    more = {"within": DURATION, "end_on_goal": {"type": "boolean", "default": False}}
    heard = event(any_key={"type": "boolean"})
    goal = {
        "oneOf": [
            object_of(("event", "within"), event=heard, where=CONDITION, value=TEXT, **more),
            object_of(("condition", "within"), condition=CONDITION, **more),
        ]
    }
    steps = {
        "type": "object", "propertyNames": NAME, "minProperties": 1, "maxProperties": MAX_STEPS,
        "additionalProperties": {"oneOf": [_of_kind(kind) for kind in ALL]}, "description": MEANING["steps"],
    }  # fmt: skip
    places = {"type": "integer", "minimum": 1, "maximum": MOST_ENTRIES}
    body = object_of(
        ("id", "entry", "start", "steps"), id=NAME, name=TEXT, entry=_said("entry", list_of(entry, 20)),
        exit=_said("exit rules", list_of(rule, 20)),
        max_entries={"anyOf": [
            {**places, "description": "places of the journey, over all its versions"},
            object_of(("n", "per"), n=places, per={"const": "occurrence"}),
        ]},
        goal=_said("goal", goal), settings=_said("settings", _settings()), start=_said("start", NAME),
        steps=steps, migrate=migration.schema(),
    )  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Journey",
        **body,
        "$defs": {"condition": condition_schema(NAME["pattern"].removeprefix("^").removesuffix("$"))},
    }
