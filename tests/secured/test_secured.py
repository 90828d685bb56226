"""Kafka with users and rights: each role works with just what the table gives it, and says what it lacks."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys

import pytest
from aiokafka.client import AIOKafkaClient
from click.testing import CliRunner
from msgspec.structs import replace

from agents.journeys import look_up
from agents.lanes import skip, wire_state
from agents.senders import CHANNELS
from laudstream import kafka_admin, kafka_client, kafka_rights, topics
from laudstream.cli import lanes, rights
from laudstream.cli.doctor import doctor
from laudstream.errors import Refused
from laudstream.local import connector, raising
from laudstream.local.child import Died, environment
from laudstream.local.letters import Letters
from laudstream.local.logs import Logs
from laudstream.local.stack import Stack
from laudstream.rights import GROUP, HEARTBEATS, SENDING, TOPIC, TRANSACTIONAL_ID, Right, commands, roles
from laudstream.settings import environment as variables
from tests.integration.kit import Shop, leave, mail_template, message, restarted, wait_until
from tests.secured import kit

pytestmark = pytest.mark.integration


NAMED = re.compile(rf"\('{re.escape(topics.DECISIONS)}', \d\): TopicAuthorizationFailedError \(29\)")
"""In the log of a worker whose transaction may not write there: the first partition that was refused."""
ALLOWED = ("Write", "Describe")
"""On events, for the API: the one implies the other."""


async def _bought(shop: Shop, word: str) -> str:
    """A customer whose event brings a mail with a trait that came by PostgreSQL and Connect."""
    ann, buy, welcome = shop.name(f"ann-{word}"), shop.name(f"buy-{word}"), shop.name(f"welcome-{word}")
    await shop.template(welcome, mail_template("Hello {{ customer.first_name }}"))
    await shop.publish(buy, {"greet": message(welcome, "done"), "done": leave("greeted")})
    await shop.identify(ann, first_name="Ann")
    await shop.track(ann, buy)
    return ann


async def test_an_event_becomes_a_mail_with_just_the_rights_of_the_table_also_after_restarts(
    guarded: Stack, guarded_shop: Shop
) -> None:
    for word in ("first", "second"):
        ann = await _bought(guarded_shop, word)
        assert (await guarded_shop.mail(ann))["subject"] == "Hello Ann"
        await guarded_shop.handled(topics.EVENTS, topics.ROWS, topics.DELIVERIES)
        if word == "first":  # who starts again looks what it had left open in Kafka
            await restarted(guarded, "journeys", "projector", "senders")
    guarded.check()


async def test_a_right_that_is_taken_away_under_a_worker_stops_its_lanes_until_it_is_back(
    guarded: Stack, guarded_shop: Shop
) -> None:
    root, entry = guarded.context.of(kit.ROOT), ("laudstream-journeys", Right(TOPIC, topics.DECISIONS, "Write"))
    await kit.take(root, entry)
    try:
        buying = asyncio.create_task(_bought(guarded_shop, "third"))
        log = guarded.part("journeys").log
        await wait_until(lambda: NAMED.search(log.read_text()), what="the log names the topic")
        assert not guarded_shop.mails()
    finally:
        await kit.give(root, [entry])
    assert (await guarded_shop.mail(await buying))["subject"] == "Hello Ann"


async def test_every_user_finds_that_it_has_the_rights_of_its_role_and_not_those_of_others(guarded: Stack) -> None:
    table = roles(guarded.settings)
    for role, wanted in table.items():
        assert await kafka_rights.missing(guarded.context.of(role), wanted) == [], role
    as_api = guarded.context.of("api")
    for role in table.keys() - {"api"}:
        found = await kafka_rights.missing(as_api, table[role])
        assert found == [one for one in table[role] if one.name != topics.EVENTS or one.operation not in ALLOWED]


async def test_doctor_says_whose_work_the_user_may_do(guarded: Stack) -> None:
    assert (
        await rights.look(guarded.context.of("senders"), ())
    ).said == "laudstream-senders may do the work of senders"
    found = await rights.look(guarded.context.of("senders"), ("projector",))
    assert found.state == "wrong"
    assert f"Read on topic {topics.DECISIONS}" in found.said
    assert f"Write on topic {topics.DELIVERIES}" not in found.said
    assert f"--operation Read --topic {topics.DECISIONS}" in found.fix


async def test_an_operator_looks_at_lanes_letters_and_journals_and_an_admin_at_topics(guarded: Stack) -> None:
    rows = await lanes.look(guarded.settings)
    assert all(owner for _, owner, *_ in rows)
    assert sorted((await raising.look(guarded.settings)).owners()) == [lane for lane, *_ in rows]
    async with Letters(guarded.settings) as letters:
        assert await letters.all() == {}
    assert (await kafka_admin.apply_topics(guarded.context.of("admin")))[0].change == "unchanged"
    with pytest.raises(Refused, match="topics rights"):
        await kafka_admin.describe(guarded.settings)


async def test_kafka_acls_takes_the_commands_that_we_print_for_somebody_with_a_certificate(guarded: Stack) -> None:
    root, name = guarded.context.of(kit.ROOT), "User:CN=somebody"
    read = [right for right in roles(root)["senders"] if right.operation == "Read"]
    somebody = kit.with_certificate(guarded)
    assert await kafka_rights.missing(somebody, read) == read
    printed = commands(read, name, root.kafka)
    await asyncio.gather(*(kit.run_tool(guarded.site, root, line) for line in printed))
    assert await kafka_rights.missing(somebody, read) == []


async def test_a_worker_may_ask_a_leader_where_a_log_ends(guarded: Stack) -> None:
    """It does so where there are several replicas."""
    client = AIOKafkaClient(**kafka_client.arguments(guarded.context.of("journeys")))
    await client.bootstrap()
    found = await client.send(client.get_random_node(), wire_state.log_ends([(topics.EVENTS, 0)]))
    await client.close()
    assert found[topics.EVENTS, 0][0] == 0


def test_channels_with_senders_are_those_of_the_table() -> None:
    assert tuple(CHANNELS) == SENDING


def test_a_wrong_password_is_said_by_the_worker_which_ends_and_by_doctor_and_is_nowhere_to_be_read(
    guarded: Stack,
) -> None:
    wrong = replace(guarded.context.of("senders"), kafka_password="open-sesame")
    command = (sys.executable, "-P", "-m", "laudstream", "worker", "senders")
    env = environment(variables(wrong))
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, cwd=guarded.data)
    assert ended.returncode == 1
    said = CliRunner().invoke(doctor, env=variables(wrong))
    assert said.exit_code == 1
    for output in (ended.stderr, said.output):
        assert "does not take the user 'laudstream-senders' with this password" in output
        assert "set LAUDSTREAM_KAFKA_USER and LAUDSTREAM_KAFKA_PASSWORD" in output
        assert "open-sesame" not in output


@pytest.mark.parametrize(
    ("part", "right"),
    [
        ("journeys", Right(GROUP, "laudstream-journeys", "Read")),
        ("senders", Right(TOPIC, topics.DELIVERIES, "Write")),
        ("projector", Right(TRANSACTIONAL_ID, "laudstream-control", "Write")),
    ],
    ids=str,
)
async def test_a_worker_without_one_right_of_the_table_ends_and_names_it(
    guarded: Stack, part: str, right: Right
) -> None:
    root, entry = guarded.context.of(kit.ROOT), (kit.user_of(part), right)
    await guarded.part(part).kill()
    await kit.take(root, entry)
    try:
        with pytest.raises(Died, match="exit code 1") as ended:
            await guarded.part(part).start()
        found = await rights.look(guarded.context.of(part), (part,))
    finally:
        await kit.give(root, [entry])
    assert f"{part} lacks 1 right: {right}" in str(ended.value)
    assert (found.state, found.said) == ("wrong", f"{kit.user_of(part)} lacks, for {part}: {right}")


async def test_an_operator_may_move_a_lane_while_no_worker_runs(guarded: Stack) -> None:
    """Behind the tests that leave the workers stopped."""
    settings = guarded.settings
    await guarded.part("journeys").kill()
    await wait_until(lambda: _gone(guarded), what="the group has no members")
    async with Logs(settings) as logs:
        [(lane, head), *_] = (await logs.heads()).items()
    new, journal = skip.after(head, (await look_up(settings)).ids, [])
    await skip._commit(settings, lane, new, journal)
    async with Logs(settings) as logs:
        assert (await logs.heads())[lane].seq == head.seq + 1


async def test_the_connector_runs_and_has_made_the_topics_of_its_heartbeats(guarded: Stack) -> None:
    root = guarded.context.of(kit.ROOT)

    async def made() -> bool:
        async with kafka_admin.admin(root) as client:
            return set(HEARTBEATS) <= set(await client.list_topics())

    await wait_until(made, what="a heartbeat of Debezium")
    assert (await connector.state(root)).running


async def _gone(stack: Stack) -> bool:
    return not await kafka_admin.owners(stack.settings, stack.settings.app_id, topics.EVENTS)
