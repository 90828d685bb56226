"""Kafka's flexible encoding (compact types, tagged fields; KIP-482), and a request that aiokafka's client can send."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka.errors import IncompatibleBrokerVersion

_HEADER = struct.Struct(">hhih")
I16, I32, I64 = struct.Struct(">h"), struct.Struct(">i"), struct.Struct(">q")
NO_TAGS = b"\0"


def uvarint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def text(value: str | None) -> bytes:
    if value is None:
        return b"\0"
    raw = value.encode()
    return uvarint(len(raw) + 1) + raw


def array(items: Iterable[bytes]) -> bytes:
    items = list(items)
    return uvarint(len(items) + 1) + b"".join(items)


class Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def _unpack(self, kind: struct.Struct) -> int:
        value: int = kind.unpack_from(self._data, self._at)[0]
        self._at += kind.size
        return value

    def i16(self) -> int:
        return self._unpack(I16)

    def i32(self) -> int:
        return self._unpack(I32)

    def i64(self) -> int:
        return self._unpack(I64)

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def uuid(self) -> str:
        self._at += 16
        return self._data[self._at - 16 : self._at].hex()

    def uvarint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self) -> str:
        """Null reads as empty."""
        size = self.uvarint() - 1
        if size < 0:
            return ""
        self._at += size
        return self._data[self._at - size : self._at].decode()

    def skip(self) -> int:
        """Bytes or a text; returns how many bytes there were."""
        size = max(0, self.uvarint() - 1)
        self._at += size
        return size

    def pass_over(self, size: int) -> None:
        """So many bytes."""
        self._at += size

    def array(self, item: Callable[[], Any]) -> list[Any]:
        return [item() for _ in range(self.uvarint() - 1)]

    def tags(self) -> int:
        """Skip tagged fields; returns how many there were."""
        count = self.uvarint()
        for _ in range(count):
            self.uvarint()
            size = self.uvarint()
            self._at += size
        return count


class _Raw(NamedTuple):
    data: bytes

    def encode(self) -> bytes:
        return self.data


class Seen(NamedTuple):
    correlation_id: int


class Call:
    """One request in one version, with the function that reads its answer."""

    __slots__ = ("_body", "_key", "_read", "_version")

    def __init__(self, key: int, version: int, body: bytes, read: Callable[[Reader], Any]) -> None:
        self._key, self._version, self._body, self._read = key, version, body, read

    # what AIOKafkaConnection.send asks of a request
    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> Call:
        low, high = versions.get(self._key, (0, -1))
        if not low <= self._version <= high:
            raise IncompatibleBrokerVersion(f"broker has API {self._key} v{low}-{high}, we need v{self._version}")
        return self

    def build_request_header(self, correlation_id: int, client_id: str) -> _Raw:
        name = client_id.encode()
        return _Raw(_HEADER.pack(self._key, self._version, correlation_id, len(name)) + name + NO_TAGS)

    def encode(self) -> bytes:
        return self._body

    def parse_response_header(self, stream: BytesIO) -> Seen:
        (correlation_id,) = I32.unpack(stream.read(4))
        if stream.read(1) != NO_TAGS:
            raise ValueError("tags in a response header")
        return Seen(correlation_id)

    @property
    def RESPONSE_TYPE(self) -> Call:
        return self

    def decode(self, stream: BytesIO) -> Any:
        return self._read(Reader(stream.read()))
