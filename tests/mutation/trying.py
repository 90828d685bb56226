"""Tries mutants, each in a fork of a process that has collected the tests once: the tests that call the changed
function, the quickest first, until one fails.

A pytest plugin; `tests.mutation` starts it in the folder of mutants. The first that it tries is no mutant at all: there
all tests must pass. Tests that took longer than is asked for when mutmut looked who calls what are left out, so the
score errs on the low side; tests that mutmut has not seen yet are tried on every mutant.
"""

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

NAMES, FOUND, SLOWEST = "MUTANTS_TO_TRY", "MUTANTS_FOUND", "MUTANTS_SLOWEST"
"""In the environment: a file with a name a line, one for what became of each, as JSON a line; seconds."""
CPU = 20
"""s of a core that a test gets beyond four times what it took; a mutant that needs more is found: it does not end."""
CHILDREN = len(os.sched_getaffinity(0))
NOBODY = "laudstream.nothing.x_nothing__mutmut_1"
PASSED, FAILED, NO_TEST = 0, 1, 33


class Trial:
    def __init__(self, session: pytest.Session) -> None:
        seen = json.loads(Path("mutmut-stats.json").read_text())
        self.took: dict[str, float] = seen["duration_by_test"]
        self.callers: dict[str, list[str]] = seen["tests_by_mangled_function_name"]
        self.items = {item.nodeid: item for item in session.items}
        self.new = [item for id, item in self.items.items() if id not in self.took]
        self.found = Path(os.environ[FOUND])
        self.slowest = float(os.environ[SLOWEST])
        self.children: dict[int, str] = {}

    def tests(self, name: str) -> list[pytest.Item]:
        """Of a mutant, the quickest first."""
        known = self.took if name == NOBODY else self.callers.get(name.rpartition("__mutmut_")[0], ())
        quick = sorted((id for id in known if self.took.get(id, 0.0) < self.slowest), key=lambda id: self.took[id])
        return [self.items[id] for id in quick if id in self.items] + self.new

    def run(self, names: list[str]) -> None:
        for name in names:
            while len(self.children) >= CHILDREN:
                self._reap()
            child = os.fork()
            if not child:
                self._try(name)
            self.children[child] = name
        while self.children:
            self._reap()

    def _try(self, name: str) -> None:
        """In the fork; it never comes back."""
        os.environ["MUTANT_UNDER_TEST"] = name
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        code, items = PASSED, self.tests(name)
        try:
            for item, following in zip(items, [*items[1:], None], strict=True):
                self._limit(item)
                if any(report.failed for report in runtestprotocol(item, nextitem=following, log=False)):
                    code = FAILED
                    break
        except BaseException:  # pytest itself did not survive it
            code = FAILED
        os._exit(code if items else NO_TEST)

    def _limit(self, item: pytest.Item) -> None:
        """The system ends this process when the test has taken too long."""
        seconds = CPU + 4 * self.took.get(item.nodeid, self.slowest)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds), hard))

    def _reap(self) -> None:
        child, status = os.wait()
        line = json.dumps([self.children.pop(child), os.waitstatus_to_exitcode(status)])
        with self.found.open("a") as out:
            out.write(line + "\n")


class Loop:
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        trial = Trial(session)
        trial.run([NOBODY])
        if json.loads(trial.found.read_text())[1] != PASSED:
            pytest.exit("a test fails without any mutant", 2)
        trial.run(Path(os.environ[NAMES]).read_text().split())
        return True


def pytest_configure(config: pytest.Config) -> None:
    if NAMES in os.environ:
        config.pluginmanager.register(Loop())
