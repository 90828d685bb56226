"""The time machine: a population through the same core as in lanes, on a virtual clock (docs/simulate.md)."""
