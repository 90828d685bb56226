"""A Kafka that asks everybody who they are (SASL over TLS, or a certificate) and what they may do (StandardAuthorizer),
with a user for each role and no more rights than laudstream/rights.py says."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from aiokafka.client import AIOKafkaClient

from laudstream import kafka_client
from laudstream.kafka_encoding import NO_TAGS, Call, Reader, array, text
from laudstream.local import child, kafka
from laudstream.local.ports import HOST, Ports
from laudstream.local.secured import Secured, add, properties
from laudstream.local.site import Site, program
from laudstream.local.stack import Stack
from laudstream.rights import GROUP, OPERATIONS, TOPIC, TRANSACTIONAL_ID, Right, principal, roles
from laudstream.settings import Settings

ROOT, BROKER = "root", "broker"
PASSWORD = "hush-hush"
PLAIN, TLS = 10, 20
"""Beside Kafka's port: listeners without TLS, and for those who show a certificate."""
_RESOURCES = {TOPIC: 2, GROUP: 3, TRANSACTIONAL_ID: 5}
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3


class Certificates(NamedTuple):
    broker: Path
    """Certificate and key; clients trust the certificate."""
    client: Path
    """The same of a client; brokers trust the certificate."""

    @classmethod
    def made(cls, folder: Path) -> Certificates:
        return cls(_certificate(folder / "broker.pem", "broker"), _certificate(folder / "client.pem", "somebody"))


def _certificate(file: Path, name: str) -> Path:
    key = file.with_suffix(".key")
    command = [
        program("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{HOST}",
        "-keyout", key, "-out", file,
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(key.read_text() + file.read_text())
    return file


def user_of(role: str) -> str:
    return role if role in (ROOT, BROKER) else f"laudstream-{role}"


def secured(ports: Ports, folder: Path) -> Secured:
    certificates = Certificates.made(folder)
    names = [*roles(Settings()), ROOT]
    users = {role: _client(user_of(role), certificates) for role in names}
    scram = [
        f"{kind}=[name={user_of(r)},password={PASSWORD}]" for r in names for kind in ("SCRAM-SHA-512", "SCRAM-SHA-256")
    ]
    return Secured(_broker(ports, certificates), tuple(scram), users, _grant(users))


def _client(user: str, certificates: Certificates) -> dict[str, str]:
    return {
        "kafka_security": "SASL_SSL",
        "kafka_mechanism": "SCRAM-SHA-512",
        "kafka_user": user,
        "kafka_password": PASSWORD,
        "kafka_ca": str(certificates.broker),
    }


def _broker(ports: Ports, certificates: Certificates) -> str:
    at = {"SASL_SSL": ports.kafka, "SASL_PLAINTEXT": ports.kafka + PLAIN, "SSL": ports.kafka + TLS}
    listeners = ",".join(f"{name}://{HOST}:{port}" for name, port in at.items())
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    brokers = f'{plain} username="{BROKER}" password="{PASSWORD}" user_{BROKER}="{PASSWORD}" user_{ROOT}="{PASSWORD}";'
    return f"""\
listeners={listeners},CONTROLLER://{HOST}:{ports.controller}
advertised.listeners={listeners}
listener.security.protocol.map=CONTROLLER:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL
inter.broker.listener.name=SASL_PLAINTEXT
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config={brokers}
listener.name.sasl_plaintext.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.sasl_plaintext.plain.sasl.jaas.config={brokers}
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config={scram}
listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={scram}
ssl.keystore.type=PEM
ssl.keystore.location={certificates.broker}
ssl.truststore.type=PEM
ssl.truststore.location={certificates.client}
listener.name.ssl.ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{BROKER};User:{ROOT}
"""


def _grant(users: Any) -> Callable[[Settings], Any]:
    async def grant(settings: Settings) -> str:
        root = msgspec.structs.replace(settings, **users[ROOT])
        table = roles(settings)
        await give(root, [(user_of(role), right) for role in table for right in table[role]])
        return f"{sum(map(len, table.values()))} rights"

    return grant


async def run_tool(site: Site, root: Settings, line: str) -> None:
    """Run a kafka-acls.sh command as root."""
    config = site.data / "config" / "admin.properties"
    config.write_text("")
    add(config, properties(root))
    words = [str(config) if word == "admin.properties" else word for word in shlex.split(line)[1:]]
    tool = kafka.java(site, "acls", kafka.TOOL, "org.apache.kafka.tools.AclCommand", *words)
    await child.run(tool, site=site, name=f"acls-{sha256(line.encode()).hexdigest()[:8]}")


def with_certificate(stack: Stack) -> Settings:
    """Somebody who shows a certificate and has no user."""
    folder = stack.data.parent
    return msgspec.structs.replace(
        stack.context.of(ROOT),
        kafka=f"{HOST}:{stack.ports.kafka + TLS}",
        kafka_security="SSL",
        kafka_user="",
        kafka_password="",
        kafka_certificate=str(folder / "client.pem"),
    )


# -- ACLs on the wire ---------------------------------------------------------------------
Entry = tuple[str, Right]
"""User, and what it may do."""


async def give(root: Settings, entries: Iterable[Entry]) -> None:
    """CreateAcls v2."""

    def read(r: Reader) -> Any:
        r.i32()
        return r.array(lambda: (r.i16(), r.text(), r.tags()))

    made = array(_entry(user, right) + NO_TAGS for user, right in entries)
    for code, message, _ in await _ask(root, Call(30, 2, made + NO_TAGS, read)):
        assert not code, message


async def take(root: Settings, entry: Entry) -> None:
    """DeleteAcls v2, of one that is there."""

    def read(r: Reader) -> Any:
        def match() -> None:
            r.i16(), r.text(), r.byte(), r.text(), r.byte(), r.text(), r.text(), r.byte(), r.byte(), r.tags()

        r.i32()
        return r.array(lambda: (r.i16(), r.text(), len(r.array(match)), r.tags()))

    [(code, message, count, _)] = await _ask(root, Call(31, 2, array([_entry(*entry) + NO_TAGS]) + NO_TAGS, read))
    assert (code, count) == (0, 1), (message, entry)


def _entry(user: str, right: Right) -> bytes:
    """As ACL and as filter that finds just it."""
    kind = bytes([_RESOURCES[right.resource]])
    pattern = bytes([_PREFIXED if right.prefix else _LITERAL])
    rest = bytes([OPERATIONS[right.operation], _ALLOW])
    return kind + text(right.name) + pattern + text(principal(user)) + text("*") + rest


async def _ask(root: Settings, call: Call) -> Any:
    client = AIOKafkaClient(**kafka_client.arguments(root))
    await client.bootstrap()
    try:
        return await client.send(client.get_random_node(), call)
    finally:
        await client.close()
