"""Claims against a real PostgreSQL: who may hand a request over, when, and what becomes of it if he dies (A21)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from agents.control import forget_claims
from agents.sending.claims import Claim, Claims, Letter, Move, Parked, delivery
from agents.streams import PositionMoved
from laudstream.postgres import connect

LEASE = timedelta(seconds=60)
EXCHANGE = timedelta(seconds=40)  # longest time on the wire
START = datetime(2026, 1, 1, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)


def claims(shop: Any, owner: str) -> Claims:
    """Of a channel of its own, so that no test recovers what another left."""
    return Claims(shop.pool, f"email-{shop.id}", owner, LEASE)


async def test_a_request_is_claimed_once_however_often_it_is_read(shop: Any) -> None:
    request = shop.request(START_MS)
    first, second = claims(shop, "a"), claims(shop, "b")
    assert await first.claim([request, request], START) == ([Claim(request)], [])
    assert await second.claim([request], START) == ([], [])


async def test_position_and_claims_move_together_or_not_at_all(shop: Any) -> None:
    request, topic = shop.request(START_MS), f"topic-{shop.id}"
    sender = claims(shop, "a")
    await sender.claim([], START, [Move(topic, 0, None, 5)])
    with pytest.raises(PositionMoved):
        await sender.claim([request], START, [Move(topic, 0, 4, 6)])
    with pytest.raises(PositionMoved):
        await sender.claim([request], START, [Move(topic, 0, None, 6)])
    assert await sender.position(topic, 0) == 5
    assert await shop.rows() == {}
    await sender.claim([request], START, [Move(topic, 0, 5, 6)], [Letter(topic, 0, 5, shop.id, "no request")])
    assert await sender.position(topic, 0) == 6
    assert await shop.pool.fetchval("SELECT error FROM dead_letters WHERE topic = $1", topic) == "no request"


GATES = {
    "expired": "SELECT $1::text",
    "deleted": "DELETE FROM customers WHERE workspace_id = $1",
    "suppressed": "INSERT INTO suppressions SELECT workspace_id, customer_id, customer_key, 'email', 'complaint' "
    "FROM customers WHERE workspace_id = $1",
    "unsubscribed": "INSERT INTO consents SELECT workspace_id, customer_id, customer_key, 'email', '', 'unsubscribed' "
    "FROM customers WHERE workspace_id = $1",
    "journey_stopped": "INSERT INTO journeys (workspace_id, journey_id, name, status) "
    "VALUES ($1, 'welcome', '', 'stopped')",
    "paused": "INSERT INTO journeys (workspace_id, journey_id, name, status) VALUES ($1, 'welcome', '', 'paused')",
}


@pytest.mark.parametrize("moment", ["claim", "hand_over"])
@pytest.mark.parametrize("gate", GATES)
async def test_a_request_that_must_not_go_any_more_is_refused_with_its_reason(
    shop: Any, gate: str, moment: str
) -> None:
    """R40, when it is claimed and when it is handed over."""
    request = shop.request(START_MS)
    sender = claims(shop, "a")
    late = START + timedelta(hours=2) if gate == "expired" else START
    if moment == "claim":
        await shop.pool.execute(GATES[gate], shop.id)
        claimed, refused = await sender.claim([request], late)
    else:
        claimed, _ = await sender.claim([request], START)
        await shop.pool.execute(GATES[gate], shop.id)
        claimed, refused = await sender.hand_over(claimed, late)
    assert claimed == []
    assert [(one.kind, one.reason) for one in refused] == [("refused", gate)]
    row = (await shop.rows())[request.send_id]
    assert (row["state"], row["outcome"]["reason"], row["tries"]) == ("refused", gate, 0)


async def test_r43_an_action_obeys_no_opt_out_and_may_come_before_its_customer_s_row(shop: Any) -> None:
    await shop.pool.execute(GATES["unsubscribed"], shop.id)
    sender = claims(shop, "a")
    claimed, _ = await sender.claim([shop.request(START_MS, consent=False)], START)
    assert len(claimed) == 1
    await shop.pool.execute(GATES["deleted"], shop.id)
    fresh = [shop.request(START_MS, consent=False, fresh=True) for _ in range(2)]
    claimed, refused = await sender.claim(fresh, START)
    assert (len(claimed), refused) == (2, [])
    _, refused = await sender.hand_over(claimed, START + timedelta(minutes=11))
    assert {one.reason for one in refused} == {"deleted"}


@pytest.mark.parametrize(
    ("message_class", "own", "opted_out_of", "refused"),
    [
        ("marketing", "news", "", True),
        ("marketing", "news", "news", True),
        ("marketing", "news", "offers", False),
        ("marketing", "", "", True),
        ("transactional", "orders", "", False),
        ("transactional", "orders", "orders", True),
        ("transactional", "", "", False),
    ],
)
async def test_opt_outs_bind_marketing_all_and_transactional_only_its_own(
    shop: Any, message_class: str, own: str, opted_out_of: str, refused: bool
) -> None:
    """R12, R42."""
    await shop.pool.execute(
        "INSERT INTO consents SELECT workspace_id, customer_id, customer_key, 'email', $2, 'unsubscribed' "
        "FROM customers WHERE workspace_id = $1", shop.id, opted_out_of,
    )  # fmt: skip
    request = shop.request(START_MS, message_class=message_class, subscription=own)
    _, deliveries = await claims(shop, "a").claim([request], START)
    assert [one.reason for one in deliveries] == (["unsubscribed"] if refused else [])


async def test_a_parked_claim_is_free_when_its_time_has_come_and_not_before(shop: Any) -> None:
    first, second = claims(shop, "a"), claims(shop, "b")
    claimed, _ = await first.claim([shop.request(START_MS)], START)
    granted, _ = await first.hand_over(claimed, START)
    await first.park([Parked(granted[0], START + timedelta(seconds=30))], START)
    assert await second.take(START + timedelta(seconds=29), 10, transactional=False) == []
    assert await second.take(START + timedelta(seconds=30), 10, transactional=False) == [granted[0]]
    assert granted[0].tries == 1


async def test_claims_of_a_sender_that_is_gone_are_free_after_their_lease_and_not_his_any_more(shop: Any) -> None:
    first, second = claims(shop, "a"), claims(shop, "b")
    claimed, _ = await first.claim([shop.request(START_MS)], START)
    assert await second.take(START + LEASE / 2, 10, transactional=False) == []
    assert await second.take(START + LEASE, 10, transactional=False) == claimed
    assert await first.hand_over(claimed, START + LEASE) == ([], [])


async def test_an_answer_that_comes_after_all_replaces_unknown(shop: Any) -> None:
    first, second = claims(shop, "a"), claims(shop, "b")
    granted, _ = await first.hand_over((await first.claim([shop.request(START_MS)], START))[0], START)
    again, unknown = await second.recover(START + LEASE)
    assert (again, [one.kind for one in unknown]) == ([], ["unknown"])
    sent = delivery(granted[0].request, "sent", START)
    assert await first.settle([sent], START + LEASE) == [sent]
    assert [one.id for one in await second.unpublished(START + 2 * LEASE)] == [sent.id]


async def test_what_is_on_the_own_wire_is_not_lost(shop: Any) -> None:
    sender = claims(shop, "a")
    granted, _ = await sender.hand_over((await sender.claim([shop.request(START_MS)], START))[0], START)
    assert await sender.recover(START + LEASE, [granted[0].request.send_id]) == ([], [])


async def test_an_outcome_is_published_again_if_nobody_says_that_kafka_has_it_or_the_request_is_read_again(
    shop: Any,
) -> None:
    sender = claims(shop, "a")
    request = shop.request(START_MS)
    await sender.claim([request], START)
    sent = delivery(request, "sent", START)
    await sender.settle([sent], START)
    later = START + timedelta(minutes=1)

    assert await sender.unpublished(later) == [sent]
    await sender.published([sent], START)
    assert await sender.unpublished(later) == []
    assert await sender.claim([request], later) == ([], [])
    assert await sender.unpublished(later) == [sent]


async def test_what_a_message_was_made_of_is_kept_until_it_has_an_outcome_and_that_for_thirty_days(shop: Any) -> None:
    """Addresses and attributes of everybody who ever had a mail stood there for ever, also of those deleted since."""
    sender = claims(shop, "a")
    first, second, open_ = (shop.request(START_MS, context={"customer": {"name": "Ann"}}) for _ in range(3))
    await sender.claim([first, second, open_], START)
    await sender.hand_over([Claim(first), Claim(second)], START)
    told = [delivery(request, "sent", START) for request in (first, second)]
    await sender.settle(told, START)
    rows = await shop.rows()
    assert (rows[first.send_id]["body"], rows[open_.send_id]["body"]["context"]) == ({}, {"customer": {"name": "Ann"}})
    await sender.published(told[:1], START)
    await forget_claims(shop.pool, keep_days=10_000)
    assert len(await shop.rows()) == 3
    await forget_claims(shop.pool, most=2)
    assert (await shop.rows()).keys() == {second.send_id, open_.send_id}, "Kafka does not have all of them"


async def test_a_sender_that_stops_gives_back_what_is_not_on_the_wire(shop: Any) -> None:
    first, second = claims(shop, "a"), claims(shop, "b")
    claimed, _ = await first.claim([shop.request(START_MS), shop.request(START_MS)], START)
    await first.hand_over(claimed[:1], START)
    await first.release(START)
    assert await second.take(START, 10, transactional=False) == claimed[1:]


class Process:
    """What a sender has in memory. It is all gone when it dies."""

    def __init__(self, sender: Claims) -> None:
        self.sender = sender
        self.waiting: list[Claim] = []
        self.marked: list[tuple[Claim, datetime]] = []
        self.done: list[tuple[Claim, str]] = []


class TwoSenders(RuleBasedStateMachine):
    """Two senders that claim, hand over, stall, crash and recover at any point."""

    def __init__(self, dsn: str, new_shop: Callable[[Any], Any]) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.pool = self.runner.run(connect(dsn, max_size=2))
        self.shop = self.runner.run(new_shop(self.pool).open())
        self.now = START
        self.births = 0
        self.processes = [self.born(), self.born()]
        self.requests: dict[str, Any] = {}
        self.wire: Counter[str] = Counter()
        self.unknown: set[str] = set()

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    def born(self) -> Process:
        self.births += 1
        sender = Claims(self.pool, f"email-{self.shop.id}", f"{self.shop.id}-{self.births}", LEASE)
        return Process(sender)

    which = st.integers(0, 1)

    @rule(which=which, policy=st.sampled_from(["hold", "retry"]), both=st.booleans())
    def read_requests(self, which: int, policy: str, both: bool) -> None:
        kind = "transactional" if policy == "retry" else "marketing"
        request = self.shop.request(START_MS + 10**9, on_unknown=policy, message_class=kind)
        self.requests[request.send_id] = request
        for process in self.processes if both else [self.processes[which]]:
            process.waiting += self.do(process.sender.claim([request], self.now))[0]

    @rule(which=which, few=st.booleans())
    def mark(self, which: int, few: bool) -> None:
        process = self.processes[which]
        some = process.waiting[: 1 if few else None]
        del process.waiting[: len(some)]
        granted, refused = self.do(process.sender.hand_over(some, self.now))
        assert refused == []
        process.marked += [(claim, self.now) for claim in granted]

    @rule(which=which, how=st.sampled_from(["sent", "sent", "failed", "unknown", "park"]))
    def put_on_the_wire(self, which: int, how: str) -> None:
        process = self.processes[which]
        if not process.marked:
            return
        claim, marked = process.marked.pop(0)
        if self.now > marked + LEASE - EXCHANGE:  # as the pump does
            how = "park"
        else:
            self.wire[claim.request.send_id] += how != "park"
        if how == "unknown" and claim.request.on_unknown == "retry":
            how = "park"
        process.done.append((claim, how))

    @rule(which=which)
    def settle(self, which: int) -> None:
        process = self.processes[which]
        done, process.done = process.done, []
        outcomes = [delivery(claim.request, how, self.now) for claim, how in done if how != "park"]
        settled = self.do(process.sender.settle(outcomes, self.now))
        self.unknown |= {one.send_id for one in settled if one.kind == "unknown"}
        self.do(process.sender.park([Parked(claim, self.now) for claim, how in done if how == "park"], self.now))

    @rule(which=which)
    def recover(self, which: int) -> None:
        process = self.processes[which]
        busy = {claim.request.send_id for claim, _ in [*process.marked, *process.done]}
        held = busy | {claim.request.send_id for claim in process.waiting}
        again, unknown = self.do(process.sender.recover(self.now, list(busy)))
        self.unknown |= {one.send_id for one in unknown}
        taken = [self.do(process.sender.take(self.now, 50, transactional=kind)) for kind in (True, False)]
        process.waiting += [claim for claim in [*again, *taken[0], *taken[1]] if claim.request.send_id not in held]

    @rule(which=which)
    def crash(self, which: int) -> None:
        self.processes[which] = self.born()

    @rule(seconds=st.sampled_from([1, 15, 25, 61, 200]))
    def time_goes_by(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def nothing_held_is_handed_over_twice(self) -> None:
        for send_id, count in self.wire.items():
            assert count <= 1 or self.requests[send_id].on_unknown == "retry"

    @precondition(lambda self: self.requests)
    @rule()
    def in_the_end_everything_is_known_or_visibly_unknown(self) -> None:
        self.crash(0)
        self.crash(1)
        for _ in range(3):
            self.time_goes_by(61)
            self.recover(0)
            self.mark(0, False)
            while self.processes[0].marked:
                self.put_on_the_wire(0, "sent")
            self.settle(0)
        rows = self.do(self.shop.rows())
        assert rows.keys() == self.requests.keys()
        visible = {
            one.send_id: one.kind for one in self.do(self.processes[0].sender.unpublished(self.now + LEASE, 10**6))
        }
        for send_id, request in self.requests.items():
            state = rows[send_id]["state"]
            assert state in ("sent", "failed", "unknown")
            assert send_id in visible
            if request.on_unknown == "retry":
                assert state != "unknown"
                assert self.wire[send_id] >= 1
            elif state == "unknown":
                assert send_id in self.unknown
            else:
                assert self.wire[send_id] == 1

    def teardown(self) -> None:
        if self.requests:
            self.in_the_end_everything_is_known_or_visibly_unknown()
        self.do(self.pool.close())
        self.runner.close()


def test_whatever_dies_when_a_request_goes_out_once_or_its_fate_is_visibly_unknown(
    dsn: str, new_shop: Callable[[Any], Any]
) -> None:
    """A20–A21: exactly once under `hold`, unless unknown; at least once under `retry`."""
    run_state_machine_as_test(
        lambda: TwoSenders(dsn, new_shop),
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
