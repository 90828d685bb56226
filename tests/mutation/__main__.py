"""The mutation score of the journey core: `make mutation`, or `python -m tests.mutation --mutants 200 --seed 1`.

mutmut makes the mutants and finds out which tests call the mutated function; `trying.py` tries each mutant on those.
All of them take hours; so a sample is drawn by the seed, and the score comes with its 95 % interval (Wilson). A mutant
that no test calls counts as one that lived. What lived is listed; `mutmut show NAME` prints one.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.mutation.trying import FOUND, NAMES, NO_TEST, NOBODY, PASSED, SLOWEST

HERE = Path(__file__).parents[2]
MUTANTS = Path("mutants")
ANY = "laudstream.journey.kinds.window.x_schema__mutmut_1"
"""One that few tests call: mutmut tries it, and makes the others on the way."""
BAR = 85.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--mutants", type=int, default=200, help="how many are drawn; 0: all there are")
    parser.add_argument("--seed", type=int, default=1, help="which ones are drawn")
    parser.add_argument("--only", default="", help="part of their names, e.g. journey.caps")
    parser.add_argument("--slowest", type=float, default=60, help="seconds; tests that take longer are left out")
    options = parser.parse_args()
    MUTANTS.mkdir(exist_ok=True)  # Python looks only once whether a folder of its path is there
    if _mutmut():
        return 1
    there = _names()
    names = sorted(name for name in there if options.only in name)
    if options.mutants and options.mutants < len(names):
        names = sorted(random.Random(options.seed).sample(names, options.mutants))
    codes = _tried(names, options.slowest)
    if len(codes) < len(names):
        print("the tests did not come to an end; see mutants.log", file=sys.stderr)
        return 1
    lived = [name for name in names if codes[name] in (PASSED, NO_TEST)]
    for name in lived:
        print(f"lived: {name}{' (no test calls it)' if codes[name] == NO_TEST else ''}")
    low, high = interval(len(names) - len(lived), len(names))
    score = 100 * (len(names) - len(lived)) / len(names)
    drawn = f"{len(names)} of {len(there)}, seed {options.seed}"
    print(f"mutation: score={score:.1f} interval={low:.1f}..{high:.1f} lived={len(lived)} mutants={drawn}")
    return int(score < BAR)


def _mutmut() -> int:
    """Makes all mutants of what has changed, and looks who calls what; the exit code."""
    program = Path(sys.executable).parent / "mutmut"
    code = _run([program, "run", "--max-children", "1", ANY], {"PYTHONPATH": str(MUTANTS.absolute())})
    if code:
        print("mutmut failed; see mutants.log", file=sys.stderr)
    return code


def _tried(names: list[str], slowest: float) -> dict[str, int]:
    """Mutant -> what became of it."""
    with TemporaryDirectory() as folder:
        to_try, found = Path(folder) / "names", Path(folder) / "found"
        to_try.write_text("\n".join(names))
        options = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mutmut"]
        arguments = [*options["pytest_add_cli_args"], *options["pytest_add_cli_args_test_selection"]]
        env = {
            NAMES: str(to_try),
            FOUND: str(found),
            SLOWEST: str(slowest),
            "MUTANT_UNDER_TEST": "",
            "PY_IGNORE_IMPORTMISMATCH": "1",
        }
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutation.trying", *arguments]
        _run(command, {"PYTHONPATH": ".", **env}, cwd=MUTANTS)
        lines = found.read_text().splitlines() if found.exists() else []
        return {name: code for name, code in map(json.loads, lines) if name != NOBODY}


def _run(command: list[Any], env: dict[str, str], cwd: Path | None = None) -> int:
    with Path("mutants.log").open("w") as log:
        whole = {**os.environ, "PYTHONHASHSEED": "0", **env}
        return subprocess.run(command, env=whole, cwd=cwd, stdout=log, stderr=log).returncode


def _names() -> list[str]:
    """Of all mutants."""
    found: list[str] = []
    for path in MUTANTS.rglob("*.meta"):
        found += json.loads(path.read_text())["exit_code_by_key"]
    return sorted(found)


def interval(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share, in percent."""
    if not of:
        return 0.0, 100.0
    share, spread = hits / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return 100 * (middle - half), 100 * (middle + half)


if __name__ == "__main__":
    sys.exit(main())
