"""Ids that come out the same whenever the same cause is handled again (A15).

An id is the first 128 bits of BLAKE2b over its parts, as 32 hex digits. Parts are joined by a byte
that no part may hold, so that ("a", "bc") and ("ab", "c") differ.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from xxhash import xxh3_64_digest

from laudstream.errors import Invalid

WORKSPACE = re.compile(r"[a-z0-9]{8,32}")
MAX_CUSTOMER_ID = 200  # characters


_fresh_16 = blake2b(digest_size=16).copy  # copies are made faster than new ones
_fresh_8 = blake2b(digest_size=8).copy


def derive(kind: str, *parts: str | int) -> str:
    """A deterministic 32-hex-digit id of `kind`."""
    return digest("\x1f".join([kind, *map(str, parts)]))


def digest(joined: str) -> str:
    """`derive` of parts that are joined already."""
    hash = _fresh_16()
    hash.update(joined.encode())
    return hash.hexdigest()


def fingerprint(id: str) -> bytes:
    """8 bytes that stand for the id of an input among those of one customer."""
    return xxh3_64_digest(id.encode())


def share(*parts: str) -> int:
    """Where the parts fall by hash: 0 to 9,999, evenly (R9, R17)."""
    hash = _fresh_8()
    hash.update("\x1f".join(parts).encode())
    return int.from_bytes(hash.digest(), "big") * 10_000 >> 64


def customer_key(workspace: str, customer: str) -> str:
    """Kafka key of a customer: `workspace:customer`; the first colon ends the workspace."""
    if not WORKSPACE.fullmatch(workspace):
        raise Invalid(f"workspace id {workspace!r} is not [a-z0-9]{{8,32}}")
    if not 0 < len(customer) <= MAX_CUSTOMER_ID or not customer.isprintable():
        raise Invalid("a customer id has 1 to 200 printable characters")
    return f"{workspace}:{customer}"


def key_of(workspace: str, customer: str) -> str:
    """`customer_key` of one whom lanes have met: also ids that the API refuses come by SQL."""
    return f"{workspace}:{customer}"


def split_key(key: bytes) -> tuple[str, str]:
    """(workspace, customer) of a Kafka key; raises Invalid if it is none."""
    try:
        workspace, colon, customer = key.decode().partition(":")
    except UnicodeDecodeError:
        colon = workspace = customer = ""
    if not colon or not customer or not WORKSPACE.fullmatch(workspace):
        raise Invalid("key is not `workspace:customer`")
    return workspace, customer


_C1, _C2, _MASK = 0x5BD1E995, 24, 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Kafka's murmur2 (32 bit), as in `org.apache.kafka.common.utils.Utils.murmur2`."""
    length = len(data)
    h = (0x9747B28C ^ length) & _MASK
    for at in range(0, length & ~3, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _C1 & _MASK
        h = (h * _C1 & _MASK) ^ ((k ^ (k >> _C2)) * _C1 & _MASK)
    tail = data[length & ~3 :]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * _C1 & _MASK
    h = (h ^ (h >> 13)) * _C1 & _MASK
    return h ^ (h >> 15)


def partition_of(key: bytes, partitions: int) -> int:
    """Partition that Kafka's default partitioner gives to `key`."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
