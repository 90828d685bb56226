"""The floor of any Python design: aiokafka, orjson and RocksDB in a loop, without any guarantee.

`count += 1` a key, one WriteBatch a fetch; no changelog, no journal, no transaction. Prints how many it has handled.
Arguments: Kafka address, data folder, number of partitions.
"""

from __future__ import annotations

import asyncio
import sys
import time

import orjson
import rocksdict
from aiokafka import AIOKafkaConsumer, TopicPartition


async def main(broker: str, folder: str, partitions: int) -> None:
    store = rocksdict.Rdict(folder, rocksdict.Options(raw_mode=True))
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    tps = [TopicPartition("laudstream.events", p) for p in range(partitions)]
    consumer.assign(tps)
    await consumer.seek_to_beginning(*tps)
    handled, told = 0, 0.0
    while True:
        for records in (await consumer.getmany(timeout_ms=200, max_records=500)).values():
            keys = list({record.key for record in records})
            counts = {key: int(raw or b"0") for key, raw in zip(keys, store.get(keys), strict=True)}
            for record in records:
                orjson.loads(record.value)
                counts[record.key] += 1
            batch = rocksdict.WriteBatch(raw_mode=True)
            for key, n in counts.items():
                batch.put(key, b"%d" % n)
            store.write(batch)
            handled += len(records)
        if time.monotonic() > told + 0.1:
            told = time.monotonic()
            print(handled, flush=True)


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
