"""Measurements: `python -m benchmarks <scenario> [--quick]` writes `benchmarks/results/<scenario>.json`."""
