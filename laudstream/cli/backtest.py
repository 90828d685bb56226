"""`laudstream backtest`: two journeys over the same population; who would get more, fewer or other messages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, tzinfo
from hashlib import blake2b
from heapq import nsmallest
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from laudstream.cli import population, references, show
from laudstream.cli.choice import Choice, OutFile, options
from laudstream.cli.files import load, load_all
from laudstream.cli.progress import bar
from laudstream.errors import Invalid, Problem
from laudstream.journey.durations import zone_of
from laudstream.records.codec import encode
from laudstream.simulate.compare import CLASSES, Comparison, Diary, Difference, Got, Why, compare, differences, words
from laudstream.simulate.plan import Definition, Plan, run
from laudstream.simulate.report import JourneyReport, Report
from laudstream.simulate.words import when

_MEANING = {
    "same": "get the same",
    "shifted": "get the same at other times",
    "more": "get more",
    "fewer": "get fewer",
    "other": "get as many, but others",
}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("a", type=_FILE)
@click.argument("b", type=_FILE)
@click.option("--out", type=OutFile(),
              help="Write a JSON line for each customer who does not get the same.")  # fmt: skip
@click.option(
    "--sample", default=5, show_default=True, type=click.IntRange(0, 1000), help="Such customers that are shown."
)
@click.option(
    "--with",
    "with_",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Segments, subscriptions and settings that both go by: a file or a folder; may be repeated.",
)
@show.as_json
@options
def backtest(
    choice: Choice, a: Path, b: Path, with_: tuple[Path, ...], out: Path | None, sample: int, json: bool
) -> None:
    """Play journey A, then journey B, over the same customers and events, and compare what each customer gets.

    A message is compared by its template. Arms and holdouts are by hash of the journey's id and the customer: let A and
    B have the same id, as two versions of one journey have, and customers stay in their arms.
    """
    with_files = population.definitions(with_) if with_ else []
    journeys = [_journey(path, with_) for path in (a, b)]
    choice = population.zoned(choice, with_files)
    found = population.read(choice)
    others = [each for each in with_files if each.kind != "journey"]
    plan = replace(found.plan, definitions=population.over(found.plan.definitions, others))
    population.say_made_up([*plan.definitions, *journeys])
    if found.left_out:
        click.echo(f"{found.left_out:,} lines are wrong and left out", err=True)
    diaries = Diary(), Diary()
    reports = [_played(plan, *each) for each in zip(journeys, diaries, ("A", "B"), strict=True)]
    comparison = compare(*diaries)
    apart = list(differences(*diaries)) if out is not None or sample else []
    if out is not None:
        with out.open("wb") as file:
            file.writelines(encode(_line(each)) + b"\n" for each in apart)
    shown = nsmallest(sample, apart, key=lambda each: _place(choice.seed, each.customer))
    if json:
        show.print_json(_json(comparison, reports, shown))
    else:
        _print(comparison, reports, shown, zone_of(choice.zone, UTC))


def _journey(path: Path, beside: tuple[Path, ...]) -> Definition:
    """The journey of a file; what it names is in the files beside it."""
    (item,) = load(path)
    if item.kind != "journey":
        raise Invalid("no journey", (Problem(str(path), "holds no journey", "give the file of a journey"),))
    others = [other for other in load_all(beside) if other.kind != "journey"] if beside else []
    names = references.of_files(others)
    names.templates = None
    population.raise_for(references.problems(item, names), "name its file by --with")
    return Definition(item.kind, item.id, item.body)


def _played(plan: Plan, journey: Definition, diary: Diary, name: str) -> Report:
    with bar(f"events under {name}", len(plan.posts)) as advance:
        return run(replace(plan, definitions=[*plan.definitions, journey]), diary, told=advance)


def _place(seed: int, customer: str) -> bytes:
    return blake2b(f"{seed}\x1f{customer}".encode(), digest_size=8).digest()


def _line(each: Difference) -> dict[str, Any]:
    def got(messages: list[Got]) -> list[dict[str, Any]]:
        return [message._asdict() for message in messages]

    def why(decisions: list[Why]) -> list[dict[str, Any]]:
        return [{name: value for name, value in one._asdict().items() if value != ""} for one in decisions]

    return {
        "customer": each.customer, "kind": each.kind, "a": got(each.a), "b": got(each.b),
        "why_a": why(each.why_a), "why_b": why(each.why_b),
    }  # fmt: skip


def _json(comparison: Comparison, reports: Iterable[Report], shown: Iterable[Difference]) -> dict[str, Any]:
    a, b = (msgspec.to_builtins(report) for report in reports)
    return {**msgspec.to_builtins(comparison), "a": a, "b": b, "sample": [_line(each) for each in shown]}


def _print(comparison: Comparison, reports: list[Report], shown: Iterable[Difference], zone: tzinfo) -> None:
    a, b = (report.journeys[0] for report in reports)
    rows = [("entered", a.entered, b.entered, _more(a.entered, b.entered))]
    rows += [
        (f"ended: {name}", *(pair := (a.ended.get(name, 0), b.ended.get(name, 0))), _more(*pair))
        for name in dict.fromkeys((*a.ended, *b.ended))
    ]
    rows += [("still inside", a.inside, b.inside, _more(a.inside, b.inside))] if a.inside or b.inside else []
    rows += [("messages", comparison.messages_a, comparison.messages_b,
              _more(comparison.messages_a, comparison.messages_b))]  # fmt: skip
    rows += [(f"template {name}", *pair, _more(*pair)) for name, pair in comparison.templates.items()]
    rows += [
        (f"refused: {reason}", *(pair := (_refused(a, reason), _refused(b, reason))), _more(*pair))
        for reason in dict.fromkeys(name for one in (a, b) for each in one.templates for name in each.refused)
    ]
    show.print_table(("", "under A", "under B", "change"), rows, f"{a.id} and {b.id}")
    show.print_table(("customers", "count"), [(_MEANING[name], comparison.classes[name]) for name in CLASSES])
    for each in shown:
        click.echo(f"\ncustomer {each.customer}: would {_MEANING[each.kind]} under B")
        for name, messages, decisions in (("A", each.a, each.why_a), ("B", each.b, each.why_b)):
            said = ", ".join(f"{message.template} {when(message.at, zone)}" for message in messages) or "nothing"
            click.echo(f"  {name}: {said}")
            if decisions:
                click.echo(f"     only here: {'; '.join(map(words, decisions))}")
    classes = " ".join(f"{name}={count}" for name, count in comparison.classes.items())
    seconds = sum(report.seconds for report in reports)
    click.echo(f"\nbacktest: customers={comparison.customers} {classes} seconds={seconds:.1f}")


def _refused(journey: JourneyReport, reason: str) -> int:
    return sum(template.refused.get(reason, 0) for template in journey.templates)


def _more(a: int, b: int) -> str:
    return f"{b - a:+,}" if a != b else "="
