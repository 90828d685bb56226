"""Conditions: one grammar and one evaluator for segments, splits, waits, exits and eligibility."""

from __future__ import annotations

from laudstream.conditions.compiler import read
from laudstream.conditions.condition import Condition
from laudstream.conditions.operators import OPERATORS
from laudstream.conditions.scope import Facts, Get, Scope, getter

__all__ = ["OPERATORS", "Condition", "Facts", "Get", "Scope", "getter", "read"]
