"""laudstream: customer journeys as stream processing."""

__version__ = "0.1.0"
