"""Conditions: one grammar and one evaluator for segments, splits, waits, exits and eligibility."""

from __future__ import annotations

from laudstream.conditions.compiler import Condition, read
from laudstream.conditions.operators import OPERATORS
from laudstream.conditions.scope import Facts, Get, Scope, getter

__all__ = ["OPERATORS", "Condition", "Facts", "Get", "Scope", "getter", "read"]
