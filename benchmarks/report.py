"""How a result is kept: with the machine, the commit and the command, so that anyone can run it again."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from laudstream.settings import Settings, environment

RESULTS = Path(__file__).parent / "results"
CHARTS = Path(__file__).parent.parent / "docs" / "charts"


def keep(scenario: str, figures: dict[str, Any], arguments: Sequence[str]) -> Path:
    """Write `results/<scenario>.json`. Figures of a run that failed its correctness gate are not kept."""
    path = RESULTS / f"{scenario}.json"
    if not figures.get("correct", True):
        return path
    RESULTS.mkdir(exist_ok=True)
    command = " ".join(("python -m benchmarks", *arguments))
    whole = {"scenario": scenario, "command": command, "at": time.strftime("%Y-%m-%d"), "machine": machine(), **figures}
    path.write_text(json.dumps(whole, indent=2) + "\n")
    return path


def draw(scenario: str, svg: str) -> Path:
    """Write `docs/charts/<scenario>.svg`."""
    path = CHARTS / f"{scenario}.svg"
    CHARTS.mkdir(exist_ok=True)
    path.write_text(svg)
    return path


def machine() -> dict[str, Any]:
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 30)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": memory,
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def worker(settings: Settings) -> subprocess.Popen[bytes]:
    """A journey worker."""
    env = {**os.environ, **environment(settings)}
    command = [sys.executable, "-P", "-m", "laudstream", "worker", "journeys"]
    return subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def cuts(values: Sequence[float]) -> dict[str, float]:
    """Percentiles."""
    found = statistics.quantiles(values, n=1000) if len(values) > 1 else [0.0] * 999
    return {name: round(found[at], 1) for name, at in (("p50", 499), ("p90", 899), ("p99", 989))}


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def most_rss_mb(pid: int) -> int:
    """Since the process began."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024
