"""One schedule on a running stack: load, faults, and the check of everything afterwards."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

import msgspec

from laudstream import topics
from laudstream.errors import LaudstreamError
from laudstream.local.stack import Stack
from laudstream.records import codec
from laudstream.records.rows import row
from tests.chaos import load
from tests.chaos.faults import After, Faults
from tests.chaos.load import Names, Planned
from tests.chaos.oracle import Findings, Logged, Seen, figures, judge
from tests.chaos.schedule import SECONDS, Fault, Written, schedule
from tests.chaos.watch import Outage, Watch, recovery
from tests.integration.kit import Shop, unbroken, wait_until

SETTLE_S = 90.0
MARKED = 64
"""Mails that a sender has on the wire at most: so many may end `unknown` when it dies or sleeps (A21)."""


class Result(msgspec.Struct):
    seed: int
    faults: tuple[Fault, ...]
    events: int = 0
    """That the API took, probes not counted."""
    recoveries: list[tuple[float, Fault]] = []
    findings: Findings = msgspec.field(default_factory=Findings)

    @property
    def kills(self) -> int:
        return sum(fault.ends_process for fault in self.faults)

    @property
    def max_recovery_s(self) -> float:
        return max((seconds for seconds, _ in self.recoveries), default=0.0)

    def lines(self) -> list[str]:
        """For whoever must find out what went wrong."""
        return [f"seed {self.seed}:", *(f"  {fault}" for fault in self.faults), *self.findings.lines()]


def line(results: list[Result], words: str = "") -> str:
    """What a run says, in one line, which begins with `words`."""
    findings = [result.findings for result in results]
    wrong = sum(len(f.wrong) for f in findings)
    return (
        f"{words or f'chaos: schedules={len(results)}'} kills={sum(r.kills for r in results)}"
        f" events={sum(r.events for r in results)}"
        f" lost={sum(len(f.lost) for f in findings)} duplicated={sum(len(f.duplicated) for f in findings)}"
        f" stuck={sum(len(f.stuck) for f in findings)}"
        f" max_recovery_s={max((r.max_recovery_s for r in results), default=0.0):.1f}"
        + (f" wrong={wrong}" if wrong else "")
    )


class Player(Protocol):
    """Does the faults of a result."""

    outages: list[Outage]

    async def play(self, begun: float) -> None:
        """By the clock (time.monotonic) from `begun`; ends when all is up again."""


async def run(stack: Stack, seed: int, seconds: float = SECONDS) -> Result:
    """One schedule, in names of its own."""
    result = Result(seed, schedule(seed, seconds))
    return await trial(stack, result, seconds, lambda after: Faults(stack, after, result.faults))


async def run_written(stack: Stack, written: Written, seed: int) -> Result:
    """`seed`: of the load."""
    result = Result(seed, written.faults)
    return await trial(
        stack, result, written.seconds, lambda after: Faults(stack, after, written.faults, written.most_down)
    )


async def trial(stack: Stack, result: Result, seconds: float, player: Callable[[After], Player]) -> Result:
    """`seconds` of load, the faults beside it, and the check of everything. `player` is told what to call as soon as
    the system should be up again after a fault."""
    async with Shop(stack) as shop:
        await load.publish(shop, Names.of(shop))
        async with Watch(shop) as watch:
            planned = load.plan(result.seed, shop, seconds)
            await _play(shop, watch, planned, result, player)
            await shop.pool.expire_connections()  # PostgreSQL may have been another process
            await _settle(shop, watch, planned, result.findings)
        await _check(shop, planned, result)
    return result


async def _play(
    shop: Shop, watch: Watch, planned: list[Planned], result: Result, player: Callable[[After], Player]
) -> None:
    """The load and the faults, side by side; after each fault a probe."""
    probed: list[tuple[Fault, Outage, float]] = []

    async def after(fault: Fault, outage: Outage) -> None:
        try:
            probed.append((fault, outage, await watch.probe(Names.of(shop).probe)))
        except (AssertionError, LaudstreamError) as error:
            result.findings.stuck.append(f"after {fault}: {error}")

    faults = player(after)
    begun = time.monotonic()
    try:
        async with asyncio.TaskGroup() as both:
            posting = both.create_task(load.post(shop.settings, planned, begun))
            both.create_task(faults.play(begun))
    except BaseExceptionGroup as group:
        result.findings.wrong.append(str(_first(group)))
        await _bring_up(shop.stack)
    else:
        result.events = posting.result()
    result.recoveries = [(recovery(outage, at, faults.outages), fault) for fault, outage, at in probed]


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


async def _bring_up(stack: Stack) -> None:
    """After a schedule that was broken off."""
    for child in stack.children.values():
        child.thaw()
        if not child.alive:
            await child.start()


async def _settle(shop: Shop, watch: Watch, planned: list[Planned], findings: Findings) -> None:
    """Until nothing more is to come; what does not come in time is stuck."""
    names = Names.of(shop)
    runs = {(each.item["userId"], each.item.get("event")) for each in planned}
    asked = {(who, event) for who, event in runs if event == names.place}
    runs = {(who, event) for who, event in runs if event in (names.buy, names.cart, names.tell)}

    async def ended() -> None:
        await wait_until(lambda: runs <= watch.ended_at.keys(), SETTLE_S, "all runs have ended")
        answered = (watch.ended_at, watch.refused)
        await wait_until(lambda: all(any(each in one for one in answered) for each in asked), SETTLE_S, "all places")

    async def claimed() -> None:
        async def settled() -> bool:
            found = Counter((await shop.claims()).values())
            return found["sent"] + found["unknown"] >= watch.kinds["message"] and not found - Counter(
                sent=found["sent"], unknown=found["unknown"]
            )

        await wait_until(settled, SETTLE_S, "every claim has its outcome")

    async def handled() -> None:
        await shop.handled(topics.EVENTS, topics.ROWS, topics.DELIVERIES)

    for step in (ended, claimed, partial(_rows, shop), handled):
        await _try(step, findings)


async def _try(step: Callable[[], Awaitable[None]], findings: Findings) -> None:
    try:
        await step()
    except (AssertionError, LaudstreamError) as error:
        findings.stuck.append(str(error))


async def _rows(shop: Shop) -> None:
    """The last state of every row has come by CDC."""
    sql = "SELECT customer_key, revision FROM customers WHERE workspace_id = $1 AND customer_id LIKE $2"
    prefix = shop.key(shop.prefix)

    async def here() -> bool:
        there = {
            r["customer_key"].encode(): r["revision"]
            for r in await shop.pool.fetch(sql, shop.workspace, f"{shop.prefix}%")
        }
        newest: dict[bytes, int] = {}
        for record in await shop.records(topics.ROWS):
            if record.key and record.key.startswith(prefix):
                newest[record.key] = max(newest.get(record.key, 0), row(record.value).revision)
        return newest == there

    await wait_until(here, SETTLE_S, "every row is on laudstream.rows")


async def _check(shop: Shop, planned: list[Planned], result: Result) -> None:
    names, findings = Names.of(shop), result.findings
    try:
        shop.stack.check()
        unbroken(await shop.journals())
    except (AssertionError, LaudstreamError) as error:
        findings.wrong.append(str(error))
    decisions = await shop.decisions()
    customers = {each.item["userId"] for each in planned}
    mailed = [mail["send_id"] for mail in shop.mails()]
    hurt = sum(fault.target == "senders" for fault in result.faults)
    called = [made["send_id"] for made in shop.calls()]
    requests, claims = await shop.requests(), await shop.claims()
    seen = Seen(planned, await _logged(shop), decisions, requests, claims, mailed, called, hurt * MARKED)
    judged = judge(seen, names, {who: shop.email(who) for who in customers})
    for field in Findings.__struct_fields__:
        getattr(findings, field).extend(getattr(judged, field))
    steps = {names.buy: "greet", names.tell: "call"}
    of = {request.send_id: request.journey for request in requests}
    for journey in (names.buy, names.cart, names.place, names.tell, names.probe):
        expected: dict[str, Any] = figures(decisions, journey)
        states = Counter(state for id, state in claims.items() if of.get(id) == journey)
        handed = {state: states[state] for state in ("sent", "unknown")} if journey in steps else {}
        await _try(partial(_counted, shop, journey, expected, steps.get(journey, ""), handed), findings)


async def _logged(shop: Shop) -> list[Logged]:
    found = []
    prefix = shop.key(shop.prefix)
    cut = len(shop.key("x")) - 1
    for record in sorted(await shop.records(topics.EVENTS), key=lambda record: (record.partition, record.offset)):
        if record.key and record.key.startswith(prefix):
            event = codec.event(record.value)
            found.append(Logged(record.key[cut:].decode(), event.id, event.name, record.timestamp))
    return found


async def _counted(shop: Shop, journey: str, expected: dict[str, Any], step: str, handed: dict[str, int]) -> None:
    """The projector's figures are those of the decisions, and at the step with a message those of the claims."""
    shown: dict[str, Any] = {}

    async def agreed() -> bool:
        shown.update(await shop.get(f"journeys/{journey}/stats"))
        at = shown["steps"].get(step, {})
        return all(shown[k] == v for k, v in expected.items()) and all(at[k] == v for k, v in handed.items())

    try:
        await wait_until(agreed, SETTLE_S, f"stats of {journey} agree with its decisions")
    except AssertionError as error:
        raise AssertionError(f"{error}; decided {expected} {handed}, shown {shown}") from None
