"""`laudstream customers`: import from CSV, look at one, merge two, delete one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from laudstream.cli import show
from laudstream.cli.connect import api, settings
from laudstream.cli.csv_file import CsvFile, write_rejected
from laudstream.cli.csv_types import Reader, check_names, given_types, id_column, infer
from laudstream.cli.import_customers import CONNECTIONS, Imported, import_file, workspace_of
from laudstream.cli.progress import bar
from laudstream.cli.regular_file import RegularFile
from laudstream.customers.row import GROUP, RESERVED
from laudstream.errors import Invalid, Problem
from laudstream.postgres import connect
from laudstream.postgres.tenancy import reachable

FEW = 8
"""Ids that are named in a line."""


@click.group()
def customers() -> None:
    """Import customers from a file; show one; make two one; delete one."""


@customers.command("import")
@click.argument("file", type=RegularFile())
@click.option("--workspace", default="", help="Workspace id; not needed where there is only one.")
@click.option("--id-column", default="", help="Column of the customer id (default: id, customer_id, user_id …).")
@click.option(
    "--types", multiple=True, metavar="COLUMN=TYPE", help="text, number or boolean; else found from the cells."
)
@click.option("--delimiter", default="", help="Between cells; else found from the headings.")
@click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")
def import_(file: Path, workspace: str, id_column: str, types: tuple[str, ...], delimiter: str, dry_run: bool) -> None:
    """Create or update customers from a CSV FILE with headings, straight into PostgreSQL.

    Attributes in the file are merged into those a customer has; an empty cell changes nothing. Rows that cannot be
    taken are listed in FILE.rejected.csv with their line; the others are imported. Ends with 1 if there were any.
    Groups are told by `group` calls: `laudstream events replay` takes a file of them.
    """
    table, reader, rows = prepare(file, id_column, types, delimiter)
    began = time.monotonic()
    done = asyncio.run(run(settings().worker_dsn, workspace, table, reader, rows, dry_run))
    click.echo(summary(done, time.monotonic() - began, dry_run))
    if done.rejected:
        report = file.with_name(file.name + ".rejected.csv")
        write_rejected(report, done.rejected)
        raise click.ClickException(
            f"{len(done.rejected):,} {'row was' if len(done.rejected) == 1 else 'rows were'} rejected, see {report}"
        )


def prepare(
    file: Path, wanted_id: str = "", types: tuple[str, ...] = (), delimiter: str = ""
) -> tuple[CsvFile, Reader, int]:
    """The file, what makes customers of its rows, and their number. Says which types were found. Raises Invalid."""
    table = CsvFile(file, delimiter)
    chosen = id_column(table.columns, wanted_id)
    check_names(name for name in table.columns if name != chosen)
    if GROUP in table.columns and chosen != GROUP:
        what, fix = RESERVED
        raise Invalid("a heading that cannot be an attribute", (Problem(GROUP, what, fix),))
    given = given_types(types, table.columns)
    found, rows = infer(table.rows(), table.columns)
    kinds = {**found, **given}
    click.echo(
        "; ".join((f"{rows:,} rows", f"id: {chosen}", *(f"{n}: {kinds[n]}" for n in table.columns if n != chosen)))
    )
    return table, Reader(table.columns, chosen, kinds), rows


async def run(dsn: str, workspace: str, table: CsvFile, reader: Reader, rows: int, dry_run: bool) -> Imported:
    """The import with its progress bar. Raises NotFound, Invalid (which workspace?), Unavailable."""
    pool = await connect(dsn, max_size=CONNECTIONS, application="laudstream import")
    try:
        with reachable():
            async with pool.acquire() as connection:
                home = await workspace_of(connection, workspace)
            with bar("customers", rows) as advance:
                return await import_file(pool, home, table, reader, dry_run=dry_run, progress=advance)
    finally:
        await pool.close()


def summary(done: Imported, seconds: float, dry_run: bool) -> str:
    rate = f"{done.rows / seconds:,.0f} rows/s" if seconds else ""
    would = "would be " if dry_run else ""
    return (
        f"{would}created {done.created:,} · {would}changed {done.changed:,} · unchanged {done.unchanged:,} · "
        f"rejected {len(done.rejected):,} · {seconds:.1f} s · {rate}"
    )


@customers.command("show")
@click.argument("id")
@click.option("--limit", default=20, show_default=True, help="Decisions of the timeline.")
@show.as_json
def show_(id: str, limit: int, json: bool) -> None:
    """One customer, by any id: attributes, runs and the latest decisions."""
    with api() as client:
        customer = client.get("customers", id)
        timeline = client.get("customers", id, "timeline", limit=limit)
    if json:
        show.print_json({**customer, "timeline": timeline["decisions"]})
        return
    show.print_table(("attribute", "value"), customer.get("attributes", {}).items(), f"customer {customer['id']}")
    if customer["aliases"]:
        click.echo(f"also known as {_some(customer['aliases'])}")
    _print_rows("runs", customer["runs"], "journey", "version", "step", "entered_at", "ended_at", "outcome", "reason")
    decisions = [{**row, "what": what(row)} for row in timeline["decisions"]]
    _print_rows("timeline", decisions, "at", "kind", "journey", "step", "what")


@customers.command("merge")
@click.argument("source")
@click.argument("target")
@click.option("--yes", is_flag=True, help="Do not ask.")
def merge(source: str, target: str, yes: bool) -> None:
    """Make two customers one: SOURCE goes on as TARGET. There is no way back.

    What is known of both is united, and where both know something else TARGET is right. Who was merged is found by
    either id (docs/identity.md).
    """
    with api() as client:
        if not yes:
            for id in (source, target):
                client.get("customers", id)
            show.confirm(f"{source} becomes {target}, for good?")
        done = client.post("customers", source, "merge", body={"into": target})
    click.echo(f"{source} and {target} are {done['id']} now" if done["merged"] else f"both were {done['id']} already")


@customers.command("delete")
@click.argument("id")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(id: str, yes: bool) -> None:
    """Delete a customer, by any id: attributes, runs, messages, timeline and all other ids. There is no way back."""
    with api() as client:
        customer = client.get("customers", id)
        if not yes:
            others = f", also known as {_some(customer['aliases'])}," if customer["aliases"] else ""
            show.confirm(f"delete {customer['id']}{others} and all that is known of this customer?")
        client.delete("customers", id)
    click.echo(f"{customer['id']} is deleted")


def what(decision: dict[str, Any]) -> str:
    """What a decision chose, in a few words."""
    data = decision.get("data") or {}
    if decision.get("kind") == "segment":
        return f"{data['change']} {data['segment']}"
    if decision.get("kind") == "merged":
        who = decision.get("customer", "")
        return f"{who} goes on as {data['into']}".strip() if "into" in data else f"took in {data.get('from', '')}"
    if decision.get("kind") == "message":
        refused = decision.get("reason", "")
        return " ".join(filter(None, (data.get("template"), f"refused: {refused}" if refused else "")))
    branch, to = decision.get("branch", ""), decision.get("to", "")
    return " ".join(filter(None, (branch, f"→ {to}" if to else "", decision.get("outcome"), decision.get("reason"))))


def _some(ids: list[str]) -> str:
    """The first of many ids."""
    rest = len(ids) - FEW
    return ", ".join(ids[:FEW]) + (f" and {rest} more" if rest > 0 else "")


def _print_rows(title: str, rows: Iterable[dict[str, Any]], *columns: str) -> None:
    show.print_table(columns, ([_shown(name, row.get(name)) for name in columns] for row in rows), title)


def _shown(name: str, value: Any) -> Any:
    return show.when(value) if name == "at" or name.endswith("_at") else value
