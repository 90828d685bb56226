"""`laudstream demo`: real customers through a real journey on the real stack, every figure checked twice."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import NamedTuple

import click
from rich import box
from rich.table import Table
from rich.text import Text

from laudstream.cli import show
from laudstream.cli.demo_figures import Found, checks, last_line
from laudstream.cli.demo_play import Play, say
from laudstream.cli.main import print_error
from laudstream.cli.up import Progress, data_option, port_options, ports_of, stop_signals, until
from laudstream.errors import LaudstreamError, Problem, Refused
from laudstream.local import folder
from laudstream.local.cdnow import Figures
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from laudstream.settings import load

USED = "the demo's figures hold only on a fresh folder"


class Result(NamedTuple):
    figures: Figures
    found: Found

    @property
    def ok(self) -> bool:
        return all(check.ok for check in checks(self.figures, self.found))

    @property
    def line(self) -> str:
        return last_line(self.figures, self.found)


@click.command()
@data_option
@port_options
@click.option("--wipe", is_flag=True, help="Delete the data folder first.")
@click.option(
    "--exit", "leave", is_flag=True, envvar="DEMO_EXIT", help="End after the summary; 0 if all figures agree."
)
def demo(data: Path, port_base: int | None, wipe: bool, leave: bool, **single: int | None) -> None:
    """Start everything and send 23,570 customers with 69,659 purchases through a journey.

    The customers are those of the CDNOW data set. At the end every figure is compared with the journal, run again in
    memory, and with arithmetic on the file. Then the stack stays up until Ctrl-C.
    """
    began = time.monotonic()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of every refused connection while Kafka starts
    try:
        data = data.resolve()
        if wipe:
            _wipe(data)
        result = asyncio.run(_run(data, ports_of(port_base, single), leave, began))
    except LaudstreamError as error:
        print_error(error)
        click.echo(f"demo: FAILED {error}")
        raise SystemExit(1) from None
    if result is None:
        click.echo("demo: FAILED interrupted")
        raise SystemExit(130)
    if leave:
        click.echo(result.line)
    raise SystemExit(0 if result.ok else 1)


async def _run(data: Path, ports: Ports, leave: bool, began: float) -> Result | None:
    """What came of it; None if it was interrupted. Raises LaudstreamError."""
    stop = stop_signals()
    await _refuse_used(data, ports)
    progress = Progress(show.console())
    stack = Stack(data, ports=ports, settings=load(), report=progress)
    try:
        with progress.shown():
            if not await until(stop, stack.start()):
                return None
        say(f"everything is up · {time.monotonic() - began:.1f} s")
        results: list[Result] = []
        if not await until(stop, _perform(stack, began, results)):
            return None
        (result,) = results
        print_checks(result)
        if not leave:
            address = stack.settings.api_url
            click.echo(f"It all stays up until Ctrl-C:\n\n  UI     {address}/#token={stack.settings.api_token}")
            click.echo(f"  mails  {address}/inbox\n")
            click.echo(result.line)
            await until(stop, stack.watch())
        return result
    finally:
        await stack.stop()


def _wipe(data: Path) -> None:
    pid = folder.holder(data)
    if pid:
        raise Refused(f"process {pid} runs with {data}: end it first, by `laudstream down`")
    folder.clean(data)
    if folder.wipe(data):
        say(f"deleted {data}")


async def _refuse_used(data: Path, ports: Ports) -> None:
    """Raises Refused if the folder has customers."""
    if not (data / "postgres").exists():
        return
    async with Stack(data, ports=ports, parts=("migrations",)) as stack:
        customers = await Play(stack.settings, stack.site.root / "local-env", stack.data).used()
    if customers:
        problem = Problem("", USED, "`laudstream demo --wipe` deletes it first")
        raise Refused(f"{data} is used: it has {customers:,} customers", (problem,))


async def _perform(stack: Stack, began: float, results: list[Result]) -> None:
    """All acts; a part that dies ends them. Raises LaudstreamError."""
    play = Play(stack.settings, stack.site.root / "local-env", stack.data)
    acts = asyncio.ensure_future(play.perform())
    watch = asyncio.ensure_future(stack.watch())
    try:
        done, _ = await asyncio.wait((acts, watch), return_when=asyncio.FIRST_COMPLETED)
        if watch in done:
            watch.result()
        figures, found = acts.result()
    finally:
        for task in (acts, watch):
            task.cancel()
        await asyncio.gather(acts, watch, return_exceptions=True)
    found.seconds = time.monotonic() - began
    results.append(Result(figures, found))


def print_checks(result: Result) -> None:
    """The summary: every figure, expected and found."""
    table = Table(box=box.SIMPLE_HEAD, title="Everything checked twice", title_justify="left")
    table.add_column("figure")
    table.add_column("expected", justify="right")
    table.add_column("found", justify="right")
    table.add_column("")
    for check in checks(result.figures, result.found):
        mark = Text("ok", style="green") if check.ok else Text("WRONG", style="bold red")
        table.add_row(check.what, check.expected, check.found, mark)
    show.console().print(table)
    if result.found.replayed.first:
        say(f"the replay differs: {result.found.replayed.first}")
