"""Every release gives again what earlier ones decided: histories of real lanes, digest for digest (A13, A14)."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.lanes import round as rounds
from laudstream import topics
from laudstream.conditions import OPERATORS
from laudstream.journey import advance, caps, deleting, gates, moves, releases, rows
from laudstream.journey.decision import KINDS as DECISIONS
from laudstream.journey.decision import Decision
from laudstream.journey.durations import parse
from laudstream.journey.inputs import Outcome
from laudstream.journey.kinds import KINDS
from laudstream.journey.reasons import Reason
from laudstream.records import codec, levels
from laudstream.records.head import CORE_LEVEL, STATE_FORMAT
from tests.golden import history
from tests.golden.history import History
from tests.integration import poison

REPO = Path(__file__).parents[2]
MOST_BYTES = 100 << 10
NOT_MET = {
    "missed",  # comes after a downtime of an hour
    "nobody", "too_deep",  # no kept history sends into the void, or nine times round
    "no_template",  # publish refuses it
    "rejected",  # only senders look at it
    "no_winner",  # comes an hour after the time in which somebody should have chosen
    "undelivered",  # comes a day after the last moment to send
}  # fmt: skip
"""Reasons that no kept history gives."""


@pytest.fixture(params=history.kept(), ids=lambda path: path.name.removesuffix(history.SUFFIX))
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> History:
    return _read(request.param, monkeypatch)


def _read(path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    found = history.read(path)
    if found.about.fault:
        poison.install(monkeypatch.setitem)
    return found


@pytest.mark.parametrize("cache_bytes", [0, 1 << 28], ids=["decoded anew", "cached"])
def test_a_kept_history_gives_every_digest_again_a13(kept: History, cache_bytes: int) -> None:
    result = kept.replay(cache_bytes)[0].result
    assert not result.mismatches, result.first
    assert result.rounds == len(kept.rounds) > 20


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York"])
@pytest.mark.parametrize("seed", ["1", "4242"])
def test_neither_hash_seed_nor_time_zone_of_the_host_change_a_digest_a13(seed: str, zone: str) -> None:
    env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(REPO)}
    command = [sys.executable, "-m", "tests.golden", "digests"]
    found = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 0, found.stderr
    assert sorted(found.stdout.splitlines()) == sorted(_of_the_journals())


def _of_the_journals() -> Iterator[str]:
    for path in history.kept():
        for one in history.read(path).rounds:
            digests = (b64encode(digest).decode() for digest in (one.journal.out_digest, one.journal.state_digest))
            yield " ".join((path.name, str(one.journal.seq), *digests))


def _two_days(days: int = 0, minutes: int = 0) -> timedelta:
    return timedelta(days=days + (days == 1), minutes=minutes)


CHANGES: dict[str, tuple[str, Any, str, Any]] = {
    "all are released at the very end of quiet hours": ("messages", releases, "share", lambda *parts: 0),
    "a message may be put off for a second": ("messages", gates, "DEFER_AT_MOST", parse("PT1S")),
    "a calendar day is two days long": ("messages", caps, "timedelta", _two_days),
    "nobody is swept": ("changes", rounds, "start_sweeps", lambda sweeps, *_: sweeps),
    "fifty steps for one input": ("moves", moves, "STEPS_A_ROUND", 50),
    "an event that only counts writes the core": ("moves-2", advance, "count", lambda *_: None),
    "only rows tell of a deletion": ("deletions-3", deleting, "delete", lambda customer, *_: Outcome(customer, [])),
    "consents are not kept": ("messages", rows, "_replaced", lambda known, name, value: None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_rule_that_is_changed_is_seen(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, module, attribute, value = CHANGES[change]
    monkeypatch.setattr(module, attribute, value)
    assert _read(history.named(name), monkeypatch).replay()[0].result.mismatches


def test_together_they_meet_every_step_kind_every_operator_and_every_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: set[str] = set()
    reasons: set[str] = set()
    kinds: set[str] = set()
    operators: set[str] = set()
    outputs: set[str] = set()
    skipped: set[str] = set()
    entries: set[str] = set()
    parked = swept = fired = 0
    for path in history.kept():
        one = _read(path, monkeypatch)
        operators |= _keys(list(one.bodies.values()))
        for result in one.replay()[1]:
            outputs |= result.out.topics.keys()
            skipped |= {topic for topic, _ in result.skipped}
            parked, swept, fired = parked + len(result.parked), swept + result.swept, fired + result.fired
            for _, value in result.out.topics.get(topics.DECISIONS, ()):
                decision = codec.decision(value)
                kinds.add(decision.kind)
                reasons.add(decision.reason)
                steps |= _kind(decision, one)
                entries |= set(decision.data) if decision.kind == "entered" else set()
    assert steps == set(KINDS)
    assert entries == {"event", "audience", "key", "api", "date", "segment", "on", "signal", "percent"}
    assert set(OPERATORS) <= operators
    assert kinds == set(DECISIONS)
    assert set(Reason) - reasons == NOT_MET
    assert outputs == {
        topics.DECISIONS,
        topics.WRITES,
        topics.HANDOFFS,
        "laudstream.send.email.now",
        "laudstream.send.email.bulk",
    }
    assert skipped == {topics.EVENTS, topics.ROWS, topics.DELIVERIES, topics.HANDOFFS}
    assert min(parked, swept, fired) > 0


def _kind(decision: Decision, one: History) -> set[str]:
    """The kind of the step that the decision is about."""
    if decision.kind not in ("moved", "message", "ended"):
        return set()
    body = one.bodies.body(decision.workspace, "journey", decision.journey, decision.version)
    return set(body["steps"][decision.step]) & set(KINDS)


def _keys(value: Any) -> set[str]:
    if isinstance(value, list):
        return set[str]().union(*map(_keys, value))
    return set(value).union(*map(_keys, value.values())) if isinstance(value, dict) else set()


def test_a_file_is_small_and_of_a_level_that_this_release_knows(kept: History, tmp_path: Path) -> None:
    again = tmp_path / "again"
    history.write(again, kept)
    assert history.read(again) == kept
    assert again.stat().st_size < MOST_BYTES
    assert levels.newest().cover(levels.of(kept.about))
    assert [one.journal.seq for one in kept.rounds] == list(range(1, len(kept.rounds) + 1))


def test_every_level_and_every_format_has_histories() -> None:
    found = [history.read(path).about for path in history.kept()]
    assert {about.core_level for about in found} == set(range(1, CORE_LEVEL + 1))
    assert {about.state_format for about in found} == set(range(1, STATE_FORMAT + 1))


@pytest.mark.parametrize(
    ("key", "value"), [(b"k", b"v"), (b"\xff", b""), (b"k", None), (None, b"\xff\0"), (None, None), (b"", "ä".encode())]
)
def test_keys_and_values_are_kept_as_they_are(key: bytes | None, value: bytes | None) -> None:
    record = history.Record("t", 1, 2, key, value)
    assert history.record_of(history.kept_input(record)) == record
