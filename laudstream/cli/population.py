"""What a simulation is fed with: journeys, templates, customers and events in files, or a data set that is built in.

Files are those of `apply`, `customers import` and `events replay`. A line that is wrong stops everything, since figures
of half a file mislead; `--skip-bad` goes on without such lines and says how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
import orjson
from msgspec.structs import replace

from laudstream.cli import apply, customers, events, references
from laudstream.cli.choice import RATE, Choice
from laudstream.cli.csv_file import CsvFile, Rejected
from laudstream.cli.csv_types import check_names
from laudstream.cli.files import load_all
from laudstream.cli.stream import Numbered
from laudstream.customers.event import Event
from laudstream.customers.row import GROUP
from laudstream.errors import Invalid, Problem
from laudstream.ids import WORKSPACE as WORKSPACE_FORM
from laudstream.ids import customer_key
from laudstream.journey.durations import instant
from laudstream.local import cdnow
from laudstream.local.site import Site
from laudstream.simulate.plan import Definition, Plan, made_up, zone_named
from laudstream.simulate.post import Post
from laudstream.simulate.sender import Sender
from laudstream.simulate.world import WORKSPACE

SHOWN = 10
"""Wrong lines that are shown."""
DAWN = 1_767_225_600_000
"""2026-01-01T00:00Z: when it begins if no time says so."""


END = 4_102_444_800_000
"""2100-01-01T00:00Z: no clock goes on from there."""


class Population(NamedTuple):
    plan: Plan
    """With the templates that were asked for, and no other definitions."""
    left_out: int
    """Lines that were wrong."""


def definitions(paths: Iterable[Path]) -> list[Definition]:
    """What files define, checked as a publish checks it, but for templates, which are made up where they are missing,
    and journeys that an `emit` names. Raises Invalid with every problem."""
    items = apply.check(load_all(paths))
    names = references.of_files(items)
    names.templates = names.journeys = None
    raise_for((problem for item in items for problem in references.problems(item, names)), "give its file too")
    return [Definition(item.kind, item.id, item.body) for item in items]


def raise_for(problems: Iterable[Problem], fix: str) -> None:
    """Raises Invalid if there are problems. There is no workspace to publish to: what is missing is a file."""
    references.raise_for(
        (replace(each, fix=each.fix.replace("publish it first", fix)) for each in problems), "nothing is played"
    )


def over(under: Iterable[Definition], given: Iterable[Definition]) -> list[Definition]:
    """Both; what is in both is as it is given."""
    return list({(each.kind, each.id): each for each in (*under, *given)}.values())


def zoned(choice: Choice, given: Iterable[Definition]) -> Choice:
    """The choice, with the time zone of the workspace's settings among the files, unless --zone names one."""
    zone = next((each.body.get("time_zone") for each in given if each.kind == "workspace"), None)
    return replace(choice, zone=zone) if zone and choice.zone == "UTC" else choice


def say_made_up(definitions: list[Definition]) -> None:
    """Says which templates are stand-ins."""
    for each in made_up(definitions):
        click.echo(f"template {each.id!r} is not here: one that says its name stands in for it", err=True)


def read(choice: Choice) -> Population:
    """Everything but the journeys. Raises Invalid with file, line and fix."""
    zone = zone_named(choice.zone)
    if not WORKSPACE_FORM.fullmatch(choice.workspace):
        raise Invalid(
            "no workspace id",
            (
                Problem(
                    "--workspace",
                    "is 8 to 32 of a-z and 0-9",
                    "write the real one, e.g. as `laudstream config` and the UI show it, or leave it out",
                ),
            ),
        )
    begin, until = moment(choice.begin, "--from", choice.zone), moment(choice.until, "--until", choice.zone)
    rates = {name: getattr(choice, name) for name in ("delivered", "opened", "clicked", "bounced")}
    sender = Sender(seed=choice.seed, after_ms=round(choice.send_after * 1000), **rates)
    if choice.dataset and (choice.events or choice.customers):
        problem = Problem("--dataset", "brings customers and events of its own", "leave out --events and --customers")
        raise Invalid("which data?", (problem,))
    if not (choice.dataset or choice.events or choice.customers):
        problem = Problem("--events", "nobody does anything", "--events FILE, --customers FILE or --dataset cdnow")
        raise Invalid("which data?", (problem,))
    rejected: list[tuple[Path, Rejected]] = []
    keep = choice.timestamps == "keep"
    if choice.dataset:
        people, posts = _cdnow(keep, begin)
    else:
        people = _customers(choice, rejected) if choice.customers else {}
        posts = _posts(choice, rejected, keep, begin) if choice.events else []
    if rejected and not choice.skip_bad:
        raise _bad(rejected)
    templates = [] if choice.templates is None else definitions([choice.templates])
    templates = [each for each in templates if each.kind == "template"]
    begin = begin or (posts[0].at if posts else DAWN)
    if until and until < begin:
        raise Invalid("it ends before it begins", (Problem("--until", "is before --from", "write a later time"),))
    plan = Plan(
        definitions=templates, customers=people, posts=posts, begin=begin, until=until,
        workspace=choice.workspace, zone="" if zone is zone_named("UTC") else choice.zone, sender=sender,
    )  # fmt: skip
    return Population(plan, len(rejected))


def moment(text: str, option: str, zone: str) -> int:
    """ms of `2026-03-01`, `2026-03-01T09:00` (in the zone) or a time with an offset; 0: nothing is said."""
    if not text:
        return 0
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        problem = Problem(option, f"{text!r} is no time", "write e.g. 2026-03-01 or 2026-03-01T09:00")
        raise Invalid(f"{option} cannot be read", (problem,)) from None
    if not 1970 < found.year < 2100:
        problem = Problem(option, f"{text!r} is not of 1971 to 2099", "write another year")
        raise Invalid(f"{option} is out of range", (problem,))
    if found.tzinfo is not None:
        return round(found.timestamp() * 1000)
    return instant(found, zone_named(zone))


def _bad(rejected: list[tuple[Path, Rejected]]) -> Invalid:
    problems = [
        Problem(
            f"{path}:{row.line}", " ".join(filter(None, (row.column, row.reason, repr(row.value) * bool(row.value))))
        )
        for path, row in rejected[:SHOWN]
    ]
    more = f"; the first {SHOWN}" if len(rejected) > SHOWN else ""
    problems.append(Problem("", "lines that are wrong stop everything", "mend them, or leave them out with --skip-bad"))
    return Invalid(f"{len(rejected):,} {'line is' if len(rejected) == 1 else 'lines are'} wrong{more}", tuple(problems))


def _cdnow(keep: bool, begin: int) -> tuple[dict[str, dict[str, Any]], list[Post]]:
    """All customers and purchases; with their days, or one after another as the demo streams them."""
    purchases = cdnow.read(Site.at().root / "local-env" / "data" / cdnow.FILE)
    people: dict[str, dict[str, Any]] = {row.pop("id"): row for row in cdnow.customers(purchases)}
    days: dict[str, int] = {}
    posts, start = [], begin or DAWN
    for number, purchase in enumerate(purchases):
        at = start + number * 1000 // RATE
        if keep:
            day = days.get(purchase.day)
            if day is None:
                day = days[purchase.day] = round(datetime.fromisoformat(purchase.day + "T00:00Z").timestamp() * 1000)
            at = day
        properties = {"amount": purchase.amount, "cds": purchase.cds, "day": purchase.day}
        event = Event(f"cdnow-{purchase.line}", "track", "purchase", properties, at, at)
        posts.append(Post(at, purchase.customer, event))
    if keep:
        posts.sort(key=_at)
    return people, posts


def _at(post: Post) -> int:
    return post.at


def _customers(choice: Choice, rejected: list[tuple[Path, Rejected]]) -> dict[str, dict[str, Any]]:
    path = choice.customers
    assert path is not None
    if path.suffix.lower() == ".csv":
        table, reader, _ = customers.prepare(path, *_own(choice, path))
        rows: Iterable[tuple[str, dict[str, Any]] | Rejected] = (
            row if isinstance(row, Rejected) else reader.customer(row) for row in table.rows()
        )
    else:
        rows = _json_customers(path)
    people: dict[str, dict[str, Any]] = {}
    for row in rows:
        if isinstance(row, Rejected):
            rejected.append((path, row))
        else:
            people.setdefault(row[0], {}).update(row[1])
    return people


def _own(choice: Choice, path: Path) -> tuple[str, tuple[str, ...]]:
    """The id column and the types that were given, but for those that only the other file has. What neither has
    stays, so that it is refused."""
    columns = set(CsvFile(path).columns)
    other = choice.events if path == choice.customers else choice.customers
    elsewhere = set(CsvFile(other).columns) - columns if other and other.suffix.lower() == ".csv" else set()
    given = [part.strip() for text in choice.types for part in text.split(",")]
    types = tuple(part for part in given if part.rpartition("=")[0] not in elsewhere)
    return "" if choice.id_column in elsewhere else choice.id_column, types


def _json_customers(path: Path) -> Iterator[tuple[str, dict[str, Any]] | Rejected]:
    """`{"id": …, …attributes}`, or an identify: `{"userId": …, "traits": {…}}`."""
    with path.open("rb") as lines:
        for line, text in zip(count(1), lines):
            if not text.strip():
                continue
            try:
                found = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
                id = found.pop("id", None) or found.get("userId") if isinstance(found, dict) else None
                if not isinstance(id, str | int):
                    raise ValueError('no id: write it as "id" or "userId"')
                attributes = found.get("traits", {}) if "userId" in found else found
                if not isinstance(attributes, dict):
                    raise ValueError("traits are no object")
                check_names(attributes)
                customer_key(WORKSPACE, str(id))
            except (ValueError, Invalid) as error:
                yield Rejected(line, str(error))
                continue
            yield str(id), attributes


def _posts(choice: Choice, rejected: list[tuple[Path, Rejected]], keep: bool, begin: int) -> list[Post]:
    path = choice.events
    assert path is not None
    refused: list[Rejected] = []
    if path.suffix.lower() == ".csv":
        id_column, types = _own(choice, path)
        lines, _ = events.from_csv(path, choice.event, choice.event_column, id_column, types, refused)
    else:
        lines = events.from_json_lines(path, refused)
    posts = list(_happenings(events.finish(lines, path.stem, keep), refused, keep, begin or DAWN))
    rejected += ((path, row) for row in sorted(refused))
    if keep:
        posts.sort(key=_at)
    return posts


def _happenings(lines: Iterable[Numbered], refused: list[Rejected], keep: bool, start: int) -> Iterator[Post]:
    """Events as the API would take them, each at the time at which it happened."""
    from api import items

    groups: dict[str, dict[str, Any]] = {}
    known: set[str] = set()
    merged: set[str] = set()
    for number, (line, body) in enumerate(lines):
        try:
            item = items.checked(msgspec.convert(body, items.Item), nul=True)
            customer = items.customer_of(item)
            customer_key(WORKSPACE, customer)
            source = items.source_of(item)[0] if isinstance(item, items.Alias) else ""
        except msgspec.ValidationError as error:
            refused.append(Rejected(line, str(error)))
            continue
        except Invalid as error:
            refused.append(Rejected(line, str(error)))
            continue
        if keep and item.timestamp is None:
            refused.append(
                Rejected(line, "no timestamp: write one, or let events come as they stand: --timestamps drop")
            )
            continue
        at = start + number * 1000 // RATE if not keep else items.happened_at(item, None, 1 << 62)
        if not 0 < at < END:
            refused.append(Rejected(line, "happened before 1970 or after 2099"))
            continue
        if isinstance(item, items.Alias):
            if source in known:
                refused.append(Rejected(line, f"{source} is a known customer, and a write key merges visitors only"))
            else:
                yield _merge(at, source, customer)
        elif isinstance(item, items.Identify):
            visitor = items.visitor_of(item)
            if visitor and visitor not in known and visitor not in merged:
                merged.add(visitor)
                yield _merge(at, visitor, customer)
            if item.user_id not in (None, ""):
                known.add(customer)
            yield Post(at, customer, Event(item.message_id or "", "identify", "", item.traits or {}, at, at))
        elif isinstance(item, items.Group):  # of the members, only the one who brings new traits has them
            id = items.group_of(item)
            groups[id] = {**groups.get(id, {}), **(item.traits or {}), "id": id}
            yield Post(at, customer, Event(item.message_id or "", "identify", "", {GROUP: groups[id]}, at, at))
        else:
            yield Post(at, customer, items.event_of(item, None, at, None))


def _merge(at: int, source: str, customer: str) -> Post:
    """The visitor turns out to be the customer (R50)."""
    return Post(at, customer, Event("", "alias", "", {"previousId": source}, at, at))
