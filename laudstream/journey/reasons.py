"""Every reason that laudstream gives, in one place. Docs and screens are made from it."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    meaning: str

    def __new__(cls, word: str, meaning: str) -> Reason:
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        return member

    # why an entry was refused (R59)
    ALREADY_IN = "already_in", "a run of this journey, with this key, is still active"
    REENTRY = "reentry", "the customer was in this journey before, and its re-entry rule says no"
    CONDITION = "condition", "the customer or the event does not meet the condition of the entry"
    KEY_MISSING = "key_missing", "the event lacks the property that is the key of the journey"
    TOO_OLD = "too_old", "the event happened too long ago to start or move anything"
    ALREADY_OUT = "already_out", "the customer already meets an exit condition"
    NOT_OPEN = "not_open", "the journey does not take entries before starts_at or after ends_at"
    MISSED = "missed", "the occurrence was due while nothing ran, and is too old to be made up"
    FULL = "full", "the journey takes a fixed number of entries, and all places are taken"
    LIMIT = "limit", "a hard limit of the system was met"

    # status of the journey
    PAUSED = "paused", "the journey is paused"
    DRAINING = "draining", "the journey takes no more entries"

    # why a message was refused or put off (R37)
    HELD_OUT = "held_out", "the customer belongs to the holdout of the journey and gets no messages"
    SUPPRESSED = "suppressed", "the address is suppressed on this channel"
    UNSUBSCRIBED = "unsubscribed", "the customer has opted out"
    PENDING = "pending", "the customer has not confirmed the subscription yet"
    NOT_SUBSCRIBED = "not_subscribed", "the customer has not subscribed, and the subscription asks for it"
    NO_ADDRESS = "no_address", "the customer has no address for this channel"
    NO_TEMPLATE = "no_template", "the template does not exist here"
    MISSING_VALUE = "missing_value", "the template needs a value that is not there"
    TOO_LARGE = "too_large", "what the template reads is larger than 32 KB"
    EXPIRED = "expired", "the message was not sent in time"
    QUIET_HOURS = "quiet_hours", "it is quiet time for the customer"
    WINDOW = "window", "it is outside the hours in which the message may go"
    CAP = "cap", "a cap on the number of messages is reached"
    PACE = "pace", "the journey sends so many messages in a minute or an hour, and these are taken"
    UNDELIVERED = "undelivered", "no delivery told within a day after the last moment to send"

    # why a delivery was refused by a sender
    DELETED = "deleted", "the customer was deleted"
    JOURNEY_STOPPED = "journey_stopped", "the journey was stopped before the message was handed over"

    # why a delivery failed or bounced
    TEMPLATE_FAILED = "template_failed", "the template could not be filled in with these values"
    REJECTED = "rejected", "the provider refuses the message for good"
    NO_SUCH_ADDRESS = "no_such_address", "nobody takes messages at this address"

    # why an emitted event goes nowhere (R52)
    TOO_DEEP = "too_deep", "it would be the ninth link of a chain of emitted events"
    NOBODY = "nobody", "the value that should name a customer names none"

    # why a run left an experiment (R45)
    NO_WINNER = "no_winner", "nobody has chosen a winner in time, so it went the arm that is its own"

    # why a run ended without an exit step (R59)
    IF_PAST = "if_past", "the instant to wait for is past"
    IF_MISSING = "if_missing", "the value to wait for is missing"
    REFUSED = "refused", "a message was refused and the step says to exit"
    MIGRATED = "migrated", "a new version moved the run out"
    RESTARTED = "restarted", "a new entry restarted the journey"
    DATE_CHANGED = "date_changed", "the date that started the run changed"
    MERGED = "merged", "the older run of the two who became one customer goes on"
    STOPPED = "stopped", "the journey was stopped"
    LOOP = "loop", "the run came to the same step again and nothing had happened"
    FAILED = "failed", "an error parked the run"
