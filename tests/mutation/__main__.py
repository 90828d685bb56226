"""The mutation score of the journey core: `make mutation`, or `python -m tests.mutation --mutants 200 --seed 1`.

mutmut makes the mutants, finds out which tests call the mutated function, and tries each mutant on those, the quickest
first. All of them take hours; so a sample is drawn by the seed, and the score comes with its 95 % interval (Wilson).
A mutant that no test calls counts as one that lived. What lived is listed; `mutmut show NAME` prints one.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[2]
MUTANTS = Path("mutants")
ANY = "laudstream.journey.caps.x_kept__mutmut_1"
KILLED = {
    1: "a test failed",
    3: "an error",
    24: "too slow",
    36: "too slow",
    -24: "too slow",
    -9: "too slow",
    152: "too slow",
}
"""Exit codes of mutmut for mutants that were found."""
BAR = 85.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--mutants", type=int, default=200, help="how many are drawn; 0: all there are")
    parser.add_argument("--seed", type=int, default=1, help="which ones are drawn")
    parser.add_argument("--only", default="", help="part of their names, e.g. journey.caps")
    options = parser.parse_args()
    MUTANTS.mkdir(exist_ok=True)  # Python looks only once whether a folder of its path is there
    if not any(MUTANTS.rglob("*.meta")) and _mutmut([ANY]):
        return 1
    names = sorted(name for name in _codes() if options.only in name)
    if options.mutants and options.mutants < len(names):
        names = sorted(random.Random(options.seed).sample(names, options.mutants))
    if _mutmut(names):
        return 1
    codes = _codes()
    lived = [name for name in names if codes[name] not in KILLED]
    for name in lived:
        print(f"lived: {name} ({'no test calls it' if codes[name] == 33 else codes[name]})")
    low, high = interval(len(names) - len(lived), len(names))
    score = 100 * (len(names) - len(lived)) / len(names)
    drawn = f"{len(names)} of {len(codes)}, seed {options.seed}"
    print(f"mutation: score={score:.1f} interval={low:.1f}..{high:.1f} lived={len(lived)} mutants={drawn}")
    return int(score < BAR)


def _mutmut(names: list[str]) -> int:
    """Tries mutants on one core; the exit code."""
    env = {**os.environ, "PYTHONPATH": str(MUTANTS.absolute()), "PYTHONHASHSEED": "0"}
    program = Path(sys.executable).parent / "mutmut"
    with Path("mutants.log").open("w") as log:
        code = subprocess.run(
            [program, "run", "--max-children", "1", *names], env=env, stdout=log, stderr=log
        ).returncode
    if code:
        print(f"mutmut failed; see {log.name}", file=sys.stderr)
    return code


def _codes() -> dict[str, int | None]:
    """Mutant -> what became of it."""
    found: dict[str, int | None] = {}
    for path in MUTANTS.rglob("*.meta"):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


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
