"""Which laudstream a command speaks to: the one that the environment names, else the one that runs here."""

from __future__ import annotations

from laudstream.cli.client import Client
from laudstream.local.running import settings_of_running
from laudstream.settings import Settings, load


def settings() -> Settings:
    """Settings from the environment if it has any, else those of the running local stack, else the defaults."""
    given = load()
    return given if given != Settings() else settings_of_running() or given


def nothing_here() -> bool:
    """Whether a command can only have asked the default addresses: what it did not find may run elsewhere."""
    return load() == Settings() and settings_of_running() is None


def api() -> Client:
    """The management API; close it after use."""
    return Client(settings())
