"""Parts of a stack as data, and the files that they are made from."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from laudstream.errors import Invalid, NotFound
from laudstream.local import connector
from laudstream.local.child import Server
from laudstream.local.keys import Keys
from laudstream.local.parts import Context, Part, depths, parts, selected
from laudstream.local.ports import Ports
from laudstream.local.site import Site
from laudstream.settings import Settings, load
from laudstream.topics import ROWS, TOPICS


@pytest.fixture
def there(tmp_path: Path) -> list[Part]:
    site = Site.at(tmp_path)
    site.make_folders()
    return parts(Context(site, Ports.above(21000), Settings(), Keys("hush", admin_token="at_hush")), workers=3)


def test_a_subset_brings_what_it_needs_and_no_more(there: list[Part]) -> None:
    assert {part.name for part in selected(there, ("api",))} == {
        "api", "workspace", "migrations", "postgres", "topics", "kafka",
    }  # fmt: skip
    with pytest.raises(NotFound, match=r"no part 'apis'; there are: postgres, kafka"):
        selected(there, ("apis",))


def test_whatever_needs_another_stops_before_it(there: list[Part]) -> None:
    depth = depths(there)
    assert all(depth[part.name] > depth[need] for part in there for need in part.needs)


def test_no_two_parts_share_a_port(there: list[Part]) -> None:
    ports = [port for part in there if isinstance(part, Server) for port in part.ports.values()]
    assert len(ports) == len(set(ports))


def test_workers_say_where_their_metrics_are(there: list[Part]) -> None:
    workers = [part for part in there if isinstance(part, Server) and part.command[-2:-1] == ("worker",)]
    assert {worker.detail for worker in workers} == {f"http://127.0.0.1:{21900 + n}/metrics" for n in range(5)}
    assert all(f":{load(worker.env).ops_port}/" in worker.detail for worker in workers)


def test_our_processes_get_settings_that_load_but_no_keys_of_clients(there: list[Part]) -> None:
    ours = {part.name: part for part in there if isinstance(part, Server) and part.env}
    assert set(ours) == {"inbox", "sink", "api", "senders", "projector", "journeys", "journeys-2", "journeys-3"}
    for part in ours.values():
        settings = load(part.env)
        assert settings.kafka == "127.0.0.1:21092"
        assert settings.development
        assert "at_hush" not in str(part.env)
        assert part.env["PYTHONTZPATH"] == ""
    assert len({load(part.env).data_dir for part in ours.values() if "journeys" in part.name}) == 3


def test_the_connector_file_is_complete_once_filled_in(repository: Path) -> None:
    settings = Settings(cdc_database_url="postgresql://cdc:p%40ss@db.example:6432/shop")
    filled = connector.config(repository / connector.FILE, settings)
    assert (filled["database.hostname"], filled["database.port"]) == ("db.example", "6432")
    assert (filled["database.user"], filled["database.password"], filled["database.dbname"]) == ("cdc", "p@ss", "shop")
    assert all(isinstance(value, str) for value in filled.values())


def test_a_blank_that_nobody_fills_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps({"slot.name": "<slot>"}))
    with pytest.raises(Invalid, match=r"nobody fills in slot.name"):
        connector.config(tmp_path / "c.json", Settings())


def test_the_captured_tables_go_to_rows_by_their_customer_and_the_heartbeat_does_not(repository: Path) -> None:
    config = json.loads((repository / connector.FILE).read_text())
    route = re.compile(config["transforms.route.topic.regex"])
    tables = config["table.include.list"].split(",")
    routed = {table for table in tables if route.fullmatch(f"{config['topic.prefix']}.{table}")}
    assert routed == {f"public.{table}" for table in connector.CAPTURED}
    assert config["message.key.columns"] == ";".join(f"public.{table}:customer_key" for table in connector.CAPTURED)
    assert set(tables) - routed == {"public.heartbeat"}
    assert config["transforms.route.topic.replacement"] == ROWS
    assert {key.partition(":")[0] for key in config["message.key.columns"].split(";")} == routed
    assert re.fullmatch(config["predicates.rows.pattern"], ROWS)
    assert ROWS in {topic.name for topic in TOPICS}
    assert config["publication.autocreate.mode"] == "disabled"


def test_the_pom_pins_every_version(repository: Path) -> None:
    maven = "{http://maven.apache.org/POM/4.0.0}"
    pom = ElementTree.parse(repository / "kafkaconnect" / "pom.xml")
    properties = {item.tag.removeprefix(maven): item.text for item in pom.find(f"{maven}properties") or ()}
    assert properties["kafka.version"] == "4.3.1"
    assert properties["debezium.version"] == "3.6.3.Final"
    assert all((item.text or "").startswith(("${", "3.8.1", "1")) for item in pom.iter(f"{maven}version"))


def test_a_blank_of_a_configuration_that_is_not_given_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        Site.at(tmp_path).filled("server.properties", kafka=1)


def test_hadolint_accepts_the_dockerfile(repository: Path) -> None:
    hadolint = repository / ".venv" / "bin" / "hadolint"
    said = subprocess.run([hadolint, repository / "deploy" / "Dockerfile"], capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (0, "")


def test_each_line_of_the_procfile_is_a_command_of_ours(repository: Path) -> None:
    from laudstream.cli.main import COMMANDS

    lines = dict(line.split(": ", 1) for line in (repository / "deploy" / "Procfile").read_text().splitlines())
    assert set(lines) == {"api", "journeys", "senders", "projector"}
    assert all(line.split()[0] == "laudstream" and line.split()[1] in COMMANDS for line in lines.values())


def test_several_brokers_have_ports_and_folders_of_their_own_and_all_others_need_all_of_them(tmp_path: Path) -> None:
    site = Site.at(tmp_path)
    site.make_folders()
    context = Context(site, Ports.above(21000), Settings(), Keys("hush", admin_token="at_hush"), brokers=3)
    there = parts(context)
    ports = [port for part in there if isinstance(part, Server) for port in part.ports.values()]
    assert len(ports) == len(set(ports))
    brokers = ("kafka", "kafka-2", "kafka-3")
    needing = {part.name for part in there if "kafka" in part.needs}
    assert needing == {part.name for part in there if set(brokers) <= set(part.needs)} == {"topics", "connect"}
    assert context.settings.kafka == "127.0.0.1:21092,127.0.0.1:21192,127.0.0.1:21292"
    files = [tmp_path / "config" / name for name in ("server.properties", "server-2.properties", "server-3.properties")]
    told = [dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line) for file in files]
    assert [config["node.id"] for config in told] == ["1", "2", "3"]
    assert len({config["controller.quorum.voters"] for config in told}) == 1
    assert len({config["log.dirs"] for config in told}) == 3
    assert {config["min.insync.replicas"] for config in told} == {"2"}
