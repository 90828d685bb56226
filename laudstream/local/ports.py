"""Ports of a local stack, and who has them."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from laudstream.errors import Invalid, Problem, Unavailable
from laudstream.local import proc

HOST = "127.0.0.1"
OPS_SPAN = 40
"""Ports from `ops` on that workers may take."""


_FIX = "stop what has them, or choose other ports: --port-base 21000 for all, --<name>-port for one"


class Ports(NamedTuple):
    api: int = 8000
    kafka: int = 9092
    controller: int = 9093
    connect: int = 8083
    postgres: int = 5432
    smtp: int = 1025
    sink: int = 8025
    """For webhooks."""
    ops: int = 8900
    """First of the workers' ops servers."""

    @classmethod
    def above(cls, base: int) -> Self:
        """All ports within the thousand above `base`."""
        return cls(base + 800, base + 92, base + 93, base + 83, base + 432, base + 25, base + 26, base + 900)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def check_free(wanted: Mapping[str, int]) -> None:
    """Raises Invalid, saying who has which port. `wanted` is what for → port."""
    taken = [(use, port) for use, port in wanted.items() if not is_free(port)]
    problems = []
    for use, port in taken:
        pid = proc.listener(port)
        who = f"process {pid}: {proc.command(pid)}" if pid else "a process of another user"
        fix = _FIX if (use, port) == taken[-1] else ""
        problems.append(Problem(f"/{port}", f"port {port} ({use}) is taken by {who}", fix))
    if problems:
        raise Invalid("ports are taken", tuple(problems))


def free_base(candidates: Iterable[int] = range(21000, 32000, 1000)) -> int:
    """A port base above which everything is free now. Raises Unavailable."""
    order = list(candidates)
    random.shuffle(order)  # so that two who look at the same time find different ones
    for base in order:
        ports = Ports.above(base)
        if all(map(is_free, (*ports, *range(ports.ops, ports.ops + OPS_SPAN)))):
            return base
    raise Unavailable("no thousand of ports between 21000 and 32000 is free")
