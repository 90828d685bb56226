"""Ports: who has them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from laudstream.errors import Invalid
from laudstream.local import proc
from laudstream.local.ports import Ports, check_free, free_base, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_the_process_that_has_it(taken: int) -> None:
    with pytest.raises(Invalid) as raised:
        check_free({"Kafka": taken})
    (problem,) = raised.value.problems
    assert f"port {taken} (Kafka) is taken by process {os.getpid()}: " in problem.message
    assert "pytest" in problem.message
    assert "--port-base" in problem.fix


def test_all_taken_ports_are_named_at_once(taken: int) -> None:
    with pytest.raises(Invalid) as raised:
        check_free({"Kafka": taken, "API": taken})
    assert [bool(problem.fix) for problem in raised.value.problems] == [False, True]


def test_a_free_port_is_no_problem_and_nobody_listens(taken: int) -> None:
    free = Ports.above(free_base()).api
    check_free({"API": free})
    assert (is_free(free), is_free(taken)) == (True, False)
    assert (proc.listener(free), proc.listener(taken)) == (None, os.getpid())


def test_all_ports_of_a_base_differ_and_lie_within_its_thousand() -> None:
    ports = Ports.above(21000)
    assert len(set(ports)) == len(ports)
    assert all(21000 < port < 22000 for port in ports)


def test_a_pid_given_again_is_another_process() -> None:
    me = proc.identity(os.getpid())
    assert me is not None
    assert me.alive
    assert not me._replace(started=me.started - 1).alive
    assert proc.identity(2**22 + 1) is None
