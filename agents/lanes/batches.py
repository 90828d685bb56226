"""The records of a transaction as batches of Kafka, numbered by their producer."""

from __future__ import annotations

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from agents.lanes.transaction import Writes
from agents.lanes.wire import TP, ProducerId

MAX_BATCH = 900_000
"""Bytes. A record that is larger has a batch of its own …"""
LARGEST = 10 * 10**6 - 200_000
"""… up to what our topics take (`max.message.bytes`)."""

Wave = dict[TP, tuple[int, bytearray]]
"""(records, batch): at most one per partition."""

_NO_HEADERS: list[tuple[str, bytes]] = []


def in_waves(writes: Writes, pid: ProducerId, sequences: dict[TP, int]) -> list[Wave]:
    """`sequences`: the next number of each partition; they go on. Raises ValueError for a record that is too large."""
    waves: list[Wave] = []
    for tp, (timestamp_ms, pairs) in writes.items():
        done = wave = 0
        while done < len(pairs):
            sequence, count = sequences.get(tp, 0), 0
            builder = DefaultRecordBatchBuilder(2, 0, True, pid.id, pid.epoch, sequence, MAX_BATCH)
            append, few = builder.append, len(pairs[done]) == 2
            for record in pairs[done:] if done else pairs:
                headers = _NO_HEADERS if few else record[2]
                if append(count, timestamp_ms, record[0], record[1], headers) is None:
                    break
                count += 1
            batch = builder.build()
            if len(batch) > LARGEST:  # a builder takes the first record whatever its size
                raise ValueError(f"record of {len(pairs[done][1] or b'')} bytes is too large")
            if wave == len(waves):
                waves.append({})
            waves[wave][tp] = count, batch
            sequences[tp] = (sequence + count) % 2**31
            done, wave = done + count, wave + 1
    return waves
