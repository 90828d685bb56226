"""How Kafka is spoken to: each way that it has, and what is said of those that it has not."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from laudstream import kafka_admin
from laudstream.errors import Refused, Unavailable
from laudstream.local.stack import Stack
from laudstream.settings import Settings
from tests.secured import kit

LET_GO_LATE = "ignore:.*(unclosed|_SelectorTransport|_SSLProtocolTransport|socket)"
"""A connection that a broker refuses closes in the loop's next turns, and the loop of a test may end before them."""

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings(LET_GO_LATE)]


@pytest.fixture(autouse=True)
def sockets_are_gone() -> Iterator[None]:
    """What was let go late is collected here, and not in some other test."""
    yield
    gc.collect()


def _root(stack: Stack, beside: int = 0, **changes: str) -> Settings:
    kafka = f"127.0.0.1:{stack.ports.kafka + beside}"
    return replace(stack.context.of(kit.ROOT), kafka=kafka, **changes)


async def _brokers(settings: Settings) -> int:
    async with kafka_admin.admin(settings, 5.0) as client:
        return len((await client.describe_cluster())["brokers"])


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_users_without_tls(guarded: Stack, mechanism: str) -> None:
    changes = {"kafka_security": "SASL_PLAINTEXT", "kafka_mechanism": mechanism, "kafka_ca": ""}
    assert await _brokers(_root(guarded, kit.PLAIN, **changes)) == 1


async def test_users_over_tls(guarded: Stack) -> None:
    assert await _brokers(_root(guarded)) == 1


async def test_a_certificate_instead_of_a_user(guarded: Stack) -> None:
    assert await _brokers(kit.with_certificate(guarded)) == 1


@pytest.mark.parametrize(
    ("beside", "changes", "said"),
    [
        (0, {"kafka_password": "x"}, "does not take the user 'root' with this password (SCRAM-SHA-512)"),
        (0, {"kafka_user": "nobody"}, "does not take the user 'nobody'"),
        (0, {"kafka_mechanism": "PLAIN"}, "does not know PLAIN"),
        (0, {"kafka_ca": ""}, "shows a certificate that we do not trust"),
    ],
    ids=str,
)
async def test_what_cannot_work_later_either_is_refused_and_says_why(
    guarded: Stack, beside: int, changes: dict[str, str], said: str
) -> None:
    with pytest.raises(Refused) as refused:
        await _brokers(_root(guarded, beside, **changes))
    assert said in str(refused.value)
    assert "LAUDSTREAM_KAFKA" in refused.value.problems[0].fix


@pytest.mark.parametrize(
    ("beside", "security"),
    [(0, "PLAINTEXT"), (kit.PLAIN, "PLAINTEXT"), (kit.PLAIN, "SSL"), (kit.TLS, "SSL")],
    ids=str,
)
async def test_a_broker_that_hangs_up_may_want_something_else(guarded: Stack, beside: int, security: str) -> None:
    bare = {"kafka_security": security, "kafka_user": "", "kafka_password": ""}
    bare |= {"kafka_ca": ""} if security == "PLAINTEXT" else {}
    with pytest.raises(Unavailable, match=f"hangs up on {security}: does it want another LAUDSTREAM_KAFKA_SECURITY"):
        await _brokers(_root(guarded, beside, **bare))
