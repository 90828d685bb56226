"""`python -m benchmarks <scenario> [--quick]`: runs one scenario, prints its figures, keeps them as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from benchmarks.report import draw, keep

SCENARIOS = (
    "lanes",
    "latency",
    "end_to_end",
    "advance",
    "step_kinds",
    "ingest",
    "sending",
    "enrolment",
    "timers",
    "recovery",
    "segments",
    "census",
    "simulate",
    "budget",
    "scale",
    "keys",
    "groups",
    "connections",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--quick", action="store_true", help="one short round: a few minutes at most")
    parser.add_argument(
        "--peers", choices=("few", "all"), help="lanes only: with Kafka Streams or not; whole runs have it"
    )
    parser.add_argument("--customers", type=int, help="keys only: so many, instead of three sizes")
    parser.add_argument("--lanes", type=int, help="keys only: so many, instead of eight")
    parser.add_argument("--waiting", type=int, default=0, help="timers and recovery: so many customers wait")
    arguments = parser.parse_args()
    if arguments.peers and arguments.scenario != "lanes":
        parser.error("--peers belongs to lanes")
    if (arguments.customers or arguments.lanes) and arguments.scenario != "keys":
        parser.error("--customers and --lanes belong to keys")
    module = importlib.import_module(f"benchmarks.{arguments.scenario}")
    if arguments.waiting and arguments.scenario not in ("timers", "recovery"):
        parser.error("--waiting belongs to timers and recovery")
    options = {
        name: value for name in ("peers", "customers", "lanes", "waiting") if (value := getattr(arguments, name))
    }
    figures = module.measure(quick=arguments.quick, **options)
    path = keep(arguments.scenario, figures, sys.argv[1:])
    print(json.dumps(figures, indent=2))
    if not figures.get("correct", True):
        print("not kept: the run failed its correctness gate")
        return 1
    print(f"kept in {path}")
    if chart := getattr(module, "chart", None):
        print(f"drawn in {draw(arguments.scenario, chart(figures))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
