"""The options of everything that plays a population: `simulate` and `backtest`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from laudstream.simulate.world import WORKSPACE

RATE = 1_000
"""Events a second where they come as they stand in the file."""

_PATH = click.Path(exists=True, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class OutFile(click.Path):
    """A file to be written: what stands in the way is said before the work, not after it."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"there is no folder {path.parent}", param, ctx)
        return path


class Choice(msgspec.Struct, kw_only=True):
    """What was asked for on the command line."""

    templates: Path | None
    customers: Path | None
    events: Path | None
    dataset: str
    event: str
    event_column: str
    id_column: str
    types: tuple[str, ...]
    timestamps: str
    begin: str
    until: str
    zone: str
    seed: int
    workspace: str
    skip_bad: bool
    send_after: float
    delivered: float
    opened: float
    clicked: float
    bounced: float


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of everything that plays a population; the command gets them as `choice`."""

    def gathered(**given: Any) -> Any:
        chosen = {name: given.pop(name) for name in Choice.__struct_fields__}
        return command(choice=Choice(**chosen), **given)

    gathered.__doc__, gathered.__name__ = command.__doc__, command.__name__
    gathered.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]  # click's own
    for option in reversed(_OPTIONS):
        option(gathered)
    return gathered


_OPTIONS = (
    click.option("--templates", type=_PATH, help="Folder or file of templates; those that are missing are made up."),
    click.option("--customers", type=_FILE, help="Customers: CSV as for `customers import`, or JSON lines."),
    click.option("--events", type=_FILE, help="Events: CSV or JSON lines as for `events replay`."),
    click.option("--dataset", type=click.Choice(["cdnow"]), help="Built-in data: 69,659 purchases in 18 months."),
    click.option("--event", default="", help="CSV: name of the events."),
    click.option("--event-column", default="", help="CSV: column that holds the name of each event."),
    click.option("--id-column", default="", help="CSV: column of the customer id."),
    click.option("--types", multiple=True, metavar="COLUMN=TYPE", help="CSV: text, number or boolean; else found."),
    click.option("--timestamps", type=click.Choice(["keep", "drop"]), default="keep", show_default=True,
                 help=f"keep: events happen when the file says; drop: in its order, {RATE:,} a second."),
    click.option("--from", "begin", default="", metavar="TIME", help="When it begins; default: with the first event."),
    click.option("--until", default="", metavar="TIME", help="When it ends; default: when nothing is left to happen."),
    click.option("--zone", default="UTC", show_default=True, help="Of the workspace, and of times without one."),
    click.option("--seed", default=0, show_default=True, help="Of deliveries and samples."),
    click.option("--workspace", default=WORKSPACE, show_default=True, help="Its id decides arms and holdouts."),
    click.option("--skip-bad", is_flag=True, help="Leave out lines that are wrong."),
    click.option("--send-after", default=1.0, show_default=True, metavar="SECONDS", help="From a request to `sent`."),
    *(click.option(f"--{name}", default=0.0, metavar="SHARE", help=f"Share of the messages that are {name}, 0 to 1.")
      for name in ("delivered", "opened", "clicked", "bounced")),
)  # fmt: skip
