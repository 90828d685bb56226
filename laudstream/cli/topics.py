"""`laudstream topics`: the topics in Kafka, as `laudstream/topics.py` declares them."""

from __future__ import annotations

import asyncio

import click

from laudstream import kafka_admin
from laudstream.cli import show
from laudstream.cli.connect import settings
from laudstream.cli.rights import rights_
from laudstream.topics import TOPICS

_COLUMNS = ("topic", "partitions", "replication", "differs")


@click.group()
def topics() -> None:
    """Create and check the topics in Kafka, print who needs which rights."""


@topics.command("apply")
def apply() -> None:
    """Create what is missing and set what differs. A different number of partitions is refused."""
    changes = asyncio.run(kafka_admin.apply_topics(settings()))
    shown = [change for change in changes if change.change != "unchanged"]
    for change in shown:
        click.echo(f"{change.topic}: {change.change} ({change.detail})")
    click.echo(f"{len(changes)} topics, {len(shown) or 'nothing'} changed")


@topics.command("list")
@show.as_json
def list_(json: bool) -> None:
    """What Kafka has, and where it differs from what it should."""
    now = settings()
    found = asyncio.run(kafka_admin.describe(now))
    rows: list[tuple[str, int | None, int | None, str]] = []
    for topic in TOPICS:
        there = found.get(topic.name)
        if there is None:
            rows.append((topic.name, None, None, "missing"))
            continue
        config = kafka_admin.config_of(topic, now)
        differing = [name for name, value in config.items() if there.config.get(name) != value]
        if there.replication != now.replication:
            differing.insert(0, "replication")
        if there.partitions != kafka_admin.partitions_of(topic, now):
            differing.insert(0, "partitions")
        rows.append((topic.name, there.partitions, there.replication, ", ".join(differing)))
    if json:
        show.print_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
    else:
        show.print_table(_COLUMNS, rows)


topics.add_command(rights_)
