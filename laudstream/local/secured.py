"""A Kafka of a local stack that knows its users: what is told to the brokers, and whom each of our processes is."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from laudstream.errors import Invalid
from laudstream.settings import Settings

_ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n"})


class Secured(NamedTuple):
    broker: str
    """Lines behind server.properties; the last one that names a setting counts."""
    scram: tuple[str, ...]
    """As `kafka-storage format --add-scram` takes them."""
    users: Mapping[str, Mapping[str, str]]
    """Role (laudstream/rights.py) → settings of its client."""
    grant: Callable[[Settings], Awaitable[str]]
    """Gives the users their rights, once the brokers answer; returns a few words for the progress line."""

    def settings(self, role: str, base: Settings) -> Settings:
        return msgspec.structs.replace(base, **self.users[role])


def properties(settings: Settings, *prefixes: str) -> str:
    """The same for Kafka's own clients (Connect, kafka-acls.sh), as lines of a properties file."""
    security = settings.kafka_security
    made = {"security.protocol": security}
    if security.startswith("SASL_"):
        scram = settings.kafka_mechanism.startswith("SCRAM")
        module = "scram.ScramLoginModule" if scram else "plain.PlainLoginModule"
        user, password = map(_quoted, (settings.kafka_user, settings.kafka_password))
        made["sasl.mechanism"] = settings.kafka_mechanism
        made["sasl.jaas.config"] = (
            f"org.apache.kafka.common.security.{module} required username={user} password={password};"
        )
    if security.endswith("SSL"):
        if settings.kafka_ca:
            made |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": settings.kafka_ca}
        if settings.kafka_certificate:
            made["ssl.keystore.type"] = "PEM"
            made["ssl.keystore.certificate.chain"] = _text(settings.kafka_certificate)
            made["ssl.keystore.key"] = _text(settings.kafka_key or settings.kafka_certificate)
    lines = (
        f"{prefix}{name}={value.translate(_ESCAPED)}" for prefix in prefixes or ("",) for name, value in made.items()
    )
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """For JAAS."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"cannot read {file}: {error}") from None


def add(file: Path, lines: str) -> None:
    """Behind what a file of settings says; only its owner may read it from now on."""
    os.chmod(file, 0o600)
    with file.open("a", encoding="utf-8") as out:
        out.write(f"\n{lines}")
