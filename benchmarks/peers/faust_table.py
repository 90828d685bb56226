"""Stock Faust with a Table: `table[key] += 1` for each event of `laudstream.events`. Prints how many it has handled.

Arguments: Kafka address, data folder, number of partitions.
"""

from __future__ import annotations

import sys

import faust
import orjson

broker, folder, partitions = sys.argv[1:4]

app = faust.App(
    f"stock-faust-{partitions}-{folder.rsplit('/', 1)[-1]}",
    broker=f"kafka://{broker}",
    store="rocksdb://",
    datadir=folder,
    topic_partitions=int(partitions),
    topic_disable_leader=True,
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
    worker_redirect_stdouts=False,
)
events = app.topic("laudstream.events", key_type=str, value_type=bytes, value_serializer="raw")
counts = app.Table("counts", default=int)
handled = 0


@app.agent(events)
async def count(stream: faust.StreamT[bytes]) -> None:
    global handled
    async for key, value in stream.items():
        orjson.loads(value)
        counts[key] += 1
        handled += 1


@app.timer(0.2)
async def tell() -> None:
    print(handled, flush=True)


faust.Worker(app, loglevel="ERROR", quiet=True).execute_from_commandline()
