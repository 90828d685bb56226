"""Journeys: definitions, the state of their runs, and how inputs move them."""
