"""What a cluster has agreed to speak: its finalized features, of which lanes need transactions of version 2.

That a broker knows a request says nothing here: one that was upgraded goes on keeping transactions in the older way
until an operator raises `transaction.version` (KIP-584, KIP-890). A transaction ended with EndTxn v5 then lacks what
a coordinator has to remember of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from laudstream import kafka_admin
from laudstream.errors import Problem, Refused
from laudstream.kafka_encoding import I32, NO_TAGS, Call, Reader, Seen, text
from laudstream.settings import Settings

TRANSACTIONS, AT_LEAST = "transaction.version", 2
WRITERS = ("journeys", "projector")
"""Roles that write in transactions."""
_API_VERSIONS, _FINALIZED = 18, 2


class _ApiVersions(Call):
    """Its answer has the oldest header there is: a client must read it before it knows what the broker speaks."""

    __slots__ = ()

    def parse_response_header(self, stream: BytesIO) -> Seen:
        (correlation_id,) = I32.unpack(stream.read(4))
        return Seen(correlation_id)


def api_versions() -> Call:
    """ApiVersions v3. Answer: (code, {feature: level that the cluster has agreed to})."""

    def read(r: Reader) -> tuple[int, dict[str, int]]:
        code = r.i16()
        r.array(lambda: (r.i16(), r.i16(), r.i16(), r.tags()))
        r.i32()
        levels: dict[str, int] = {}

        def feature() -> None:
            name, most = r.text(), r.i16()
            r.i16()
            r.tags()
            levels[name] = most

        for _ in range(r.uvarint()):
            tag, size = r.uvarint(), r.uvarint()
            if tag == _FINALIZED:
                r.array(feature)
            else:
                r.pass_over(size)
        return code, levels

    return _ApiVersions(_API_VERSIONS, 3, text("laudstream") + text("1") + NO_TAGS, read)


async def finalized(settings: Settings) -> Mapping[str, int]:
    """Level of each feature. Raises Unavailable; Refused where Kafka does not let us in."""
    async with kafka_admin.admin(settings, kafka_admin.TIMEOUT_S) as admin:
        client: AIOKafkaClient = admin._client
        code, levels = await client.send(client.get_random_node(), api_versions())
        if code:
            raise KafkaError(f"ApiVersions: code {code}")
    found: Mapping[str, int] = levels
    return found


async def check(settings: Settings) -> None:
    """Raises Refused where the cluster keeps transactions in an older way than lanes need."""
    has = (await finalized(settings)).get(TRANSACTIONS, 0)
    if has < AT_LEAST:
        said = f"Kafka at {settings.kafka} has {TRANSACTIONS} {has}, and lanes need {AT_LEAST}"
        raise Refused(said, (Problem("", said, fix(settings)),))


def fix(settings: Settings) -> str:
    return (
        "upgrade all brokers to Kafka 4.0 or later, then "
        f"kafka-features.sh --bootstrap-server {settings.kafka} upgrade --feature {TRANSACTIONS}={AT_LEAST}"
    )
