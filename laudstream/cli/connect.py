"""Which laudstream a command speaks to: the one that the environment names, else the one that runs here."""

from __future__ import annotations

from laudstream.cli.client import Client
from laudstream.local.running import settings_of_running
from laudstream.settings import Settings, load


def settings() -> Settings:
    """Settings from the environment if it has any, else those of the running local stack, else the defaults."""
    given = load()
    return given if given != Settings() else settings_of_running() or given


def api() -> Client:
    """The management API; close it after use."""
    return Client(settings())
