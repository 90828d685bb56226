"""From the body of a published version to what lanes work with, by the kind of the definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from laudstream.conditions import getter
from laudstream.customers.row import GROUP
from laudstream.journey import migration, signals, subscriptions
from laudstream.journey.control import MIGRATION
from laudstream.journey.definition import parse
from laudstream.journey.kinds.place import STATE_ROOTS
from laudstream.journey.live import Template
from laudstream.journey.parse_settings import workspace
from laudstream.journey.signals import SIGNAL
from laudstream.messages import forms
from laudstream.segments.definition import parse as segment

Key = tuple[str, str, str, int]
"""(workspace, kind, id, version)."""

_TEMPLATE_ROOTS = (*STATE_ROOTS, GROUP)


def compile(key: Key, body: dict[str, Any]) -> Any:
    """Raises Invalid if it does not compile."""
    return _COMPILERS[key[1]](key, body)


def _template(key: Key, body: dict[str, Any]) -> Template:
    made = forms.compile(body)
    reads: dict[str, dict[str, None]] = {}
    for path in made.reads:
        root, _, rest = path.partition(".")
        if root in _TEMPLATE_ROOTS:
            reads.setdefault(root, {})[rest.partition(".")[0]] = None
    needs = [path for path in made.requires if path.partition(".")[0] in _TEMPLATE_ROOTS and "." in path]
    requires = tuple((path, getter(path, STATE_ROOTS)) for path in needs)
    return Template(key[3], requires, {root: tuple(names) for root, names in reads.items()})


_COMPILERS: dict[str, Callable[[Key, dict[str, Any]], Any]] = {
    "journey": lambda key, body: parse(body, horizon=None),
    "segment": lambda key, body: segment(body, horizon=None),
    "template": _template,
    "subscription": lambda key, body: subscriptions.parse(body),
    "workspace": lambda key, body: workspace(body),
    MIGRATION: lambda key, body: migration.parse(key[3], body),
    SIGNAL: lambda key, body: signals.parse(body),
}
