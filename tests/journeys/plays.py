"""The journeys of local-env, each played over a few people: what `laudstream simulate` says of them is kept as text.

A folder has `customers.csv` or `.jsonl`, `events.jsonl`, the `transcript.txt` that must come out, and `play.yaml`:

    zone, from, until     as the options of `simulate`; from is needed
    show                  customers whose timelines are shown
    opened, clicked       shares, 0 to 1; seed
    with                  other journeys that are played beside
    later                 [{at, kind, id, body}]: what is published later
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import yaml
from msgspec.structs import replace

from laudstream.cli import population, simulate_text
from laudstream.cli.choice import Choice
from laudstream.journey.durations import zone_of
from laudstream.journey.naming import named
from laudstream.simulate.plan import Definition, run
from laudstream.simulate.sample import Sample
from laudstream.simulate.world import WORKSPACE

HERE = Path(__file__).parent
LOCAL = HERE.parents[1] / "local-env"
FOLDERS = ("templates", "segments", "subscriptions")


def ids() -> list[str]:
    """Journeys that are there."""
    return sorted(path.stem for path in (LOCAL / "journeys").glob("*.yaml"))


def transcript(id: str) -> str:
    """What a play says. Raises Invalid if a definition or a line is wrong."""
    folder = HERE / id
    given: dict[str, Any] = yaml.load((folder / "play.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)
    names = [id, *given.get("with", [])]
    definitions = _named(
        population.definitions(
            [*(LOCAL / "journeys" / f"{name}.yaml" for name in names), *(LOCAL / folder for folder in FOLDERS)]
        )
    )
    choice = _choice(folder, given)
    later = [
        (population.moment(each["at"], "at", choice.zone), Definition(each["kind"], each["id"], _whole(each)))
        for each in given.get("later", [])
    ]
    plan = replace(population.read(choice).plan, definitions=definitions, later=later)
    kept = Sample(0, named=tuple(given["show"]))
    report = run(plan, kept)
    with redirect_stdout(io.StringIO()) as out:
        simulate_text.print_report(report, kept.timelines(), zone_of(choice.zone))
    text = out.getvalue()
    lines = text[: text.rindex("\nsimulated: ")].splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def _named(definitions: list[Definition]) -> list[Definition]:
    """Without segments that no journey here names: they would only fill the timelines."""
    used = {name for each in definitions if each.kind == "journey" for kind, name in named(each.body)}
    return [each for each in definitions if each.kind != "segment" or each.id in used]


def _whole(later: dict[str, Any]) -> dict[str, Any]:
    return {"id": later["id"], **yaml.safe_load(later["body"])}


def _choice(folder: Path, given: dict[str, Any]) -> Choice:
    customers = next((path for path in (folder / "customers.csv", folder / "customers.jsonl") if path.exists()), None)
    events = folder / "events.jsonl"
    rates = {name: float(given.get(name, 0)) for name in ("delivered", "opened", "clicked", "bounced")}
    return Choice(
        templates=None, customers=customers, events=events if events.exists() else None, dataset="", event="",
        event_column="", id_column="", types=(), timestamps="keep", begin=given["from"],
        until=given.get("until", ""), zone=given.get("zone", "UTC"), seed=int(given.get("seed", 0)),
        workspace=WORKSPACE, skip_bad=False, send_after=1.0, **rates,
    )  # fmt: skip
