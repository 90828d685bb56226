"""Kafka and Kafka Connect of a local stack."""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from laudstream import kafka_admin
from laudstream.errors import Unavailable
from laudstream.local import child
from laudstream.local.child import Server
from laudstream.local.ports import HOST, Ports
from laudstream.local.probe import answers, listens
from laudstream.local.site import Site, program

BROKER = ("-Xms256m", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
CONNECT = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
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


def format_command(site: Site, config: Path) -> tuple[str, ...]:
    """Makes the broker's data folder."""
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return java(site, "format", TOOL, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", config)


def broker(site: Site, ports: Ports) -> Server:
    folder = site.data / "kafka"
    config = site.configured("server.properties", kafka=ports.kafka, controller=ports.controller, data=folder)
    address = f"{HOST}:{ports.kafka}"

    async def prepare() -> None:
        if not (folder / "meta.properties").exists():
            await child.run(format_command(site, config), site=site, name="kafka-format")

    async def ready() -> bool:
        if not await listens(ports.kafka):
            return False
        try:
            async with kafka_admin.admin(address, timeout_s=2.0) as client:
                return bool((await client.describe_cluster())["brokers"])
        except Unavailable:
            return False

    return Server(
        name="kafka",
        title="Kafka",
        command=java(site, "kafka", BROKER, "kafka.Kafka", config),
        ports={"Kafka": ports.kafka, "Kafka's controller": ports.controller},
        prepare=prepare,
        ready=ready,
        detail=address,
        stop_s=20.0,
    )


def connect(site: Site, ports: Ports) -> Server:
    config = site.configured("connect.properties", kafka=ports.kafka, connect=ports.connect, plugins=site.plugins())
    url = f"http://{HOST}:{ports.connect}"

    async def ready() -> bool:
        return await answers(f"{url}/connectors")

    return Server(
        name="connect",
        title="Kafka Connect",
        needs=("kafka",),
        command=java(site, "connect", CONNECT, "org.apache.kafka.connect.cli.ConnectDistributed", config),
        ports={"Kafka Connect": ports.connect},
        ready=ready,
        detail=url,
    )
