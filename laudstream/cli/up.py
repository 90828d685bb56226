"""`laudstream up` and `laudstream down`: the local stack."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.status import Status

from laudstream.cli import show
from laudstream.local import folder
from laudstream.local.ports import Ports
from laudstream.local.running import DEFAULT_DATA, settings_of_running
from laudstream.local.stack import Report, Stack
from laudstream.settings import load

_STOP_PATIENCE_S = 90.0

data_option = click.option(
    "--data", default=DEFAULT_DATA, show_default=True, type=click.Path(path_type=Path), help="Folder for everything."
)


class Progress:
    """A line for each part as it gets ready; on a terminal also what is under way."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._under_way: dict[str, str] = {}
        self._status: Status | None = console.status("") if console.is_terminal else None

    def __call__(self, report: Report) -> None:
        if report.event == "starting":
            self._under_way[report.name] = report.title
        else:
            self._under_way.pop(report.name, None)
            self._say(report)
        if self._status:
            self._status.update("starting " + ", ".join(self._under_way.values()))

    def _say(self, report: Report) -> None:
        mark = {"ready": "[green]✓[/]", "killed": "[yellow]![/]", "died": "[red]✗[/]"}.get(report.event, "[dim]·[/]")
        event = "killed, it did not stop" if report.event == "killed" else report.event
        name = report.name if report.name[-1].isdecimal() else report.title
        line = f"{mark} {name:<16} {event:<7} {report.seconds:6.1f} s  [dim]{report.detail}[/]"
        self._console.print(line.rstrip())

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        with self._status or contextlib.nullcontext():
            yield


def ports_of(base: int | None, single: dict[str, int | None]) -> Ports:
    """Ports above `base`, or the defaults; each may be given by itself."""
    return (Ports.above(base) if base else Ports())._replace(**{n: p for n, p in single.items() if p})


def port_options(command: click.decorators.FC) -> click.decorators.FC:
    """--port-base and one option a port."""
    port = click.IntRange(1, 65_000)
    for name in reversed(Ports._fields):
        help = f"Default {Ports()._asdict()[name]}." if name != "ops" else "First of the workers' ops ports."
        command = click.option(f"--{name}-port", name, type=port, help=help)(command)
    return click.option(
        "--port-base", type=click.IntRange(1024, 64_000), help="Use the ports above N: local-env/README.md."
    )(command)


@click.command()
@data_option
@port_options
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 30), help="Number of journey workers.")
def up(data: Path, port_base: int | None, workers: int, **single: int | None) -> None:
    """Run Kafka, PostgreSQL, Kafka Connect, an SMTP inbox, a sink for webhooks, the API and the workers, until Ctrl-C.

    What dies is started again; what dies three times within five minutes ends it all, with the end of its log."""
    progress = Progress(show.console())
    stack = Stack(data, ports=ports_of(port_base, single), workers=workers, settings=load(), report=progress)
    asyncio.run(_run(stack, progress))


async def _run(stack: Stack, progress: Progress) -> None:
    """Start, say where things are, and stay until a signal; parts that die are started again, a few times."""
    began = time.monotonic()
    stop = stop_signals()
    click.echo(f"laudstream: data in {stack.data}")
    try:
        with progress.shown():
            if not await until(stop, stack.start()):
                return
        click.echo(summary(stack, time.monotonic() - began))
        sys.stdout.flush()
        await until(stop, stack.keep())
    finally:
        if stack.children:
            click.echo("stopping")
        await stack.stop()


def stop_signals() -> asyncio.Event:
    """Set by the first SIGINT, SIGTERM or SIGHUP; a second one ends us at once (and the kernel our children)."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()

    def act(number: int) -> None:
        if event.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        event.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, act, number)
    return event


async def until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Run `work`, but only until `stop` is set. Whether it ended by itself; its error is raised."""
    task = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        for pending in (task, waiting):
            pending.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)


def summary(stack: Stack, seconds: float) -> str:
    settings = stack.settings
    rows = (
        ("UI", f"{settings.api_url}/#token={settings.api_token}"),
        ("write key", settings.write_key),
        ("admin token", settings.api_token),
        ("mails", f"{settings.smtp_url} → {settings.api_url}/inbox"),
        ("webhooks", f"{settings.sink_url} → {settings.api_url}/sink"),
        ("logs", str(stack.data / "logs")),
    )
    lines = "\n".join(f"  {name:<12} {value}" for name, value in rows)
    return f"ready after {seconds:.1f} s\n\n{lines}\n\nCtrl-C stops everything."


@click.command()
@data_option
@click.option("--wipe", is_flag=True, help="Delete the data folder as well.")
def down(data: Path, wipe: bool) -> None:
    """Stop the stack that `laudstream up` runs, and what a killed one left over."""
    data = data.resolve()
    there = settings_of_running(data)
    stopped = folder.stop_holder(data, _STOP_PATIENCE_S)
    left = folder.clean(data)
    if stopped:
        click.echo(f"stopped{f' {there.api_url}' if there else ''}")
    elif left:
        click.echo(f"ended what was left over: {', '.join(left)}")
    else:
        click.echo(f"nothing runs with {data}")
    if wipe:
        click.echo(f"deleted {data}" if folder.wipe(data) else f"there is no {data}")
