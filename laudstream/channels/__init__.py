"""Channels: how a message of each kind is built, and what an answer of a provider means."""
