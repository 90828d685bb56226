"""The OpenAPI document is that of the routes, and the file is up to date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from api.openapi import FILE, built, text
from api.routes import ROUTES


def test_the_file_is_up_to_date() -> None:
    assert FILE.read_text() == text(), "run python -m api.openapi"


def test_every_route_is_in_it_with_what_it_says_and_asks_for() -> None:
    document = built()
    found = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert found == {(route.method, route.path.replace(":path", "")) for route in ROUTES}
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"].endswith((".", ").")), operation
            assert len({"default", *operation["responses"]}) == len(operation["responses"]) == 2
    names = [each["operationId"] for methods in document["paths"].values() for each in methods.values()]
    assert len(names) == len(set(names))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    document = json.loads(text())
    used = {reference.removeprefix("#/components/schemas/") for reference in _references(document)}
    assert used == set(document["components"]["schemas"])
