"""The UI's files, and errors of addresses that nobody has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration


@pytest.fixture(scope="session")
def ui(serve: Callable[..., Any], stack: Any) -> str:
    """Address of an API that serves a small built UI."""
    folder = Path(stack.data) / "ui"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>laudstream</title>")
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "index-4f3a.js").write_text("1")
    (folder.parent / "hidden.txt").write_text("secret")
    return str(serve(stack.ports.api + 1, ui_dir=str(folder), development=False).settings.api_url)


@pytest.fixture
async def browser(ui: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=ui) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/journeys", "/journeys/abc", "/customers/anna@shop.example", "/index.html"])
async def test_addresses_of_the_ui_are_its_page(path: str, browser: httpx.AsyncClient) -> None:
    answer = await browser.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["cache-control"] == "no-cache"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_there_is_an_inbox_in_development_only(browser: httpx.AsyncClient, shop: Any) -> None:
    answer = await browser.get("/api/inbox", headers={"Authorization": f"Bearer {shop.admin_token}"})
    assert (answer.status_code, "development" in answer.json()["detail"]) == (404, True)


async def test_hashed_files_are_kept_by_browsers_and_others_asked_for_again(browser: httpx.AsyncClient) -> None:
    hashed, plain = await browser.get("/assets/index-4f3a.js"), await browser.get("/favicon.svg")
    assert "immutable" in hashed.headers["cache-control"]
    assert plain.headers["cache-control"] == "no-cache"
    again = await browser.get("/favicon.svg", headers={"If-None-Match": plain.headers["etag"]})
    assert again.status_code == 304
    assert (await browser.head("/favicon.svg")).status_code == 200


ABSENT = (
    "/assets/gone.js", "/%2e%2e/hidden.txt", "/assets/%2e%2e/%2e%2e/hidden.txt", "/..%2fhidden.txt", "/a%00.js",
    "/api", "/api/", "/api/nothing", "/v1", "/v1/nothing", "/api/journeys/a/b/c", "/robots.txt",
)  # fmt: skip


@pytest.mark.parametrize("path", ABSENT)
async def test_what_is_not_there_is_a_problem(path: str, browser: httpx.AsyncClient) -> None:
    answer = await browser.get(path)
    assert "secret" not in answer.text
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), answer.text


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/track", "POST"),
        ("PUT", "/v1/batch", "POST"),
        ("POST", "/api/workspace", "GET, HEAD"),
        ("PATCH", "/api/journeys/x", "GET, HEAD, PUT"),
        ("POST", "/api/customers/x", "DELETE, GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("OPTIONS", "/api/journeys", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    method: str, path: str, allow: str, browser: httpx.AsyncClient
) -> None:
    answer = await browser.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert answer.headers["content-type"] == "application/problem+json"


def test_without_a_built_ui_the_page_says_how_to_build_it(api: Any) -> None:
    from api.pages import folder

    if (folder(api.settings) / "index.html").is_file():
        return
    answer = httpx.get(api.settings.api_url)
    assert answer.status_code == 404
    assert "make" in answer.json()["detail"]
