"""Makes calls with Segment's library for Python. Reads {url, key, calls: [[method, message], ...]} as JSON from its
first argument; ends with 1 if the library says that something was not taken."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from segment.analytics.client import Client

errors: list[Any] = []
given = json.loads(sys.argv[1])
client = Client(given["key"], host=given["url"], max_retries=0, on_error=lambda error, _: errors.append(error))
for method, message in given["calls"]:
    names = {re.sub("[A-Z]", lambda it: "_" + it[0].lower(), name): value for name, value in message.items()}
    getattr(client, method)(**names)
client.shutdown()
sys.exit("\n".join(map(str, errors)) or None)
