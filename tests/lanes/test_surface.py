"""The private parts of aiokafka and Faust that lanes stand on are still what they were.

When this fails after an upgrade: read the new source of what is named, mend agents/lanes/surface.py and
agents/lanes/transport.py where needed, then run `python -m tests.lanes.test_surface` and put its output below.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect

from agents.lanes.surface import PRIVATE

DIGESTS = {
    "aiokafka.client:AIOKafkaClient._wait_on_metadata": "52b0a5ee78ef3aa0",
    "aiokafka.client:AIOKafkaClient._get_conn": "68ce5d8391719d33",
    "aiokafka.client:AIOKafkaClient.send": "246b277687d7b687",
    "aiokafka.client:AIOKafkaClient.coordinator_lookup": "19cc69fb75f8d667",
    "aiokafka.conn:AIOKafkaConnection.send": "5909ea32f4efca49",
    "aiokafka.protocol.fetch:FetchRequest": "ef21d383f1372a25",
    "aiokafka.protocol.api:Request.prepare": "3a65d9fdefe34d3f",
    "aiokafka.consumer.fetcher:Fetcher._proc_fetch_request": "59bf948fff47eed5",
    "aiokafka.consumer.fetcher:Fetcher.fetched_records": "be4348896b9b66af",
    "aiokafka.consumer.fetcher:PartitionRecords._consumer_record": "e668541600b047ab",
    "aiokafka.consumer.subscription_state:SubscriptionState.fetch_context": "ff2a654dca239cfe",
    "aiokafka.consumer.subscription_state:SubscriptionState.is_assigned": "cd2783df3bd5f27a",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._on_join_complete": "0b0b3d204b408f3c",
    "aiokafka.consumer.group_coordinator:GroupCoordinator.close": "f30d831089456312",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._maybe_leave_group": "016cd88a16e6c4b5",
    "faust.app.base:App._new_transport": "42db531312dd776f",
    "faust.transport.consumer:Consumer._set_active_tps": "401f4dc883191950",
    "faust.transport.consumer:Consumer.on_partitions_assigned": "29ce96596f05a18c",
    "faust.transport.consumer:Consumer.on_partitions_revoked": "d04b7ae72c6fc206",
    "faust.transport.consumer:Consumer.resume_partitions": "afe6b7c02a41d63c",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._create_worker_consumer": "c2701bfc3e6f6cad",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._ensure_consumer": "ff4a4c693b7ec63f",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.on_partitions_assigned": "e59e8dda43724bd4",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.seek_to_committed": "775ab0adc4b052ab",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.verify_event_path": "b983e7735f647cb3",
    "faust.transport.drivers.aiokafka:Consumer._new_consumer_thread": "0870ec53dea75083",
}


def digest(name: str) -> str:
    module, _, path = name.partition(":")
    thing = importlib.import_module(module)
    for part in path.split("."):
        thing = getattr(thing, part)
    source = inspect.getsource(inspect.unwrap(thing))
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def test_private_surface_is_unchanged() -> None:
    assert {name: digest(name) for name in PRIVATE} == DIGESTS


if __name__ == "__main__":
    for each in PRIVATE:
        print(f'    "{each}": "{digest(each)}",')
