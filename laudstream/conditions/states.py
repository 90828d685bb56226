"""Subjects that are read from state: segment, consent and bucket.

segment: vip                         segment: {in: vip, held_for: P7D}
consent: {channel: email, subscription: news, is: subscribed}        is: may be a list
bucket: {salt: spring, from: 0, to: 10}                              the first 10 % of the customers
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from laudstream.conditions.dates import FAR, Span, shift
from laudstream.conditions.needs import Needs
from laudstream.conditions.scope import Scope
from laudstream.conditions.subject import Subject, timed
from laudstream.ids import share
from laudstream.journey.reader import Reader, at

STATUSES = ("subscribed", "unsubscribed", "pending", "unknown")


def segment(reader: Reader, body: object, pointer: str) -> Subject | None:
    spot, length = pointer, None
    given = body
    if isinstance(body, dict):
        reader.only(body, pointer, ("in", "held_for"))
        given, spot = body.get("in"), at(pointer, "in")
        if "held_for" in body:
            length = reader.duration_of(body["held_for"], at(pointer, "held_for"), "'held_for'")
    id = reader.segment_of(given, spot, "'segment'")
    if id is None:
        return None

    def show(scope: Scope) -> dict[str, Any]:
        facts = scope.facts
        return {"member": id in facts.memberships, "version": facts.segment_version(id)}

    needs = Needs(segments=frozenset((id,)), timed=length is not None, zoned=length is not None)
    if length is None:
        return Subject(lambda scope: id in scope.facts.memberships, f"segment:{id}", show, needs)
    held = length

    def spans(scope: Scope) -> Iterable[Span]:
        since = scope.facts.memberships.get(id)
        return () if since is None else ((shift(since, held, scope.zone), FAR),)

    return Subject(timed(spans), f"segment:{id}", show, needs, spans)


def consent(reader: Reader, body: object, pointer: str) -> Subject | None:
    found = reader.object_of(body, pointer, "'consent'")
    if found is None:
        return None
    reader.only(found, pointer, ("channel", "subscription", "is"))
    channel = reader.name_of(found.get("channel"), at(pointer, "channel"), "'channel'") or ""
    subscription = ""
    if "subscription" in found:
        subscription = reader.name_of(found["subscription"], at(pointer, "subscription"), "'subscription'") or ""
    given, spot = found.get("is"), at(pointer, "is")
    asked = given if isinstance(given, list) else [given]
    for status in reader.list_of(asked, spot, "'is'", most=len(STATUSES)):
        reader.choice_of(status, spot, "'is'", STATUSES)
    wanted = frozenset(status for status in asked if isinstance(status, str))
    key = f"{channel}/{subscription}"

    def status_of(scope: Scope) -> str:
        known = scope.facts.consents.get(key)
        return known[0] if known is not None else "unknown"

    return Subject(
        lambda scope: status_of(scope) in wanted, f"consent:{key.rstrip('/')}", status_of,
        Needs(consents=frozenset((key,))),
    )  # fmt: skip


def bucket(reader: Reader, body: object, pointer: str) -> Subject | None:
    found = reader.object_of(body, pointer, "'bucket'")
    if found is None:
        return None
    reader.only(found, pointer, ("salt", "from", "to"))
    salt = reader.text_of(found.get("salt"), at(pointer, "salt"), "'salt'") or ""
    low, high = (_percent(reader, found.get(end), at(pointer, end)) for end in ("from", "to"))
    if low is not None and high is not None and low >= high:
        reader.wrong(at(pointer, "to"), "a bucket ends after it begins", "write e.g. from: 0, to: 10")

    def point(scope: Scope) -> int:
        return share("bucket", scope.facts.workspace, salt, scope.id)

    return Subject(
        lambda scope: (low or 0) <= point(scope) < (high or 0), f"bucket:{salt}", lambda scope: point(scope) / 100,
        Needs(),
    )  # fmt: skip


def _percent(reader: Reader, value: object, pointer: str) -> int | None:
    """In 1/10,000."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
        parts = round(value * 100)
        if abs(parts - value * 100) < 1e-6:
            return parts
    reader.wrong(pointer, "a share must be 0 to 100, with at most two decimals", "write e.g. 10")
    return None
