"""How Kafka is spoken to: settings that make no sense together, and one place that makes what clients are told."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from agents.lanes.transport import _credentials
from laudstream import kafka_client
from laudstream.cli.config import config
from laudstream.errors import Invalid
from laudstream.local.secured import properties
from laudstream.log import configure
from laudstream.rights import CONNECT_GROUP, CONNECT_TOPICS, commands, roles
from laudstream.settings import Settings, environment, load
from laudstream.topics import TOPICS

USER = Settings(kafka_security="SASL_PLAINTEXT", kafka_user="ann", kafka_password="hush")


@pytest.mark.parametrize(
    ("changes", "variable", "said"),
    [
        ({"kafka_security": "TLS"}, "SECURITY", "one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ({"kafka_mechanism": "OAUTH"}, "MECHANISM", "one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
        ({"kafka_password": ""}, "PASSWORD", "set it"),
        ({"kafka_user": ""}, "USER", "set it"),
        ({"kafka_security": "PLAINTEXT"}, "USER", "to SASL_SSL (or SASL_PLAINTEXT), or leave it out"),
        ({"kafka_ca": "ca.pem"}, "CA", "to SASL_SSL, or leave it out"),
        ({"kafka_security": "SASL_SSL", "kafka_key": "key.pem"}, "KEY", "set LAUDSTREAM_KAFKA_CERTIFICATE too"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_together_say_what_to_do(changes: dict[str, str], variable: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        load(environment(replace(USER, **changes)))
    problem = refused.value.problems[0]
    assert (problem.pointer, said in problem.fix) == (f"/LAUDSTREAM_KAFKA_{variable}", True), problem
    with pytest.raises(Invalid, match=problem.pointer[1:]):
        kafka_client.arguments(replace(USER, **changes))


@pytest.mark.parametrize(
    ("field", "content"), [("kafka_ca", None), ("kafka_ca", "no PEM"), ("kafka_certificate", "no PEM")], ids=str
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, field: str, content: str | None) -> None:
    file = tmp_path / "x.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Invalid, match=rf"LAUDSTREAM_{field.upper()}: cannot read .* from {file}"):
        kafka_client.arguments(replace(USER, kafka_security="SASL_SSL", **{field: str(file)}))


def test_without_settings_everything_is_as_it_was() -> None:
    assert kafka_client.arguments(Settings()) == {
        "bootstrap_servers": "127.0.0.1:9092",
        "security_protocol": "PLAINTEXT",
    }
    assert _credentials(Settings()) is None


def test_faust_speaks_as_the_others_do() -> None:
    said = _credentials(USER)
    assert (said.protocol.value, said.mechanism.value, said.username) == ("SASL_PLAINTEXT", "SCRAM-SHA-512", "ann")
    assert _credentials(replace(USER, kafka_security="SASL_SSL")).protocol.value == "SASL_SSL"
    assert _credentials(Settings(kafka_security="SSL")).protocol.value == "SSL"


def test_no_client_is_told_anything_else(repository: Path) -> None:
    """Whoever makes a client of aiokafka or Faust takes what `arguments` gives."""
    made = re.compile(r"\b(AIOKafka(?:Client|Consumer|Producer|AdminClient)|create_conn)\(\s*([^\s,)]*)")
    ways = {
        "**kafka_client.arguments(settings",
        "**kafka_client.arguments(self.settings",
        "**kafka_client.arguments(self._settings",
    }
    files = [
        file for folder in ("laudstream", "agents", "api", "tables") for file in (repository / folder).rglob("*.py")
    ]
    found = [(file.name, *each) for file in files for each in made.findall(file.read_text())]
    assert len(found) > 10
    assert {(name, kind) for name, kind, first in found if first not in ways} == {("kafka_client.py", "create_conn")}
    assert not [file.name for file in files if re.search(r"bootstrap_servers=", file.read_text())]


def test_a_password_is_in_no_dump(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(config, env=environment(USER))
    assert "LAUDSTREAM_KAFKA_USER=ann" in shown.output
    for text in (shown.output, repr(USER), str(USER), f"{[USER]}"):
        assert "hush" not in text
        assert "ann" in text


def test_aiokafka_is_not_heard_at_debug_where_it_would_show_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("aiokafka")
    monkeypatch.setattr(logger, "level", logger.level)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        configure(replace(USER, log_level="DEBUG"), "test")
        assert not logging.getLogger("aiokafka.conn").isEnabledFor(logging.INFO)
    finally:
        root.handlers[:], root.level = before


def test_kafkas_own_clients_are_told_the_same(tmp_path: Path) -> None:
    ca, pem = tmp_path / "ca.pem", tmp_path / "me.pem"
    ca.write_text("A\n")
    pem.write_text("B\nC\n")
    odd = replace(
        USER, kafka_security="SASL_SSL", kafka_password='a"b\\c', kafka_ca=str(ca), kafka_certificate=str(pem)
    )
    assert properties(odd, "", "producer.").splitlines()[:9] == [
        "security.protocol=SASL_SSL",
        "sasl.mechanism=SCRAM-SHA-512",
        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required "
        r'username="ann" password="a\\"b\\\\c";',
        "ssl.truststore.type=PEM",
        f"ssl.truststore.location={ca}",
        "ssl.keystore.type=PEM",
        r"ssl.keystore.certificate.chain=B\nC\n",
        r"ssl.keystore.key=B\nC\n",
        "producer.security.protocol=SASL_SSL",
    ]


def test_the_table_of_rights_is_about_topics_that_there_are_and_about_connect_as_it_is_configured(
    repository: Path,
) -> None:
    table = roles(Settings(app_id="mine"))
    ours = {right.name for role in table for right in table[role] if right.name.startswith("laudstream.")}
    assert ours - {topic.name for topic in TOPICS} == {"laudstream.public.heartbeat"}
    lines = dict(
        line.split("=", 1)
        for line in (repository / "local-env/connect.properties").read_text().splitlines()
        if "=" in line
    )
    assert lines["group.id"] == CONNECT_GROUP
    assert {lines[f"{kind}.storage.topic"] for kind in ("config", "offset", "status")} == set(CONNECT_TOPICS)
    assert {right.name for right in table["journeys"] if right.resource != "topic"} == {"mine", "mine-"}


def test_a_right_on_many_topics_is_one_command_and_names_are_quoted() -> None:
    table = roles(Settings())
    [_, prefixed, *_] = commands(table["journeys"], "User:CN=a b,O=c", "k:1")
    assert prefixed == (
        "kafka-acls.sh --bootstrap-server k:1 --command-config admin.properties --add --allow-principal "
        "'User:CN=a b,O=c' --operation Write --resource-pattern-type prefixed --transactional-id laudstream-journeys-"
    )
    assert len(commands(table["api"], "api", "k:1")) == 1
    assert len(commands(table["journeys"], "j", "k:1")) == 4
