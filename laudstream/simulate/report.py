"""What came of a simulation, as figures: by journey, step, branch, arm and template."""

from __future__ import annotations

from typing import Any

import msgspec

from laudstream.journey import graph
from laudstream.journey.kinds.experiment import ExperimentStep
from laudstream.journey.steps import Journey
from laudstream.simulate.tally import Key, Tally

Counts = dict[str, int]


class StepReport(msgspec.Struct):
    id: str
    kind: str
    """message, delay, wait, …"""
    arrived: int = 0
    left: Counts = {}
    """Branch, arm or answer -> how many took it; those that nobody took are there too."""
    ended: Counts = {}
    """Outcome or reason -> how many runs ended here."""
    leads: dict[str, str] = {}
    """Branch -> the step that follows."""
    requested: int = 0
    refused: Counts = {}
    """Reason -> messages that were refused for good."""
    deferred: Counts = {}

    @property
    def here(self) -> int:
        """Runs that are at this step when time stops."""
        return self.arrived - sum(self.left.values()) - sum(self.ended.values())


class TemplateReport(msgspec.Struct):
    id: str
    requested: int = 0
    refused: Counts = {}
    deferred: Counts = {}
    deliveries: Counts = {}
    """Kind (of refused ones `refused: <reason>`) -> how many."""


class JourneyReport(msgspec.Struct):
    id: str
    name: str
    entered: int = 0
    not_entered: Counts = {}
    ended: Counts = {}
    failed: int = 0
    """Runs that an error parked."""
    steps: list[StepReport] = []
    """From the start, in the order in which ways lead to them."""
    arms: dict[str, Counts] = {}
    """Experiment's step -> arm -> runs."""
    templates: list[TemplateReport] = []

    @property
    def inside(self) -> int:
        """Runs that have not ended when time stops."""
        return self.entered - sum(self.ended.values())


class SegmentReport(msgspec.Struct):
    id: str
    entered: int = 0
    left: int = 0

    @property
    def inside(self) -> int:
        """Members when time stops."""
        return self.entered - self.left


class Report(msgspec.Struct):
    begin: int
    """ms"""
    until: int
    customers: int
    events: int
    handled: Counts
    """Inputs that were worked through, by kind."""
    decisions: int
    seconds: float
    """Wall time from the publishing of the journeys to the last timer."""
    cpu_seconds: float
    journeys: list[JourneyReport]
    segments: list[SegmentReport] = []

    @property
    def days(self) -> float:
        """Virtual time that passed."""
        return (self.until - self.begin) / 86_400_000

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds if self.seconds else 0.0

    @property
    def inputs_per_second(self) -> float:
        """Events, deliveries, timers and whatever else was handed to the core."""
        return sum(self.handled.values()) / self.seconds if self.seconds else 0.0


def segment_reports(tally: Tally) -> list[SegmentReport]:
    """Of the segments that anybody entered, by id."""
    found: dict[str, SegmentReport] = {}
    for (id, change), count in sorted(tally.segments.items()):
        report = found.setdefault(id, SegmentReport(id))
        if change == "entered":
            report.entered = count
        else:
            report.left = count
    return list(found.values())


def journey_report(journey: Journey, tally: Tally) -> JourneyReport:
    steps = {id: StepReport(id, _kind(journey, id), leads=graph.edges(journey.steps[id])) for id in order(journey)}
    for step in steps.values():
        step.left = dict.fromkeys(step.leads, 0)
    report = JourneyReport(journey.id, journey.name, steps=list(steps.values()))
    templates: dict[str, TemplateReport] = {}
    for key, count in sorted(tally.decisions.items()):
        if key.journey == journey.id:
            _add(report, steps, templates, key, count)
    for (of, template, kind, reason), count in sorted(tally.deliveries.items()):
        if of == journey.id:
            deliveries = templates.setdefault(template, TemplateReport(template)).deliveries
            _count(deliveries, f"refused: {reason}" if kind == "refused" else kind, count)
    for id, made in journey.steps.items():
        if isinstance(made, ExperimentStep):
            report.arms[id] = {arm: steps[id].left.get(arm, 0) for arm, _ in made.arms}
    report.templates = [templates[id] for id in sorted(templates)]
    return report


def _add(
    report: JourneyReport,
    steps: dict[str, StepReport],
    templates: dict[str, TemplateReport],
    key: Key,
    count: int,
) -> None:
    step = steps.get(key.step) or StepReport(key.step, "")  # a step of another version is counted for the journey only
    if key.kind == "entered":
        report.entered += count
        _arrive(steps, key.to, count)
    elif key.kind == "not_entered":
        _count(report.not_entered, key.reason, count)
    elif key.kind == "moved":
        _count(step.left, key.branch, count)
        _arrive(steps, key.to, count)
    elif key.kind == "ended":
        _count(report.ended, key.outcome or key.reason, count)
        _count(step.ended, key.outcome or key.reason, count)
    elif key.kind == "failed":
        report.failed += count
    elif key.kind == "message":
        _message(step, templates.setdefault(key.template, TemplateReport(key.template)), key, count)


def _message(step: StepReport, template: TemplateReport, key: Key, count: int) -> None:
    for place in (step, template):
        if not key.reason:
            place.requested += count
        else:
            _count(place.deferred if key.deferred else place.refused, key.reason, count)


def _arrive(steps: dict[str, StepReport], id: str, count: int) -> None:
    if id in steps:
        steps[id].arrived += count


def _count(counts: Counts, name: str, count: int) -> None:
    counts[str(name)] = counts.get(name, 0) + count


def order(journey: Journey) -> list[str]:
    """The steps from the start, breadth first, each after the first step that leads to it."""
    found = [journey.start]
    for id in found:
        found += dict.fromkeys(next for next in graph.edges(journey.steps[id]).values() if next not in found)
    return found


def _kind(journey: Journey, id: str) -> str:
    body: dict[str, Any] = journey.body["steps"][id]
    return next((name for name in body if name != "next"), "")
