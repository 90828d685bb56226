"""A stack of real processes: it starts, dies, is killed, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from laudstream.errors import Invalid, Refused
from laudstream.local import folder, proc
from laudstream.local.child import Died
from laudstream.local.ports import Ports, free_base
from laudstream.local.running import settings_of_running
from laudstream.local.stack import MOST_DEATHS, Report, Stack
from tests.local.conftest import WaitUntil

pytestmark = pytest.mark.integration

UP = """
import asyncio, sys
from laudstream.cli.up import stop_signals, until
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack

async def up():
    stop = stop_signals()
    async with Stack(sys.argv[1], ports=Ports.above(int(sys.argv[2])), parts=("postgres", "inbox")) as stack:
        print("up", flush=True)
        await until(stop, stack.watch())

asyncio.run(up())
"""
Up = Callable[[Stack], subprocess.Popen[bytes]]


@pytest.fixture
def up() -> Iterator[Up]:
    """Runs two servers on the folder and ports of a stack, in a process of its own."""
    running: list[subprocess.Popen[bytes]] = []

    def start(stack: Stack) -> subprocess.Popen[bytes]:
        base = str(stack.ports.ops - 900)
        process = subprocess.Popen([sys.executable, "-c", UP, str(stack.data), base], stdout=subprocess.PIPE)
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def sleeper() -> Iterator[proc.Identity]:
    with subprocess.Popen(["sleep", "1000"]) as process:
        who = proc.identity(process.pid)
        assert who is not None
        yield who
        process.kill()


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Stack]:
    """Makes stacks of two quick servers on one data folder."""
    ports = Ports.above(free_base())

    def make(*parts: str, **options: object) -> Stack:
        return Stack(tmp_path / "data", ports=ports, parts=parts or ("postgres", "inbox"), **options)  # type: ignore[arg-type]

    return make


async def test_keys_and_data_are_the_same_after_a_restart_and_local_json_tells_of_it(
    small: Callable[..., Stack],
) -> None:
    async with small("workspace") as stack:
        first = stack.context.keys
        assert settings_of_running(stack.data) == stack.settings
        assert first.write_key.startswith("wk_")
        assert (stack.data / "keys.json").stat().st_mode & 0o777 == 0o600
        assert (stack.data / "local.json").stat().st_mode & 0o777 == 0o600
    assert settings_of_running(stack.data) is None
    async with small("workspace") as stack:
        assert stack.context.keys == first


async def test_lost_keys_are_made_anew_for_the_same_workspace(small: Callable[..., Stack]) -> None:
    async with small("workspace") as stack:
        keys = stack.context.keys
    password = f'{{"database_password": "{keys.database_password}"}}'
    (stack.data / "keys.json").write_text(password)
    async with small("workspace") as stack:
        assert stack.workspace == keys.workspace
        assert stack.context.keys.admin_token not in ("", keys.admin_token)


async def test_postgresql_wants_a_password(small: Callable[..., Stack]) -> None:
    async with small("postgres") as stack:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{stack.ports.postgres}/postgres", password="x")


async def test_parts_stop_in_reverse_and_leave_no_process(small: Callable[..., Stack]) -> None:
    reports: list[Report] = []
    async with small("workspace", "inbox", report=reports.append) as stack:
        pids = [child.pid for child in stack.children.values()]
        assert all(proc.started(pid) for pid in pids)
        assert all(stack.memory().values())
    assert not any(proc.started(pid) for pid in pids)
    events = [(report.name, report.event) for report in reports if report.event != "starting"]
    assert events.index(("postgres", "ready")) < events.index(("migrations", "ready"))
    assert {report.name for report in reports if report.event == "stopped"} == {"postgres", "inbox"}


async def test_a_part_that_dies_is_named_with_the_end_of_its_log(small: Callable[..., Stack]) -> None:
    async with small("inbox") as stack:
        os.kill(stack.part("inbox").pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            with pytest.raises(Died, match=r"inbox was ended by SIGKILL after .*; last lines of .*inbox.log"):
                await stack.watch()


async def test_a_part_that_dies_is_started_again_and_said_to_be_but_not_for_ever(small: Callable[..., Stack]) -> None:
    reports: list[Report] = []
    async with small("inbox", report=reports.append) as stack:
        keeping = asyncio.create_task(stack.keep())
        inbox, pids = stack.part("inbox"), set()
        async with asyncio.timeout(30):
            for _ in range(MOST_DEATHS - 1):
                pids.add(inbox.pid)
                os.kill(inbox.pid, signal.SIGKILL)
                while [r.event for r in reports].count("ready") <= len(pids):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert inbox.pid not in pids
            os.kill(inbox.pid, signal.SIGKILL)
            with pytest.raises(Died, match=r"inbox died 3 times in 300 s; it was ended by SIGKILL .*; last lines of"):
                await keeping
    died = [report for report in reports if report.event == "died"]
    assert [report.name for report in died] == ["inbox"] * (MOST_DEATHS - 1)
    assert all("was ended by SIGKILL" in report.detail for report in died)


async def test_postgresql_comes_back_though_a_session_outlives_it(small: Callable[..., Stack]) -> None:
    """What a killed server shared with its sessions is taken until the last of them ends: the first try is in vain."""
    reports: list[Report] = []
    async with small("postgres", report=reports.append) as stack:
        busy = await asyncpg.connect(stack.settings.database_url)
        until = "clock_timestamp() + interval '2 seconds'"
        spin = f"DO $$ DECLARE till timestamptz := {until}; BEGIN WHILE clock_timestamp() < till LOOP END LOOP; END $$"
        spinning = asyncio.create_task(busy.execute(spin))
        asking = await asyncpg.connect(stack.settings.database_url)
        active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'"
        async with asyncio.timeout(30):
            while not await asking.fetchval(active):
                assert not spinning.done()
            os.kill(stack.part("postgres").pid, signal.SIGKILL)
            keeping = asyncio.create_task(stack.keep())
            while [r.detail for r in reports].count("started again") < 1:
                assert not keeping.done(), keeping.exception()
                await asyncio.sleep(0.02)
        keeping.cancel()
        await asyncio.gather(spinning, keeping, return_exceptions=True)
        busy.terminate()
        asking.terminate()
    assert [r.event for r in reports].count("died") == 2


async def test_a_part_that_cannot_start_stops_the_others(small: Callable[..., Stack]) -> None:
    stack = small()
    stack.site.make_folders()
    (stack.data / "inbox.sqlite3").mkdir()
    with pytest.raises(Died, match=r"inbox ended with exit code 1 .*\n(.*\n)*.*sqlite"):
        await stack.start()
    assert not any(child.alive for child in stack.children.values())
    assert folder.holder(stack.data) == 0


async def test_a_part_killed_frozen_or_stopped_on_purpose_is_no_death_and_comes_back(
    small: Callable[..., Stack], wait_until: WaitUntil
) -> None:
    async with small() as stack:
        inbox, postgres = stack.part("inbox"), stack.part("postgres")
        await inbox.kill()
        await postgres.stop()
        assert not inbox.alive
        stack.check()
        await postgres.start()
        await inbox.start()
        inbox.freeze()
        state = Path(f"/proc/{inbox.pid}/stat")
        await wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T")
        inbox.thaw()
        await wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] != "T")
        inbox.freeze()
    assert not inbox.alive


async def test_a_child_may_be_stopped_in_another_loop(small: Callable[..., Stack]) -> None:
    stack = small("inbox")
    await asyncio.to_thread(lambda: asyncio.run(stack.start()))
    # the loop that started it is gone; so is its thread, and with it the child: the kernel sees to that
    await stack.stop()
    assert not stack.part("inbox").alive


async def test_a_second_stack_on_the_same_folder_is_refused_and_disturbs_nothing(small: Callable[..., Stack]) -> None:
    async with small("inbox") as stack:
        with pytest.raises(Refused, match=f"a stack runs with {stack.data} already \\(process {os.getpid()}\\)"):
            async with small("inbox"):
                pass
        second = small("inbox")
        await second.stop()
        assert stack.part("inbox").alive
        assert settings_of_running(stack.data) is not None


async def test_taken_ports_are_found_before_anything_starts(small: Callable[..., Stack], tmp_path: Path) -> None:
    async with small("inbox") as stack:
        other = Stack(tmp_path / "other", ports=stack.ports, parts=("inbox",))
        with pytest.raises(Invalid) as raised:
            await other.start()
        assert f"process {stack.part('inbox').pid}" in raised.value.problems[0].message


async def test_kill_9_of_up_takes_its_children_along_and_the_next_start_works(
    small: Callable[..., Stack], up: Up, wait_until: WaitUntil
) -> None:
    stack = small()
    process = await asyncio.to_thread(up, stack)
    left = folder.leftovers(stack.data)
    assert set(left) == {"postgres", "inbox"}
    assert folder.holder(stack.data) == process.pid
    process.kill()
    await wait_until(lambda: not any(who.alive for who in left.values()))
    async with stack:
        assert all(child.alive for child in stack.children.values())


async def test_what_a_killed_stack_left_over_is_ended_by_the_next_and_nothing_else(
    small: Callable[..., Stack], sleeper: proc.Identity
) -> None:
    stack = small("inbox")
    stack.site.make_folders()
    stack.site.pid_file("sleeper").write_text(f"{sleeper.pid} {sleeper.started}")
    stack.site.pid_file("other").write_text(f"{os.getpid()} 1")  # our pid, but given to another process then
    async with stack:
        assert not sleeper.alive


async def test_down_stops_it_and_wipe_deletes_only_what_a_stack_made(
    small: Callable[..., Stack], up: Up, tmp_path: Path
) -> None:
    stack = small()
    process = await asyncio.to_thread(up, stack)
    assert await asyncio.to_thread(folder.stop_holder, stack.data, 30.0)
    assert process.wait(30) == 0
    assert not folder.stop_holder(stack.data, 1.0)
    assert folder.clean(stack.data) == []
    assert folder.wipe(stack.data)
    assert not stack.data.exists()
    (tmp_path / "precious").mkdir()
    with pytest.raises(Refused, match="is no data folder of laudstream"):
        folder.wipe(tmp_path / "precious")
