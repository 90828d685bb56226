"""`laudstream`: the command line. Each noun is a module of its own that is imported only when it is used."""

from __future__ import annotations

import errno
import logging
import os
import sys
from importlib import import_module

import click

from laudstream import __version__
from laudstream.cli.connect import nothing_here
from laudstream.errors import Invalid, LaudstreamError, Unavailable

COMMANDS = {
    "up": ("laudstream.cli.up:up", "Run everything on this machine: servers, API, workers."),
    "down": ("laudstream.cli.up:down", "Stop what `up` runs; --wipe deletes its data."),
    "demo": ("laudstream.cli.demo:demo", "Show a real journey with real customers on the local stack."),
    "apply": ("laudstream.cli.apply:apply", "Create or update journeys, templates, segments, … from files."),
    "journeys": ("laudstream.cli.journeys:journeys", "List, show, check, compare, pause, resume and stop journeys."),
    "templates": ("laudstream.cli.templates:templates", "List and show templates."),
    "segments": ("laudstream.cli.segments:segments", "List and show segments, change the members of manual ones."),
    "subscriptions": ("laudstream.cli.subscriptions:subscriptions", "List and show subscriptions."),
    "customers": ("laudstream.cli.customers:customers", "Import, show, merge and delete customers."),
    "groups": ("laudstream.cli.groups:groups", "List and show groups of customers."),
    "events": ("laudstream.cli.events:events", "Replay events from a file."),
    "simulate": ("laudstream.cli.simulate:simulate", "Play journeys over customers and events on a virtual clock."),
    "backtest": ("laudstream.cli.backtest:backtest", "Compare two journeys over the same events: who gets what."),
    "api": ("laudstream.cli.api:api", "Run the HTTP API and the UI."),
    "worker": ("laudstream.cli.worker:worker", "Run a worker: journeys, senders or projector."),
    "lanes": ("laudstream.cli.lanes:lanes", "Who owns each lane, and how far behind it is."),
    "dead-letters": ("laudstream.cli.dead_letters:dead_letters", "List, show, retry and drop what no lane could read."),
    "topics": ("laudstream.cli.topics:topics", "Create and check the topics in Kafka, print who needs which rights."),
    "migrate": ("laudstream.cli.migrate:migrate_", "Bring the tables in PostgreSQL up to date."),
    "replay": ("laudstream.cli.replay:replay", "Run partitions again from their journals and compare."),
    "upgrade": ("laudstream.cli.upgrade:upgrade", "What lanes and workers know, and the last step of an upgrade."),
    "config": ("laudstream.cli.config:config", "Print all settings and where each comes from."),
    "doctor": ("laudstream.cli.doctor:doctor", "Check everything laudstream needs, and say what to do."),
}
"""Name → (module:attribute, one line of help), in the order of `laudstream --help`."""


NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""Where output or a file is being written; the error itself does not say where."""

NOTHING_HERE = (
    "no stack runs with the folder .data here, and no LAUDSTREAM_… variable is set: "
    "go to the folder where `laudstream up` was called, or set them (`laudstream config`)"
)


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported on use: one that is broken breaks no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="laudstream")
def cli() -> None:
    """Customer journeys as stream processing.

    Settings come from LAUDSTREAM_… variables; without any, commands use the stack that `laudstream up` runs here.
    """


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 laudstream says what is wrong, 2 wrong usage."""
    # What aiokafka warns of is in the error that it raises next; workers set up logging of their own.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    color = False if os.environ.get("NO_COLOR") else None  # click does not look at it
    try:
        cli(prog_name="laudstream", color=color)
    except LaudstreamError as error:
        print_error(error, color)
        if isinstance(error, Unavailable) and nothing_here():
            click.echo(f"      → {NOTHING_HERE}", err=True)
        sys.exit(1)
    except OSError as error:
        if error.filename is None and error.errno not in NO_ROOM:  # a fault of ours, with its place
            raise
        print_error(Invalid(f"{error.filename or 'output'}: {error.strerror}"), color)
        sys.exit(1)


def print_error(error: LaudstreamError, color: bool | None = None) -> None:
    """One line, and a line for each problem."""
    click.secho(f"error: {error}", fg="red", err=True, color=color)
    for problem in error.problems if isinstance(error, Invalid) else ():
        said = f"  {problem.pointer}: {problem.message}" if problem.pointer else f"  {problem.message}"
        click.echo(f"{said}\n      → {problem.fix}" if problem.fix else said, err=True)
