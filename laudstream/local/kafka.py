"""Kafka and Kafka Connect of a local stack."""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

import msgspec

from laudstream import kafka_admin
from laudstream.errors import Unavailable
from laudstream.local import child
from laudstream.local.child import Server
from laudstream.local.ports import HOST, Ports
from laudstream.local.probe import answers, listens
from laudstream.local.secured import Secured, add, properties
from laudstream.local.site import Site, program
from laudstream.settings import Settings

BROKER = ("-Xms256m", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
ONE_OF_SEVERAL = ("-Xms128m", "-Xmx256m", *BROKER[2:])
CONNECT = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
STEP = 100
"""Between the ports of two brokers."""
TOOL = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def archive(site: Site, name: str) -> Path:
    """Where the class data of a program are (AppCDS), once `laudstream.local.archives` has made them."""
    return site.cache / "archives" / f"{name}.jsa"


def java(site: Site, name: str, flags: tuple[str, ...], main: str, *arguments: object) -> tuple[str, ...]:
    """A command; with its class data at hand it starts in half the time."""
    classes = archive(site, name)
    shared = (f"-XX:SharedArchiveFile={classes}", "-Xlog:disable", "-Xlog:all=error:stderr") if classes.exists() else ()
    log = site.configured("log4j2.properties")
    return (
        str(program("java", "default-jre-headless")),
        *flags,
        *shared,
        f"-Dlog4j2.configurationFile={log.as_uri()}",
        "-cp",
        f"{site.jars()}/*",
        main,
        *map(str, arguments),
    )


def name_of(number: int) -> str:
    """Of a broker, from 1 on."""
    return "kafka" if number == 1 else f"kafka-{number}"


def port_of(ports: Ports, number: int) -> int:
    """Where clients find a broker; its controller listens on the next one."""
    return ports.kafka + STEP * (number - 1)


def addresses(ports: Ports, brokers: int) -> str:
    """Bootstrap servers."""
    return ",".join(f"{HOST}:{port_of(ports, number)}" for number in range(1, brokers + 1))


def cluster_id(site: Site) -> str:
    """Of the brokers to be, the same for all of them."""
    file = site.data / "run" / "cluster-id"
    if not file.exists():
        file.write_text(urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))
    return file.read_text()


def format_command(site: Site, config: Path, scram: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Makes the broker's data folder. `scram`: users and passwords that it knows from the start."""
    cluster = cluster_id(site)
    users = [word for one in scram for word in ("--add-scram", one)]
    return java(
        site, "format", TOOL, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", config, *users
    )


def broker(
    site: Site, ports: Ports, client: Settings, number: int = 1, brokers: int = 1, secured: Secured | None = None
) -> Server:
    """One of so many; each is a controller too. `client`: how one speaks to them."""
    name, port = name_of(number), port_of(ports, number)
    controllers = [ports.controller + STEP * (each - 1) for each in range(1, brokers + 1)]
    folder = site.data / name
    config = site.configured(
        "server.properties",
        to="server.properties" if number == 1 else f"server-{number}.properties",
        node=number,
        kafka=port,
        controller=controllers[number - 1],
        voters=",".join(f"{each}@{HOST}:{at}" for each, at in enumerate(controllers, 1)),
        data=folder,
        replicas=brokers,
        in_sync=max(1, brokers - 1),
    )
    if secured is not None:
        add(config, secured.broker)
    alone = msgspec.structs.replace(client, kafka=f"{HOST}:{port}")

    async def prepare() -> None:
        if not (folder / "meta.properties").exists():
            await child.run(
                format_command(site, config, secured.scram if secured else ()), site=site, name=f"{name}-format"
            )

    async def ready() -> bool:
        if not await listens(port):
            return False
        try:
            async with kafka_admin.admin(alone, timeout_s=2.0) as client:
                found = (await client.describe_cluster())["brokers"]
                return any(one["node_id"] == number for one in found)
        except Unavailable:
            return False

    return Server(
        name=name,
        title="Kafka",
        command=java(site, "kafka", BROKER if brokers == 1 else ONE_OF_SEVERAL, "kafka.Kafka", config),
        ports={"Kafka": port, "Kafka's controller": controllers[number - 1]},
        prepare=prepare,
        ready=ready,
        detail=alone.kafka,
        stop_s=20.0,
    )


def connect(
    site: Site, ports: Ports, brokers: int = 1, client: Settings | None = None, needs: tuple[str, ...] = ()
) -> Server:
    """`client`: how it speaks to the brokers, where they know their users."""
    config = site.configured(
        "connect.properties",
        kafka=addresses(ports, brokers),
        connect=ports.connect,
        plugins=site.plugins(),
        replicas=brokers,
    )
    if client is not None:
        add(config, properties(client, "", "producer.", "consumer."))
    url = f"http://{HOST}:{ports.connect}"

    async def ready() -> bool:
        return await answers(f"{url}/connectors")

    return Server(
        name="connect",
        title="Kafka Connect",
        needs=needs or tuple(name_of(number) for number in range(1, brokers + 1)),
        command=java(site, "connect", CONNECT, "org.apache.kafka.connect.cli.ConnectDistributed", config),
        ports={"Kafka Connect": ports.connect},
        ready=ready,
        detail=url,
    )
