"""A file that a command reads twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class RegularFile(click.Path):
    """A file that is there and can be read twice. A pipe has no name that lasts, and is empty the second time."""

    name = "file"

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.is_file():
            self.fail(f"{path} is a pipe: write what comes from it to a file first.", param, ctx)
        return path
