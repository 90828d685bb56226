"""Customers: their rows, attributes and the events they cause."""
