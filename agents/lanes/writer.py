"""What a round writes, encoded: state records and records of other topics, in order, with their digests."""

from __future__ import annotations

from itertools import chain
from operator import itemgetter

from msgspec.structs import replace
from xxhash import xxh3_128, xxh3_128_digest

from agents.lanes.record import Record
from laudstream import topics
from laudstream.errors import Broken
from laudstream.ids import key_of
from laudstream.journey.decision import Decision
from laudstream.journey.handoff import PLACES_A_RECORD, Ask, Emitted, Forwarded, Handoff, Place, Release, quota_key
from laudstream.journey.write import Write
from laudstream.messages.request import SendRequest
from laudstream.records.codec import encode
from laudstream.records.letters import MAX_LETTER_BYTES
from tables.layout import MAX_LANE_RECORD_BYTES, MAX_RECORD_BYTES

Effect = Decision | SendRequest | Write | Ask | Release | Emitted | Forwarded
Pair = tuple[bytes | None, bytes | None]
Letter = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]

DIGEST_BYTES = 12


class Out:
    """Writes of one round: state `records` and `kept` events, and `topics`, which maps a topic to its records
    (key, value[, headers])."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.records: list[tuple[bytes, bytes | None]] = []
        self.state_bytes = 0  # of their values
        self.kept: list[tuple[bytes, bytes | None]] = []
        self.topics: dict[str, list[Pair]] = {}
        self.letters: list[Letter] = []
        self._decisions: list[Pair] = []
        self._asks: dict[tuple[str, str, str], list[Place]] = {}
        self._handoffs: list[tuple[str, Handoff]] = []

    def effect(self, key: bytes, effect: Effect) -> None:
        if type(effect) is Decision:
            self._decisions.append((key, encode(effect)))
            return
        if isinstance(effect, Ask):
            self._asks.setdefault((effect.workspace, effect.journey, effect.of), []).extend(effect.places)
            return
        if isinstance(effect, Release):
            self.handoff(quota_key(effect.workspace, effect.journey, effect.of), effect)
            return
        if isinstance(effect, Emitted | Forwarded):
            self.handoff(key_of(effect.workspace, effect.customer), effect)
            return
        if isinstance(effect, SendRequest):
            topic = topics.send_topic(effect.channel, bulk=effect.topic_is_bulk)
        else:
            topic = topics.WRITES
        self.topics.setdefault(topic, []).append((key, encode(effect)))

    def handoff(self, key: str, handoff: Handoff) -> None:
        """To the lane that owns the key."""
        self._handoffs.append((key, handoff))

    def dead_letter(self, record: Record, error: str) -> None:
        """Origin and error in headers, at most 64 KB of the value (A6)."""
        value = record.value
        origin = f"{record.topic}/{self.partition}/{record.offset}"
        headers = [("origin", origin.encode()), ("error", error.encode()[:1000])]
        self.letters.append((record.key, value[:MAX_LETTER_BYTES] if value else value, headers))

    def finish(self, control_seq: int) -> None:
        """Once all is written. Raises Broken: a state record is too large."""
        for (workspace, journey, of), places in self._asks.items():
            for some in range(0, len(places), PLACES_A_RECORD):
                ask = Ask(workspace, journey, tuple(places[some : some + PLACES_A_RECORD]), of=of)
                self.handoff(quota_key(workspace, journey, of), ask)
        if self._handoffs:
            self.topics[topics.HANDOFFS] = [
                (key.encode(), encode(replace(handoff, control_seq=control_seq))) for key, handoff in self._handoffs
            ]
        sizes = list(map(len, filter(None, map(itemgetter(1), self.records))))
        self.state_bytes = sum(sizes)
        if sizes and max(sizes) > MAX_RECORD_BYTES:
            for key, value in self.records:
                size, limit = len(value or b""), MAX_RECORD_BYTES if key[0] else MAX_LANE_RECORD_BYTES
                if size > limit:
                    raise Broken(f"state record {key!r} of {size} bytes: the limit is {limit}")
        if self._decisions:
            self.topics[topics.DECISIONS] = self._decisions

    def out_digest(self) -> bytes:
        digest = xxh3_128()
        for topic in sorted(self.topics):
            digest.update(topic.encode())
            digest.update(b"".join([key + value for key, value in self.topics[topic] if key is not None and value]))
        for key, value, _ in self.letters:
            digest.update((key or b"") + (value or b""))
        return digest.digest()[:DIGEST_BYTES]

    def state_digest(self) -> bytes:
        records = chain.from_iterable(chain(self.records, self.kept))
        return xxh3_128_digest(b"".join(filter(None, records)))[:DIGEST_BYTES]

    def size(self) -> int:
        """Bytes of keys and values, about."""
        total = sum(len(key) + len(value or b"") for key, value in chain(self.records, self.kept))
        for pairs in self.topics.values():
            total += sum(len(key or b"") + len(value or b"") for key, value in pairs)
        return total
