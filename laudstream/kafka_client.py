"""What every client of Kafka is made with, why a broker does not let one in, and what aiokafka's clients need beyond
their own methods."""

from __future__ import annotations

import asyncio
import ssl
from functools import lru_cache
from typing import Any, Protocol

import structlog
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from laudstream.errors import Invalid, Problem, Refused, Unavailable
from laudstream.settings import Settings, security_problems, variable

log = structlog.get_logger(__name__)

STOP_S = 3.0
ASK_S = 5.0
_HANGS_UP = (KafkaConnectionError, ssl.SSLError, ConnectionResetError, ConnectionAbortedError)


def arguments(settings: Settings) -> dict[str, Any]:
    """For aiokafka's consumers, producers, admin and plain clients: where the brokers are, and how they are spoken to.

    Raises Invalid for settings that make no sense together and for files that cannot be read.
    """
    if problems := security_problems(settings):
        raise Invalid("settings: " + "; ".join(problem.message for problem in problems), tuple(problems))
    made: dict[str, Any] = {"bootstrap_servers": settings.kafka, "security_protocol": settings.kafka_security}
    if settings.kafka_security.endswith("SSL"):
        made["ssl_context"] = _tls(settings.kafka_ca, settings.kafka_certificate, settings.kafka_key)
    if settings.kafka_security.startswith("SASL_"):
        made["sasl_mechanism"] = settings.kafka_mechanism
        made["sasl_plain_username"] = settings.kafka_user
        made["sasl_plain_password"] = settings.kafka_password
    return made


@lru_cache(maxsize=4)
def _tls(ca: str, certificate: str, key: str) -> ssl.SSLContext:
    """Brokers must have a certificate for the name under which we know them."""
    try:
        context = ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise _unreadable("kafka_ca", ca, "certificates of authorities", error) from None
    if certificate:
        try:
            context.load_cert_chain(certificate, key or None, password=_no_password)
        except (OSError, ValueError) as error:
            raise _unreadable("kafka_certificate", certificate, "a certificate and its private key", error) from None
    return context


def _no_password() -> str:
    """OpenSSL would ask whoever sits at the terminal."""
    raise ValueError("the key has a password")


def _unreadable(field: str, file: str, wanted: str, error: Exception) -> Invalid:
    message = f"{variable(field)}: cannot read {wanted} from {file}: {error}"
    return Invalid(message, (Problem(f"/{variable(field)}", message, "name a PEM file that this process may read"),))


async def no_way_in(settings: Settings, error: object) -> Refused | Unavailable:
    """Why no broker can be used, after `error`: aiokafka says only that there is none, so they are asked once more.

    Refused: they do not let us in as the settings are, and will not later; Unavailable: they may.
    """
    made = arguments(settings)
    kafka = made.pop("bootstrap_servers")
    closed = ""
    for host, port, _ in collect_hosts(kafka, randomize=False):
        try:
            connection = await create_conn(host, port, request_timeout_ms=int(ASK_S * 1000), **made)
            try:
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
        except (KafkaError, OSError, TimeoutError) as found:
            if reason := _refusal(settings, found):
                message = f"Kafka at {host}:{port} {reason.message}"
                return Refused(message, (Problem(reason.pointer, reason.message, reason.fix),))
            if isinstance(found, _HANGS_UP):
                closed = (
                    f"; {host}:{port} hangs up on {settings.kafka_security}: does it want "
                    f"another {variable('kafka_security')}, or a certificate?"
                )
    return Unavailable(f"Kafka does not answer at {kafka}: {error or 'no answer in time'}{closed}")


def _refusal(now: Settings, error: Exception) -> Problem | None:
    if isinstance(error, SaslAuthenticationFailed):
        fix = f"set {variable('kafka_user')} and {variable('kafka_password')}, or give the user this password"
        said = f"does not take the user {now.kafka_user!r} with this password ({now.kafka_mechanism})"
        return Problem(f"/{variable('kafka_password')}", said, fix)
    if isinstance(error, UnsupportedSaslMechanismError):
        said = f"does not know {now.kafka_mechanism}"
        return Problem(f"/{variable('kafka_mechanism')}", said, f"set {variable('kafka_mechanism')} to one that it has")
    if isinstance(error, IllegalSaslStateError):
        fix = f"set {variable('kafka_security')} to {now.kafka_security.removeprefix('SASL_')}, or use another port"
        return Problem(f"/{variable('kafka_security')}", "wants no SASL on this port", fix)
    if isinstance(error, ssl.SSLCertVerificationError):
        fix = f"set {variable('kafka_ca')} to the authority that signed it, and {variable('kafka')} to a name in it"
        said = f"shows a certificate that we do not trust: {error.verify_message}"
        return Problem(f"/{variable('kafka_ca')}", said, fix)
    return None


class Stoppable(Protocol):
    async def stop(self) -> None: ...


async def stop(client: Stoppable) -> None:
    """Stop a consumer or producer, and never hang: a consumer that is stopped just after `assign` swallows its own
    cancellation (aiokafka 0.14, `Fetcher._fetch_requests_routine`); a second one ends it."""
    try:
        await asyncio.wait_for(client.stop(), STOP_S)
    except TimeoutError:
        log.warning("kafka_client_stopped_late", client=type(client).__name__)
