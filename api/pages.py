"""The built UI: its files, and `index.html` for every address that the UI itself routes.

Nothing but our own scripts runs in it. Styles may stand inline, because mails are shown in sandboxed frames that
inherit this policy, and mails carry their styles and pictures with them.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from api.call import Call
from laudstream.errors import NotFound
from laudstream.settings import Settings

BUILT = Path(__file__).parent.parent / "ui" / "dist"

HASHED = ("assets/", "_app/immutable/")
"""Folders whose files carry a hash in their names: they never change."""
RESERVED = ("api", "v1")
"""Addresses that are never the UI's."""

POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: https:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


async def page(call: Call) -> Response:
    """A file of the UI, or its `index.html`."""
    path = call.scope["path_params"].get("path", "")
    if path.partition("/")[0] in RESERVED:
        raise NotFound(f"{call.scope['method']} /{path}: there is no such address")
    response = await _file(call, path) or await _file(call, "index.html")
    if response is None or (response.status_code == 200 and _is_missing_file(path, response)):
        raise NotFound(f"/{path}: there is no such page" if response else "the UI is not built: run `make setup`")
    response.headers.update(HEADERS)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if path.startswith(HASHED) else "no-cache"
    return response


def folder(settings: Settings) -> Path:
    """Where the built UI lies."""
    return Path(settings.ui_dir) if settings.ui_dir else BUILT


async def _file(call: Call, path: str) -> Response | None:
    files = StaticFiles(directory=folder(call.settings), check_dir=False)
    try:
        return await files.get_response(path or ".", call.scope)
    except HTTPException:
        return None


def _is_missing_file(path: str, response: Response) -> bool:
    """Whether `path` names a file, not a page of the UI, and `index.html` came in its place.

    Pages below the first level end in ids, which may hold anything: anna@shop.example is no file.
    """
    if not str(getattr(response, "path", "")).endswith("index.html"):
        return False
    name = PurePosixPath(path)
    return path.startswith(HASHED) or ".." in name.parts or (len(name.parts) == 1 and name.suffix not in ("", ".html"))
