"""Every step kind and every way in on real Kafka, PostgreSQL, Connect and SMTP: the scene that goldens are made of."""

from __future__ import annotations

import pytest

from tests.golden import language
from tests.golden.cast import Cast
from tests.integration.kit import Shop

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "part", [language.writing, language.hearing, language.timing, language.sending, language.belonging]
)
async def test_the_language_runs_on_the_real_stack(shop: Shop, part: language.Part) -> None:
    await part(Cast(shop, 6))
