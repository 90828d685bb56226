"""The names that definitions of the machine use, and their conditions: of the few forms that `meaning` reads."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

JOURNEYS = ("a", "b", "c")
EVENTS = ("go", "buy", "open", "bye")
EMITTED = "echo"
SIGNALS = ("sale", "storm")
ZONES = ("UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin")
HOURS = ("PT1H", "PT5H", "PT20H", "P1D", "P2D")
CLOCKS = ("02:30", "06:00", "09:00", "12:30", "21:00", "23:00")
LINKS = ("https://example.org/a", "https://example.org/b")
MANUAL, PRO, BUYERS, MIXED, FANS = "hand", "pro", "buyers", "mixed", "fans"
PINNED = f"{PRO}@1"
SEGMENTS = (MANUAL, PRO, BUYERS, MIXED, FANS)
TEMPLATES: dict[str, dict[str, Any]] = {
    "plain": {"channel": "email", "subject": "Hi", "html": "Hi"},
    "needs": {"channel": "email", "subject": "Hi", "html": "{{ customer.plan }}"},
    "hook": {"channel": "webhook", "url": "https://example.org/hook", "body": {"n": 1}},
}
NEWS = {"id": "news", "name": "News", "channel": "email", "opt_in": "explicit"}
TIPS = {"id": "tips", "name": "Tips", "channel": "email", "opt_in": "implied"}

pick = st.sampled_from
Body = dict[str, Any]


def on_customer() -> st.SearchStrategy[Body]:
    """Conditions on the row."""
    return st.one_of(
        pick(["free", "pro"]).map(lambda plan: {"customer.plan": {"equals": plan}}),
        st.just({"customer.plan": {"exists": True}}),
        st.integers(1, 3).map(lambda n: {"customer.n": {"at_least": n}}),
    )


def on_event() -> st.SearchStrategy[Body]:
    return st.integers(0, 3).map(lambda n: {"event.n": {"at_least": n}})


def on_state() -> st.SearchStrategy[Body]:
    """Conditions on all that is known of a customer."""
    leaf = st.one_of(
        on_customer(),
        pick([*SEGMENTS, PINNED]).map(lambda id: {"segment": id}),
        pick(["subscribed", "unsubscribed"]).map(
            lambda status: {"consent": {"channel": "email", "subscription": "news", "is": status}}
        ),
        on_past(),
    )
    groups = st.tuples(pick(["all", "any", "none"]), st.lists(leaf, min_size=1, max_size=2))
    return st.one_of(leaf, leaf, groups.map(lambda group: {group[0]: group[1]}))


def on_past() -> st.SearchStrategy[Body]:
    """Conditions on what became of messages and runs."""
    told = st.one_of(
        pick(["sent", "opened", "clicked"]).map(lambda kind: {"is": kind}),
        pick(["opened", "clicked"]).map(lambda kind: {"is": kind, "machine": "include"}),
        pick(LINKS).map(lambda link: {"is": "clicked", "link": link}),
        pick(["t", "u"]).map(lambda tag: {"is": "sent", "tag": tag}),
        pick(JOURNEYS).map(lambda journey: {"is": "sent", "journey": journey, "at_least": 2}),
    )
    ran = st.tuples(
        pick(JOURNEYS), pick([{"is": "active"}, {"was": "converted"}, {"was": "completed"}, {"was": "entered"}])
    )
    return st.one_of(
        told.map(lambda asked: {"message": asked}), ran.map(lambda two: {"run": {"journey": two[0], **two[1]}})
    )


def on_doing() -> st.SearchStrategy[Body]:
    """Conditions on events, of which some are asked by segments and some by nobody."""
    often = st.fixed_dictionaries({"at_least": st.integers(1, 4)}, optional={"within": pick(HOURS)})
    like = st.fixed_dictionaries({}, optional={"where": on_event(), "keyed": st.just("k")})
    ends = on_event().map(lambda condition: {"last": condition})
    asked = st.one_of(st.tuples(often, like).map(lambda two: {**two[0], **two[1]}), ends)
    return st.tuples(pick(EVENTS), asked).map(lambda two: {"event": {"name": two[0], **two[1]}})


@st.composite
def segments(draw: st.DrawFn) -> dict[str, Body]:
    """Segments by id: a manual one, one of the row, one of events within a time, one of the past, one that names
    others, or one version of another."""
    bought = {"event": {"name": "buy", "at_least": draw(st.integers(1, 3)), "within": draw(pick(HOURS))}}
    named = [[{"segment": PRO}, bought], [{"segment": BUYERS}, {"segment": MANUAL}], [{"segment": PINNED}, bought]]
    return {
        MANUAL: {"id": MANUAL, "manual": True},
        PRO: {"id": PRO, "condition": draw(on_customer())},
        BUYERS: {"id": BUYERS, "condition": bought},
        FANS: {"id": FANS, "condition": draw(on_past())},
        MIXED: {"id": MIXED, "condition": {draw(pick(["all", "any", "none"])): draw(pick(named))}},
    }


def another_segment() -> st.SearchStrategy[Body]:
    """Another version of one that others name."""
    return on_customer().map(lambda condition: {"id": PRO, "condition": condition})
