"""split: the first branch whose condition holds."""

from __future__ import annotations

from typing import Any

import msgspec

from laudstream import conditions
from laudstream.conditions import Condition
from laudstream.journey import schemas
from laudstream.journey.customer import Run
from laudstream.journey.kinds.place import STATE_ROOTS, Kind, Place, distinct, label_of
from laudstream.journey.moves import Left
from laudstream.journey.reader import at
from laudstream.journey.steps import Journey, Step
from laudstream.journey.work import Work


class SplitBranch(msgspec.Struct, frozen=True, gc=False):
    name: str
    next: str
    condition: Condition


class SplitStep(Step, frozen=True, gc=False):
    branches: tuple[SplitBranch, ...]
    otherwise: str


def read(place: Place, body: dict[str, Any], step: dict[str, Any]) -> Step:
    reader, spot = place.reader, place.pointer
    reader.only(body, spot, ("branches", "else"))
    items = reader.list_of(body.get("branches"), at(spot, "branches"), "'branches'", most=50)
    branches = []
    for index, item in enumerate(items):
        pointer = at(spot, "branches", index)
        found = reader.object_of(item, pointer, "a branch") or {}
        reader.only(found, pointer, ("name", "condition", "next"), ("segment",))
        holds = conditions.read(reader, found.get("condition"), at(pointer, "condition"), STATE_ROOTS)
        following = reader.name_of(found.get("next"), at(pointer, "next"), "'next'") or ""
        branches.append(SplitBranch(label_of(reader, found, pointer, str(index + 1)), following, holds))
    distinct(place, [branch.name for branch in branches], ("else",))
    otherwise = reader.name_of(body.get("else"), at(spot, "else"), "'else'") or ""
    return SplitStep(tuple(branches), otherwise)


def schema() -> dict[str, Any]:
    way = schemas.object_of(("condition", "next"), name=schemas.TEXT, condition=schemas.CONDITION, next=schemas.NAME)
    return schemas.step(
        "split", schemas.object_of(("branches", "else"), branches=schemas.list_of(way, 50), else_=schemas.NAME)
    )


def edges(step: SplitStep) -> dict[str, str]:
    return {**{branch.name: branch.next for branch in step.branches}, "else": step.otherwise}


def arrive(work: Work, run: Run, version: Journey, step: SplitStep, at: int) -> Left:
    scope = work.scope(run)
    data: dict[str, Any] = {}
    for branch in step.branches:
        data.update(branch.condition.looked_at(scope))
        if branch.condition.test(scope):
            return Left(branch.name, branch.next, data, at)
    return Left("else", step.otherwise, data, at)


KIND = Kind("split", SplitStep, read, schema, edges, arrive)
