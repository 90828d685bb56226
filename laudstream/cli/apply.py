"""`laudstream apply`: makes the definitions of a workspace agree with files.

Everything is checked before the first change is asked for: the files by themselves, then what they name, among the
files and in the workspace, then whether a version is on trial that a publish would end. Applying the same files again
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from laudstream.cli import references, show
from laudstream.cli.client import Client
from laudstream.cli.connect import api
from laudstream.cli.files import Item, load_all
from laudstream.conditions.operators import same
from laudstream.errors import Invalid, Problem, Refused
from laudstream.journey.naming import calls

WAIT_S = 30
_OPEN = ("draft", "publishing", "live")
"""A journey that somebody paused or stopped is not set going by a file: its draft is saved."""
_OURS = ("id", "requires")
"""Fields of a template that the workspace adds to what the file says."""


class Applied(NamedTuple):
    kind: str
    id: str
    change: str
    """created, updated, published (saved before, live now) or unchanged."""
    version: int | None
    status: str
    """Of a journey as in the API; of anything else live or publishing."""
    path: Path


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--publish/--draft", default=True, help="Publish journeys (the default), or save drafts only.")
@click.option("--end-trial", is_flag=True, help="Publish for all also where a version is on trial, which ends that.")
@click.option("--wait", is_flag=True, help=f"Wait until all lanes have what was published, up to {WAIT_S} s.")
@show.as_json
def apply(paths: tuple[Path, ...], publish: bool, end_trial: bool, wait: bool, json: bool) -> None:
    """Create or update what PATHS define: files, or folders with all files below them.

    Journeys, templates, segments, subscriptions and the settings of the workspace, as YAML or JSON. Nothing is changed
    if anything in any file is wrong, or if a publish would end a trial. Ends with 1 if --wait was in vain.
    """
    items = check(load_all(paths))
    with api() as client:
        check_references(items, client)
        if publish and not end_trial:
            check_trials(items, client)
        save_circles(items, client)
        applied = [apply_item(client, item, publish, WAIT_S if wait else 0) for item in items]
    if json:
        show.print_json([row._asdict() | {"path": str(row.path)} for row in applied])
    else:
        show.print_table(Applied._fields, applied)
    if wait and any(row.status == "publishing" for row in applied):
        raise click.ClickException(f"not all lanes have everything after {WAIT_S} s: is the journey worker running?")


def check(items: list[Item]) -> list[Item]:
    """The same items, if each is valid by itself. Raises Invalid with every problem and its place."""
    references.raise_for(problem for item in items for problem in references.problems(item))
    return items


def check_references(items: Iterable[Item], client: Client) -> None:
    """Raises Invalid where an item names what is neither in the files nor in the workspace."""
    items = list(items)
    if any(item.kind in ("journey", "segment") for item in items):
        names = references.together(items, client)
        references.raise_for(problem for item in items for problem in references.problems(item, names))


def check_trials(items: Iterable[Item], client: Client) -> None:
    """Raises Refused where publishing a journey would end the trial of a version."""
    problems = []
    for item in items:
        there = client.find("journeys", item.id) if item.kind == "journey" else None
        trial = there.get("trial") if there else None
        if there is None or trial is None or not _changes(there, item, publish=True).publish:
            continue
        message = f"version {trial['version']} is on trial with {trial['share']:g} %: a publish for all would end that"
        fix = (
            f"first `laudstream journeys promote {item.id}` or `withdraw {item.id}`; or apply with --draft and publish"
            " with `--share`; or apply with --end-trial"
        )
        problems.append(Problem(item.place(""), message, fix))
    if problems:
        many = f"{len(problems)} journeys have" if len(problems) > 1 else "a journey has"
        raise Refused(f"{many} a version on trial; nothing was changed", tuple(problems))


def save_circles(items: Sequence[Item], client: Client) -> None:
    """Of journeys that call each other in a circle, one that is called before its turn, and is not there, is saved."""
    journeys = {item.id: item for item in items if item.kind == "journey"}
    later = dict(journeys)
    for id, item in journeys.items():
        del later[id]
        for name in sorted(calls(item.body) & later.keys()):
            if client.find("journeys", name) is None:
                client.put("journeys", name, body=later[name].body)


def apply_item(client: Client, item: Item, publish: bool, wait: int) -> Applied:
    """Create or update one item. Raises Invalid with the places in the file."""
    try:
        if item.kind == "journey":
            return _journey(client, item, publish, wait)
        return _template(client, item, wait) if item.kind == "template" else _other(client, item, wait)
    except Invalid as error:
        raise type(error)(f"{item.path}: {error}", tuple(item.located(error.problems))) from None


def _template(client: Client, item: Item, wait: int) -> Applied:
    there = client.find("templates", item.id)
    if there and same(_bare(there["body"]), _bare(item.body)):
        return Applied(item.kind, item.id, "unchanged", there["live_version"], there["status"], item.path)
    answer = _taken(client.put("templates", item.id, body=item.body, wait=wait))
    return Applied(
        item.kind, item.id, "updated" if there else "created", answer["version"], answer["status"], item.path
    )


_PLACES = {"segment": "segments", "subscription": "subscriptions"}


def _other(client: Client, item: Item, wait: int) -> Applied:
    """A segment, a subscription, or the settings of the workspace: live at once; the same again is no new version."""
    path = (_PLACES[item.kind], item.id) if item.kind in _PLACES else ("settings",)
    there = client.find(*path)
    if there and same(there["body"], item.body):
        return Applied(item.kind, item.id, "unchanged", there["live_version"], there["status"], item.path)
    answer = _taken(client.put(*path, body=item.body, wait=wait))
    change = "updated" if there and there["live_version"] else "created"
    return Applied(item.kind, item.id, change, answer["version"], answer["status"], item.path)


def _bare(body: dict[str, Any]) -> dict[str, Any]:
    return {"channel": "email"} | {name: value for name, value in body.items() if name not in _OURS}


class _Changes(NamedTuple):
    """What a file changes of a journey."""

    save: bool
    publish: bool


def _changes(there: dict[str, Any] | None, item: Item, publish: bool) -> _Changes:
    if there is None:
        return _Changes(True, publish)
    draft = there.get("draft")
    save = not same(draft or there["body"], item.body)
    pending = save or draft is not None or there["live_version"] is None
    return _Changes(save, publish and there["status"] in _OPEN and pending)


def _journey(client: Client, item: Item, publish: bool, wait: int) -> Applied:
    there = client.find("journeys", item.id)
    version, status = (there["live_version"], there["status"]) if there else (None, "draft")
    changes = _changes(there, item, publish)
    if not any(changes):
        return Applied(item.kind, item.id, "unchanged", version, status, item.path)
    if changes.save:
        client.put("journeys", item.id, body=item.body)
    if changes.publish:
        answer = _taken(client.post("journeys", item.id, "publish", wait=wait))
        version, status = answer["version"], answer["status"]
    change = "published" if not changes.save else "updated" if there else "created"
    return Applied(item.kind, item.id, change, version, status, item.path)


def _taken(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("problem"):
        raise Invalid(f"refused by the control agent: {answer['problem']}")
    return answer
