"""`laudstream simulate`, as people use it: figures, files, and what is said when something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from laudstream.journey.decision import Decision
from laudstream.records import codec
from tests.simulate.conftest import waiting

EVENTS = [
    {"userId": "ann", "event": "purchase", "timestamp": "2026-01-05T09:00:00Z", "properties": {"total": 40}},
    {"userId": "bob", "event": "purchase", "timestamp": "2026-01-05T09:10:00Z"},
    {"userId": "ann", "event": "paid", "timestamp": "2026-01-05T09:30:00Z"},
]
CUSTOMERS = "id,email,plan\nann,ann@example.org,pro\nbob,bob@example.org,free\n"


@pytest.fixture
def shop(files: Any) -> dict[str, Path]:
    return {
        "journey": files("pay.json", waiting()),
        "events": files("events.jsonl", EVENTS),
        "customers": files("customers.csv", CUSTOMERS),
    }


def given(shop: dict[str, Path], *more: object) -> tuple[object, ...]:
    return (shop["journey"], "--events", shop["events"], "--customers", shop["customers"], *more)


def test_it_prints_entries_ends_steps_messages_and_timelines(laudstream: Any, shop: dict[str, Path]) -> None:
    result = laudstream("simulate", *given(shop, "--customer", "bob", "--customer", "nobody", "--sample", 0))
    assert result.exit_code == 0, result.output
    for said in (
        "journey pay", "entered", "ended: late", "ended: paid", "timeout", "requested",
        "customer bob", "2026-01-05 10:10:00  look –timeout→ remind", "2026-01-05 10:10:00  ended pay at late: as late",
        "customer nobody\n  nothing was decided",
        "simulated: 2026-01-05 09:00:00 to 2026-01-05 10:10:01 (0.0 days) customers=2 deliveries=3 events=3 timers=1",
    ):  # fmt: skip
        assert said in result.stdout
    assert "template 'hello' is not here: one that says its name stands in for it" in result.stderr


def test_json_has_the_same_figures(laudstream: Any, shop: dict[str, Path]) -> None:
    result = laudstream("simulate", *given(shop, "--json", "--until", "2026-01-05T10:00"))
    found = json.loads(result.stdout[result.stdout.index("{") :])
    (report,) = found["journeys"]
    assert (report["entered"], report["ended"], found["events"]) == (2, {"paid": 1}, 3)
    assert report["steps"][0]["left"] == {"sent": 2}
    assert set(found["timelines"]) == {"ann", "bob"}


def test_from_and_until_leave_out_events_in_the_zone_that_is_given(laudstream: Any, shop: dict[str, Path]) -> None:
    more = ("--zone", "Europe/Berlin", "--from", "2026-01-05T10:05", "--until", "2026-01-05T10:20", "--json")
    result = laudstream("simulate", *given(shop, *more))
    found = json.loads(result.stdout[result.stdout.index("{") :])
    assert (found["events"], found["journeys"][0]["entered"], found["journeys"][0]["ended"]) == (1, 1, {})


def test_every_decision_is_a_line_as_the_topic_has_it(laudstream: Any, shop: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "decisions.jsonl"
    assert laudstream("simulate", *given(shop, "--decisions", out)).exit_code == 0
    made = [codec.decision(line) for line in out.read_bytes().splitlines()]
    assert all(isinstance(one, Decision) for one in made)
    assert [(one.customer, one.kind) for one in made if one.kind in ("entered", "ended")] == [
        ("ann", "entered"), ("bob", "entered"), ("ann", "ended"), ("bob", "ended"),
    ]  # fmt: skip


def test_a13_the_same_seed_gives_the_same_bytes_whatever_python_s_hash_seed(
    shop: dict[str, Path], tmp_path: Path
) -> None:
    written = []
    for number, (hash_seed, zone) in enumerate((("0", "UTC"), ("0", "UTC"), ("4711", "America/New_York"))):
        out = tmp_path / f"{number}.jsonl"
        more = ("--seed", 7, "--opened", 0.5, "--decisions", out)
        command = [sys.executable, "-m", "laudstream", "simulate", *map(str, given(shop, *more))]
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone}
        subprocess.run(command, check=True, capture_output=True, env=env)
        written.append(out.read_bytes())
    assert written[0].count(b"\n") > 8
    assert len(set(written)) == 1


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]
        if tag not in ("meta", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_one_file_with_a_funnel_and_no_script_and_escapes_names(
    laudstream: Any, files: Any, shop: dict[str, Path], tmp_path: Path
) -> None:
    shop["journey"] = files("pay.json", waiting(name="<script>alert(1)</script> & co"))
    out = tmp_path / "page.html"
    assert laudstream("simulate", *given(shop, "--html", out)).exit_code == 0
    text = out.read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert (page.open, page.links) == ([], [])
    assert "script" not in page.tags
    assert page.tags.count("g") == 5  # one for each step
    assert "&lt;script&gt;" in text
    assert "prefers-color-scheme: dark" in text
    assert "width=device-width" in text
    assert "2 came, 0 are here, 0 ended here" in text
    assert 'width="100.00%"' in text  # bars grow with the page,
    assert "viewBox" not in text  # but their text does not


def test_r50_visitors_of_a_file_become_customers_as_the_api_would_have_it(
    laudstream: Any, files: Any, shop: dict[str, Path]
) -> None:
    def at(minute: int) -> str:
        return f"2026-01-05T09:{minute:02}:00Z"

    shop["events"] = files("events.jsonl", [
        {"anonymousId": "v1", "event": "purchase", "timestamp": at(0)},
        {"type": "identify", "anonymousId": "v1", "userId": "ann", "timestamp": at(1)},
        {"anonymousId": "v2", "event": "purchase", "timestamp": at(2)},
        {"type": "alias", "previousId": "v2", "userId": "bob", "timestamp": at(3)},
        {"userId": "ann", "event": "paid", "timestamp": at(4)},
        {"anonymousId": "v2", "event": "paid", "timestamp": at(5)},
        {"type": "identify", "anonymousId": "v1", "userId": "bob", "timestamp": at(6)},
        {"type": "alias", "previousId": "ann", "userId": "bob", "timestamp": at(7)},
    ])  # fmt: skip
    result = laudstream("simulate", *given(shop, "--json", "--skip-bad"))
    found = json.loads(result.stdout[result.stdout.index("{") :])
    (report,) = found["journeys"]
    assert (report["entered"], report["ended"]) == (2, {"paid": 2})
    assert "1 lines are wrong and left out" in result.stderr
    why = f"{shop['events']}:8: ann is a known customer, and a write key merges visitors only"
    assert why in laudstream("simulate", *given(shop)).stderr


# What is wrong


def test_a_bad_line_of_events_is_named_with_its_fix(laudstream: Any, files: Any, shop: dict[str, Path]) -> None:
    nobody = {"event": "paid", "timestamp": "2026-01-05T09:30:00Z"}
    lines = [EVENTS[0], "{", nobody, {"userId": "ann", "event": "paid"}, {"userId": "a", "event": ""},
             {"type": "alias", "userId": "ann", "timestamp": "2026-01-05T09:30:00Z"}]  # fmt: skip
    shop["events"] = files("events.jsonl", lines)
    result = laudstream("simulate", *given(shop))
    assert result.exit_code == 1
    where = str(shop["events"])
    for said in (
        "5 lines are wrong", f"{where}:2: is no JSON", f"{where}:3: /userId: neither userId nor anonymousId",
        f"{where}:4: no timestamp: write one, or let events come as they stand: --timestamps drop", f"{where}:5:",
        f"{where}:6: /previousId: neither previousId nor anonymousId",
        "leave them out with --skip-bad",
    ):  # fmt: skip
        assert said in result.stderr
    skipped = laudstream("simulate", *given(shop, "--skip-bad"))
    assert (skipped.exit_code, "5 lines are wrong and left out" in skipped.stderr) == (0, True)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2100-01-01T00:00:00Z"])
def test_an_event_of_another_age_is_a_bad_line(laudstream: Any, files: Any, shop: dict[str, Path], at: str) -> None:
    old = {"userId": "ann", "event": "paid", "timestamp": at}
    shop["events"] = files("events.jsonl", [EVENTS[0], old])
    result = laudstream("simulate", *given(shop))
    assert result.exit_code == 1
    assert f"{shop['events']}:2: happened before 1970 or after 2099" in result.stderr
    result = laudstream("simulate", *given(shop, "--until", at[:10]))
    assert f"--until: '{at[:10]}' is not of 1971 to 2099" in result.stderr


def test_a_bad_row_of_customers_is_named(laudstream: Any, files: Any, shop: dict[str, Path]) -> None:
    shop["customers"] = files("customers.csv", "id,email\nann,a@example.org,what\nbob,b@example.org\n")
    result = laudstream("simulate", *given(shop))
    assert f"{shop['customers']}:2: 3 columns, the headings name 2" in result.stderr


def test_a_missing_column_is_named_with_those_that_are_there(
    laudstream: Any, files: Any, shop: dict[str, Path]
) -> None:
    shop["events"] = files("events.csv", "customer_id,timestamp,total\nann,2026-01-05T09:00:00Z,40\n")
    result = laudstream("simulate", *given(shop, "--event-column", "what"))
    assert "no column 'what'; there are: customer_id, timestamp, total" in result.stderr
    result = laudstream("simulate", *given(shop))
    assert "a CSV file names no event" in result.stderr
    result = laudstream("simulate", *given(shop, "--event", "purchase", "--json"))
    assert (result.exit_code, json.loads(result.stdout[result.stdout.index("{") :])["events"]) == (0, 1)


def test_an_unknown_step_is_named_with_file_and_line(laudstream: Any, files: Any, shop: dict[str, Path]) -> None:
    body = waiting()
    body["steps"]["hello"]["next"] = "nowhere"
    shop["journey"] = files("pay.json", body)
    result = laudstream("simulate", *given(shop))
    assert result.exit_code == 1
    line = 1 + next(n for n, text in enumerate(shop["journey"].read_text().splitlines()) if '"nowhere"' in text)
    assert f"{shop['journey']}:{line} /steps/hello/next: 'sent' leads to 'nowhere', which is no step" in result.stderr
    assert "use one of: hello, look" in result.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--from", "soon"], "--from: 'soon' is no time"),
        (["--zone", "Mars/Olympus"], "there is no time zone 'Mars/Olympus'"),
        (["--until", "2020-01-01"], "--until: is before --from"),
        (["--opened", "3"], "the rate of opened is 3.0; write a share from 0 to 1"),
        (["--workspace", "My Shop"], "--workspace: is 8 to 32 of a-z and 0-9"),
        (["--dataset", "cdnow"], "leave out --events and --customers"),
    ],
)
def test_an_option_that_is_wrong_is_named_with_its_fix(
    laudstream: Any, shop: dict[str, Path], more: list[str], said: str
) -> None:
    result = laudstream("simulate", *given(shop, *more))
    assert (result.exit_code, said in result.stderr) == (1, True), result.stderr


def test_nothing_to_play_says_what_is_missing(laudstream: Any, shop: dict[str, Path], files: Any) -> None:
    assert "--events FILE, --customers FILE or --dataset cdnow" in laudstream("simulate", shop["journey"]).stderr
    template = files("hello.yaml", "channel: email\nsubject: s\nhtml: h\n")
    result = laudstream("simulate", template, "--events", shop["events"])
    assert "holds no journey" in result.stderr


def test_customers_may_be_json_lines(laudstream: Any, shop: dict[str, Path], files: Any) -> None:
    shop["customers"] = files("c.jsonl", [{"id": "ann", "email": "a@example.org"},
                                          {"userId": "bob", "traits": {"email": "b@example.org"}}])  # fmt: skip
    result = laudstream("simulate", *given(shop, "--json"))
    templates = json.loads(result.stdout[result.stdout.index("{") :])["journeys"][0]["templates"]
    assert sum(template["requested"] for template in templates) == 3
    shop["customers"] = files("c.jsonl", [{"email": "a@example.org"}])
    assert "c.jsonl:1: no id" in laudstream("simulate", *given(shop)).stderr


def test_group_calls_bring_their_traits(laudstream: Any, files: Any) -> None:
    journey = files(
        "pay.json", waiting(entry=[{"event": {"name": "purchase"}, "where": {"group.plan": {"equals": "pro"}}}])
    )
    calls = [
        {"userId": "bob", "groupId": 7, "traits": {"plan": "pro"}},
        {"userId": "ann", "groupId": "7"},
        {"userId": "eve", "groupId": "8", "traits": {"plan": "free"}},
    ]
    tracked = [{"userId": id, "event": "purchase"} for id in ("ann", "bob", "eve")]
    events = files("events.jsonl", [*calls, *tracked])
    result = laudstream("simulate", journey, "--events", events, "--timestamps", "drop", "--json")
    (report,) = json.loads(result.stdout[result.stdout.index("{") :])["journeys"]
    assert report["entered"] == 2


def test_columns_that_only_one_of_two_csv_files_has_are_named_for_that_one(
    laudstream: Any, shop: dict[str, Path], files: Any
) -> None:
    shop["events"] = files("events.csv", "who,timestamp,code\nann,2026-01-05T09:00:00Z,007\n")
    shop["customers"] = files("c.csv", "id,zip\nann,12345\n")
    more = ("--event", "purchase", "--id-column", "who", "--types", "zip=text,code=text", "--json")
    result = laudstream("simulate", *given(shop, *more))
    assert (result.exit_code, "zip: text" in result.stdout) == (0, True), result.output
    assert "no column 'plan'" in laudstream("simulate", *given(shop, *more, "--types", "plan=text")).stderr


def test_progress_counts_every_event() -> None:
    from laudstream.simulate.plan import Plan, run
    from tests.simulate.conftest import START, journey, post

    told: list[int] = []
    posts = [post(START + n, f"c{n % 7}", "browse", n) for n in range(9_000)]
    run(Plan(definitions=[journey(waiting())], posts=posts, begin=START), told=told.append)
    assert (sum(told), len(told)) == (9_000, 3)


def test_files_of_every_kind_are_played_and_segments_are_counted(laudstream: Any, files: Any) -> None:
    journey = files("pay.json", waiting(entry=[{"segment": {"id": "pro"}}]))
    segment = files("pro.yaml", "condition: {customer.plan: {equals: pro}}\n")
    zone = files("settings.yaml", "time_zone: Europe/Berlin\n")
    customers = files("c.csv", CUSTOMERS)
    identify = {"userId": "bob", "type": "identify", "timestamp": "2026-01-05T09:00:00Z", "traits": {"plan": "pro"}}
    back = {**identify, "timestamp": "2026-01-05T12:00:00Z", "traits": {"plan": "free"}}
    events = files("events.jsonl", [identify, back])
    given = ("simulate", journey, segment, zone, "--customers", customers, "--events", events)
    result = laudstream(*given)
    assert result.exit_code == 0, result.output
    assert "2026-01-05 10:00:00  entered the segment pro (by input)" in result.stdout  # in Berlin
    printed = laudstream(*given, "--json").stdout
    (report,) = json.loads(printed[printed.index("{") :])["segments"]
    assert report == {"id": "pro", "entered": 2, "left": 1}
    missing = laudstream("simulate", journey, zone, "--customers", customers)
    assert (missing.exit_code, "there is no segment 'pro'" in missing.stderr) == (1, True)
    assert "give its file too; segments here: none yet" in missing.stderr


def test_backtest_goes_by_segments_that_are_named_beside(laudstream: Any, files: Any) -> None:
    body = waiting(entry=[{"event": {"name": "purchase"}, "where": {"segment": "pro"}}])
    journey = files("pay.json", body)
    segment = files("pro.yaml", "condition: {customer.plan: {equals: pro}}\n")
    data = ("--customers", files("c.csv", CUSTOMERS), "--events", files("e.jsonl", EVENTS))
    result = laudstream("backtest", journey, journey, "--with", segment, *data)
    assert (result.exit_code, "same=" in result.stdout) == (0, True), result.output
    missing = laudstream("backtest", journey, journey, *data).stderr
    assert "there is no segment 'pro'" in missing
    assert "name its file by --with; segments here: none yet" in missing
