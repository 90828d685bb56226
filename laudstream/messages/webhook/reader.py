"""What the parts of one template of a webhook read from outside."""

from __future__ import annotations

from liquid.exceptions import LiquidError
from liquid.template import BoundTemplate

from laudstream.errors import Problem
from laudstream.messages import sandbox
from laudstream.messages.reads import Walk, line


class Reader:
    """Collects what the parts of one template read, and what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.reads: set[str] = set()
        self.requires: set[str] = set()
        self.texts = 0

    def wrong(self, pointer: str, message: str, fix: str = "") -> None:
        self.problems.append(Problem(pointer, message, fix))

    def template(self, source: str, pointer: str) -> BoundTemplate | None:
        try:
            made = sandbox.PLAIN.from_string(source)
            walk = Walk(made, source, pointer)
        except LiquidError as error:
            message = " ".join(str(error.message).split())[:300]
            where = "" if error.token is None else f"line {line(source, error.token.start_index)}: "
            self.wrong(pointer, f"{where}{message}", "see the Liquid syntax")
        except RecursionError:
            self.wrong(pointer, "an expression is nested too deeply", "make it simpler")
        else:
            self.problems += walk.problems
            self.reads.update(walk.reads)
            self.requires.update(walk.requires)
            return made
        return None
