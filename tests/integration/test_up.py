"""What `laudstream up` starts is well, by the doctor's own account, and its keys open it."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from click.testing import CliRunner

from laudstream.cli.doctor import doctor
from laudstream.local.stack import Stack
from laudstream.settings import environment

pytestmark = pytest.mark.integration


def test_doctor_finds_everything_well(stack: Stack) -> None:
    answer = CliRunner(env=environment(stack.settings)).invoke(doctor, ["--json"])
    findings = msgspec.json.decode(answer.output)
    assert [finding for finding in findings if finding["state"] != "ok"] == []
    assert answer.exit_code == 0


async def test_the_printed_token_opens_the_api_and_the_ui_is_there(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.settings.api_token}"}
    async with httpx.AsyncClient(base_url=stack.settings.api_url, headers=headers, trust_env=False) as http:
        assert (await http.get("/api/workspace")).json()["id"] == stack.workspace
        assert "<html" in (await http.get("/")).text
