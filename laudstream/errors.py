"""Every error that laudstream raises on purpose, split by whose fault it is.

LaudstreamError
├── Invalid            what somebody sent or wrote is wrong; says where and what would be right
│   ├── Undecodable    a record that no reader can read: goes to the dead letters
│   └── Refused        a well-formed wish that the present state forbids (pause a draft, …)
├── NotFound           the named thing does not exist in this workspace
├── Unavailable        a server that we need does not answer; trying again is right
└── Broken             our own promise is broken (store ahead of Kafka, torn assignment): stop and say so
"""

from __future__ import annotations

import msgspec


class LaudstreamError(Exception):
    """Root of the tree."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong: where (JSON pointer, RFC 6901), what, and how to mend it."""

    pointer: str
    message: str
    fix: str = ""


class Invalid(LaudstreamError):
    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class Undecodable(Invalid):
    pass


class Refused(Invalid):
    pass


class NotFound(LaudstreamError):
    pass


class Unavailable(LaudstreamError):
    pass


class Broken(LaudstreamError):
    pass
