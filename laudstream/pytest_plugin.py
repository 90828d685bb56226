"""The fixture `journey_world` for tests of journeys. Nothing of laudstream is imported before a test asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from laudstream.testing import World


@pytest.fixture
def journey_world() -> type[World]:
    """`laudstream.testing.World`: call it with journeys, see docs/testing-journeys.md."""
    from laudstream.testing import World

    return World
