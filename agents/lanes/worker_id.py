"""Who a worker is to the brokers: stable over restarts, so a restarted one aborts at once what it had left open."""

from __future__ import annotations

import uuid

from laudstream.settings import Settings


def worker_id(settings: Settings) -> str:
    """The instance id, else one that lies beside the stores and is made where there is none."""
    if settings.instance_id:
        return settings.instance_id
    path = settings.data_path / "worker-id"
    found = path.read_text() if path.exists() else ""
    if not found:  # a full disk makes a file and puts nothing in it
        found, half = uuid.uuid4().hex[:12], path.with_suffix(".half")
        half.write_text(found)
        half.replace(path)
    return found
