"""Segments: named sets of customers, by a condition or by hand."""
