"""What tests of messages share."""

from __future__ import annotations

from typing import Any

HOUR, DAY = 3_600_000, 86_400_000
QUIET = {"settings": {"quiet_hours": {"from": "21:00", "to": "08:00"}}}


def mail(template: str = "mail", next: Any = "done", **more: Any) -> dict[str, Any]:
    return {"message": {"channel": "email", "template": template, **more}, "next": next}


def capped(*caps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Of a journey with these caps, into which a customer comes again and again."""
    return {"settings": {"caps": list(caps), **more}, "entry": [{"event": {"name": "go"}, "reentry": "always"}]}
