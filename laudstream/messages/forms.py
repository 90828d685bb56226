"""Templates of each channel that there is a sender for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from laudstream.errors import Invalid, Problem
from laudstream.messages import template
from laudstream.messages.webhook import template as webhook


class Compiled(Protocol):
    @property
    def reads(self) -> tuple[str, ...]:
        """Every path from outside."""

    @property
    def requires(self) -> tuple[str, ...]:
        """Those that must have a value."""


class Form(NamedTuple):
    compile: Callable[[dict[str, Any]], Compiled]
    title: str
    """Field that says in a line what it is."""
    stand_in: Callable[[str], dict[str, Any]]
    """Id -> body of a template that says only its id."""


FORMS = {
    "email": Form(
        template.compile, "subject", lambda id: {"channel": "email", "subject": id, "html": f"<p>{id}</p>"}
    ),
    "webhook": Form(
        webhook.compile, "url", lambda id: {"channel": "webhook", "url": "https://nowhere.invalid/", "body": {"id": id}}
    ),
}  # fmt: skip


def channel_of(body: dict[str, Any]) -> str:
    """email where it names none."""
    return str(body.get("channel", "email"))


def compile(body: dict[str, Any]) -> Compiled:
    """Raises Invalid with a Problem for each thing that is wrong."""
    channel = channel_of(body)
    if channel not in FORMS:
        message = f"unknown channel {channel[:60]!r}"
        raise Invalid(
            f"template: /channel: {message}", (Problem("/channel", message, f"use one of: {', '.join(FORMS)}"),)
        )
    return FORMS[channel].compile(body)
