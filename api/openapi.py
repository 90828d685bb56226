"""The OpenAPI 3.1 document, made from the table of routes. `python -m api.openapi` writes docs/openapi.json."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from api.auth import Access
from api.bodies import Body
from api.call import Call, reply
from api.problems import ProblemDetails
from laudstream import __version__

if TYPE_CHECKING:
    from api.routes import Route

FILE = Path(__file__).parent.parent / "docs" / "openapi.json"
_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)(?::path)?\}")

_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.OPEN: [],
    Access.WRITE: [{"write_key": []}, {"write_key_bearer": []}],
    Access.ADMIN: [{"admin_token": []}],
}
_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_SCHEMES = {
    "write_key": {"type": "http", "scheme": "basic", "description": "The write key is the user name."},
    "write_key_bearer": {"type": "http", "scheme": "bearer", "description": "The write key."},
    "admin_token": {"type": "http", "scheme": "bearer", "description": "The admin token."},
}


async def document(call: Call) -> Response:
    """This document."""
    return reply(built())


@cache
def built() -> dict[str, Any]:
    """The document."""
    from api.routes import ROUTES  # the table names this module

    said = [each for route in ROUTES for each in (route.answer, route.query, route.body) if each is not None]
    types = [each for each in said if not isinstance(each, Body)]
    schemas, components = msgspec.json.schema_components([*types, ProblemDetails], ref_template=_REF)
    schema_of = {repr(type): schema for type, schema in zip([*types, ProblemDetails], schemas, strict=True)}
    for body in {each for each in said if isinstance(each, Body)}:
        components |= body.components(_REF)
        schema_of[repr(body)] = {"$ref": _REF.format(name=body.name)}
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, schema_of, components)
    for route in ROUTES:
        if route.query is not None:
            components.pop(route.query.__name__, None)
    return {
        "openapi": "3.1.0",
        "info": {"title": "laudstream", "version": __version__, "license": _LICENSE},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
    }


def _operation(route: Route, schema_of: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    module, name = route.handler.__module__.removeprefix("api."), route.handler.__name__
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    if route.query is not None:
        parameters += _query(components[route.query.__name__])
    operation: dict[str, Any] = {
        "operationId": f"{module}.{name}",
        "tags": [module],
        "summary": " ".join((route.handler.__doc__ or "").split()),
        "security": _SECURITY[route.access],
        "parameters": parameters,
        "responses": {
            str(route.status): _answer(schema_of.get(repr(route.answer)), route.status),
            "default": {
                "description": "What is wrong, where, and how to mend it.",
                "content": {"application/problem+json": {"schema": schema_of[repr(ProblemDetails)]}},
            },
        },
    }
    if route.body is not None:
        content = {"application/json": {"schema": schema_of[repr(route.body)]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _query(schema: dict[str, Any]) -> list[dict[str, Any]]:
    parameters = []
    for name, field in schema["properties"].items():
        plain = dict(field)
        parameter = {"name": name, "in": "query", "required": False, "schema": plain}
        if "description" in plain:
            parameter["description"] = plain.pop("description")
        parameters.append(parameter)
    return parameters


def _answer(schema: dict[str, Any] | None, status: int) -> dict[str, Any]:
    if status == 204:
        return {"description": "Done."}
    return {"description": "Done.", "content": {"application/json": {"schema": schema or {}}}}


def text() -> str:
    """The document as the file has it."""
    return msgspec.json.format(msgspec.json.encode(built(), order="deterministic"), indent=2).decode() + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
