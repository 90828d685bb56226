"""`laudstream journeys schema`: the JSON Schema of definitions in files, by which editors complete and check them.

A file says its `kind` and may leave out its `id`, which is then the file's name; else it is what the API takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from laudstream.conditions.schema import segment_schema
from laudstream.journey.reader import NAME
from laudstream.journey.schema import journey_schema

KINDS: dict[str, Callable[[], dict[str, Any]]] = {
    "journey": journey_schema, "segment": lambda: segment_schema(NAME.pattern)
}  # fmt: skip
FOLDER = Path(__file__).parents[2] / "docs" / "schema"


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)), default="journey")
def schema(kind: str) -> None:
    """Print the JSON Schema (2020-12) of a KIND of definition in files: `journey` or `segment`.

    For an editor with a YAML language server, put its place into the first line of a file: `# yaml-language-server:
    $schema=…`. What a schema cannot say (where steps lead, weights, cycles), `lint` says.
    """
    click.echo(text(kind), nl=False)


def text(kind: str) -> str:
    """As the file in docs/schema has it."""
    return json.dumps(of_files(kind), indent=1) + "\n"


def of_files(kind: str) -> dict[str, Any]:
    whole = KINDS[kind]()
    if "oneOf" in whole:
        return {**whole, "oneOf": [_of_file(form, kind) for form in whole["oneOf"]]}
    return _of_file(whole, kind)


def _of_file(form: dict[str, Any], kind: str) -> dict[str, Any]:
    required = [name for name in form["required"] if name != "id"]
    return {**form, "properties": {"kind": {"const": kind}, **form["properties"]}, "required": required}


def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for kind in KINDS:
        (FOLDER / f"{kind}.json").write_text(text(kind), encoding="utf-8")


if __name__ == "__main__":
    write()
