"""`laudstream journeys`: the journeys of a workspace, and their switches."""

from __future__ import annotations

from typing import Any

import click

from laudstream.cli import show, versions
from laudstream.cli.connect import api
from laudstream.cli.diff import diff
from laudstream.cli.lint import lint
from laudstream.cli.plan import plan
from laudstream.cli.schema import schema

_COLUMNS = ("id", "name", "status", "live_version", "trial", "entered", "active", "completed", "messages")


@click.group()
def journeys() -> None:
    """List, show, check, compare, plan, publish, pause, resume, drain and stop journeys, and their versions."""


for command in (lint, diff, plan, schema, *versions.COMMANDS):
    journeys.add_command(command)


@journeys.command("list")
@show.as_json
def list_(json: bool) -> None:
    """All journeys with their counts."""
    with api() as client:
        answer = client.get("journeys")
    if json:
        show.print_json(answer)
    else:
        show.print_table(_COLUMNS, ([_cell(row, column) for column in _COLUMNS] for row in answer["journeys"]))


def _cell(row: dict[str, Any], column: str) -> Any:
    """A trial as its version and share: `2 (10 %)`."""
    value = row.get(column)
    return f"{value['version']} ({value['share']:g} %)" if column == "trial" and value else value


@journeys.command("show")
@click.argument("id")
@show.as_json
def show_(id: str, json: bool) -> None:
    """One journey: its state, its steps and how many runs are where."""
    with api() as client:
        journey = client.get("journeys", id)
        stats = client.get("journeys", id, "stats") if journey.get("live_version") else {}
    if json:
        show.print_json({**journey, "stats": stats})
        return
    version = journey.get("live_version")
    click.echo(
        f"{journey['id']}  {journey.get('name', '')}  {journey['status']}" + (f"  version {version}" if version else "")
    )
    if journey.get("trial"):
        trial = journey["trial"]
        click.echo(f"version {trial['version']} is on trial with {trial['share']:g} % of those who enter")
    if journey.get("draft"):
        click.echo("There is a draft that is not published.")
    if journey.get("problem"):
        click.echo(f"refused by the control agent: {journey['problem']}")
    for warning in journey.get("warnings", ()):
        click.echo(f"warning: {warning.get('pointer', '')} {warning.get('message', '')}")
    _print_steps(journey, stats)


def _print_steps(journey: dict[str, Any], stats: dict[str, Any]) -> None:
    counts = stats.get("steps", {})
    rows = []
    for name, step in _in_order(journey["body"]):
        count = counts.get(name, {})
        left = ", ".join(f"{branch} {n:,}" for branch, n in count.get("left", {}).items())
        kind = next((key for key in step if key != "next"), "")
        rows.append((name, kind, count.get("arrived"), count.get("here"), count.get("requested") or None, left))
    show.print_table(("step", "kind", "arrived", "here", "requested", "left by"), rows)
    for title, what in (("ended", stats.get("ended")), ("not entered", stats.get("not_entered"))):
        if what:
            click.echo(f"{title}: " + ", ".join(f"{reason} {n:,}" for reason, n in what.items()))


def _in_order(body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Steps in the order in which a run comes to them: PostgreSQL keeps none."""
    steps, order, todo = body["steps"], dict[str, dict[str, Any]](), [body["start"]]
    for name in todo:
        if name in steps and name not in order:
            order[name] = steps[name]
            todo += _named(steps[name])
    return list((order | steps).items())


def _named(value: Any) -> list[str]:
    """Every text within a step: the names of the next ones are among them."""
    if isinstance(value, dict):
        return [name for part in value.values() for name in _named(part)]
    if isinstance(value, list):
        return [name for part in value for name in _named(part)]
    return [value] if isinstance(value, str) else []


@journeys.command("experiments")
@click.argument("id")
@show.as_json
def experiments(id: str, json: bool) -> None:
    """The experiments of a journey: what came of their arms, and who has won."""
    with api() as client:
        found = client.get("journeys", id, "experiments")["experiments"]
    if json:
        show.print_json({"experiments": found})
        return
    rows = []
    for each in found:
        winner = each["winner"] or {}
        for arm in each["arms"]:
            won = f"won (by {winner['by']})" if arm["name"] == winner.get("arm") else None
            counts = (arm["weight"], arm["customers"], arm["runs"], arm["met"])
            rows.append((each["step"], arm["name"], *counts, each["metric"], each["waiting"] or None, won))
    show.print_table(("step", "arm", "weight", "customers", "runs", "met", "metric", "waiting", ""), rows)


@journeys.command("winner")
@click.argument("id")
@click.argument("step")
@click.argument("arm")
@click.option("--wait", default=10, show_default=True, help="Seconds to wait until all lanes have it.")
def winner(id: str, step: str, arm: str, wait: int) -> None:
    """Choose the winner of an experiment: who has no arm yet goes this way."""
    with api() as client:
        answer = client.put("journeys", id, "experiments", step, "winner", body={"arm": arm}, wait=wait)
    click.echo(f"{answer['experiment']}  {answer['arm']}" + ("" if answer["seen"] else "  (not in all lanes yet)"))


def _switch(action: str, help: str) -> None:
    @journeys.command(action, help=help)
    @click.argument("id")
    @click.option("--wait", default=10, show_default=True, help="Seconds to wait until all lanes have it.")
    def command(id: str, wait: int) -> None:
        with api() as client:
            answer = client.post("journeys", id, action, wait=wait)
        version = f"  version {answer['version']}" if answer.get("version") else ""
        click.echo(f"{id}  {answer['status']}{version}")


_switch("pause", "No entries, no steps and no messages until `resume`; exits still act.")
_switch("resume", "Go on after `pause`, or take entries again after `drain`.")
_switch("drain", "Take no more entries; the runs that are there go on to their end.")
_switch("stop", "End all runs and take no more entries.")
