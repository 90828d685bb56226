"""The management API as the CLI speaks to it. What goes wrong becomes an error of our own tree."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
import msgspec

from laudstream.errors import Invalid, LaudstreamError, NotFound, Problem, Refused, Unavailable
from laudstream.settings import Settings, variable

TIMEOUT_S = 15.0


class Client:
    """JSON in, JSON out, with the admin token. Raises Invalid, Refused, NotFound or Unavailable."""

    def __init__(self, settings: Settings) -> None:
        self.url = address(settings)
        if not settings.api_token.isascii():
            fix = "copy it again"
            raise Invalid("no token", (Problem("", f"{variable('api_token')} has characters no token has", fix),))
        headers = {"Authorization": f"Bearer {settings.api_token}"} if settings.api_token else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_S, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, *path: str, **params: str | int) -> dict[str, Any]:
        return self._ask("GET", path, params=params)

    def find(self, *path: str) -> dict[str, Any] | None:
        """GET, or None if there is no such thing."""
        try:
            return self.get(*path)
        except NotFound:
            return None

    def put(self, *path: str, body: dict[str, Any], wait: int = 0) -> dict[str, Any]:
        return self._ask("PUT", path, json=body, **_waiting(wait))

    def post(self, *path: str, body: dict[str, Any] | None = None, wait: int = 0, **params: Any) -> dict[str, Any]:
        return self._ask("POST", path, json=body, **_waiting(wait, params))

    def delete(self, *path: str) -> None:
        self._ask("DELETE", path)

    def _ask(self, method: str, path: tuple[str, ...], **options: Any) -> dict[str, Any]:
        address = "/api/" + "/".join(quote(part, safe="") for part in path)
        try:
            response = self._http.request(method, address, **options)
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from None
        if response.is_success:
            try:
                answer: dict[str, Any] = response.json() if response.content else {}
            except ValueError:  # a proxy's or somebody else's page
                raise Invalid(f"{self.url} is no laudstream API: set {variable('api_url')}") from None
            return answer
        raise problem(response)


def _waiting(seconds: int, params: dict[str, Any] | None = None) -> dict[str, Any]:
    asked = {**(params or {}), **({"wait": seconds} if seconds else {})}
    return {"params": asked, "timeout": TIMEOUT_S + seconds} if asked else {}


def address(settings: Settings) -> str:
    """Of the API. Raises Invalid for what can be none."""
    url = settings.api_url.rstrip("/")
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        read = httpx.URL()
    if read.scheme not in ("http", "https") or not read.host:
        raise Invalid(f"{variable('api_url')} is {url!r}: write http://host:port or https://host")
    return url


def unreachable(url: str, error: httpx.HTTPError) -> Unavailable:
    """The error of a server that gives no answer."""
    what = str(error) or type(error).__name__
    return Unavailable(
        f"no answer from {url} ({what}): is it running? start it with `laudstream up`, or set {variable('api_url')}"
    )


class _Document(msgspec.Struct):
    """RFC 9457, with our `problems`."""

    title: str = ""
    detail: str = ""
    problems: list[Problem] = []


_document = msgspec.json.Decoder(_Document)


def problem(response: httpx.Response) -> LaudstreamError:
    """The error that an answer means."""
    try:
        document = _document.decode(response.content)
    except msgspec.DecodeError:  # a proxy's page, or nothing
        document = _Document()
    said = document.detail or document.title or f"{response.request.url.path}: status {response.status_code}"
    problems = tuple(document.problems)
    match response.status_code:
        case 401 | 403:
            fix = f"set {variable('api_token')} (management) or {variable('write_key')} (events)"
            return Invalid(f"the API does not accept the key: {said}", (Problem("", said, fix), *problems))
        case 404:
            return NotFound(said)
        case 409:
            return Refused(said, problems)
        case code if code == 429 or code >= 500:
            return Unavailable(f"the API cannot answer now ({code}): {said}")
        case _:
            return Invalid(said, problems)
