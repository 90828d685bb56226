"""The epochs of a transactional id run out, on a broker of its own: python -m tests.cluster.epochs

An id has 32,767 epochs, one a transaction; then Kafka gives its producer another id. Takes 2 to 4 minutes. Ends with 1
if a record is missing, there twice or in another order, or if the id did not change.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import click
from aiokafka.client import AIOKafkaClient

from agents.lanes.producer import TxnProducer
from agents.lanes.wire import TP
from laudstream import topics
from laudstream.local.logs import Logs
from laudstream.local.ports import Ports, free_base
from laudstream.local.stack import Stack

EPOCHS = 32_767
COMMITS = EPOCHS + 133
WHERE: TP = (topics.STATE, 2)


async def commit(stack: Stack) -> list[int]:
    """Producer ids in the order in which Kafka gave them."""
    client = AIOKafkaClient(bootstrap_servers=stack.settings.kafka)
    await client.bootstrap()
    try:
        producer = TxnProducer(client, "epochs")
        await producer.start()
        ids = [producer._pid.id]
        for n in range(COMMITS):
            await producer.commit({WHERE: (1, [(b"k", b"%d" % n)])})
            if producer._pid.id != ids[-1]:
                click.echo(f"  after {n + 1} transactions: {producer._pid}")
                ids.append(producer._pid.id)
        return ids
    finally:
        await client.close()


async def run() -> bool:
    folder = Path(tempfile.mkdtemp(prefix="laudstream-epochs-"))
    stack = Stack(folder / "data", ports=Ports.above(free_base()), parts=("topics",))
    try:
        async with stack:
            ids = await commit(stack)
            async with Logs(stack.settings) as logs:
                found = [int(r.value) async for r in logs.records([WHERE[0]]) if r.partition == WHERE[1]]
    finally:
        shutil.rmtree(folder)
    well = found == list(range(COMMITS)) and len(ids) > 1
    click.echo(f"epochs: transactions={COMMITS} records={len(found)} ids={len(ids)} {'ok' if well else 'WRONG'}")
    return well


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(run()) else 1)
