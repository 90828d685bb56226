"""Streams: one module each; lanes in a package of their own."""
