"""Webhook templates: what is refused at save, and what values can do when they are filled in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laudstream.errors import Invalid
from laudstream.messages import forms
from laudstream.messages.webhook.call import outputs, render
from laudstream.messages.webhook.template import compile

URL = "https://shop.example/orders"
CUSTOMER = {"customer": {"id": "c1", "email": "ann@shop.example", "orders": 3, "tags": ["a", "b"]}, "entry": {}}


def hook(**more: Any) -> dict[str, Any]:
    return {"channel": "webhook", "url": URL, **more}


def problems(body: dict[str, Any]) -> list[str]:
    with pytest.raises(Invalid) as refused:
        compile(body)
    return [problem.pointer for problem in refused.value.problems]


@pytest.mark.parametrize(
    "url",
    [
        "", "shop.example", "ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example/_x", "javascript:1",
        "https://", "https:///x", "https://user:word@shop.example/", "https://shop.example:99999/", "//shop.example",
        "https://shop.example/#top", "https://shop.example/a b", "https://shop.example\\@evil.example/",
        "https://shop.example/\r\nHost: evil", "https://{{ entry.host }}/", "https://shop.example{{ entry.x }}",
        "https://shop.example:{{ entry.port }}/", "{{ entry.url }}", "https://shop.example/{% if x %}a{% endif %}",
        "https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://[::zz]/", "https://-a.example/",
        "https://shop.example/a/../b", "https://shop.example/%2e%2E/b", "https://sh\u00f6p.example/",
        "https://shop.example/{{ nothing.x }}", "https://shop.example/{{ entry.x", "https://" + "a" * 3000,
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(url: str) -> None:
    assert problems(hook(url=url)) == ["/url"]


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://shop.example", "shop.example"),
        ("https://Shop.example:8443?x={{ entry.x }}", "shop.example:8443"),
        ("https://10.1.2.3/hook", "10.1.2.3"),
        ("http://[2001:db8::1]:80/", "[2001:db8::1]:80"),
    ],
)
def test_the_place_of_an_address_is_what_is_written(url: str, place: str) -> None:
    assert compile(hook(url=url)).place == place


@pytest.mark.parametrize(
    ("headers", "pointer"),
    [
        ({"X-A": "one\r\nX-B: two"}, "/headers/X-A"),
        ({"X-A\r\nX-B": "one"}, "/headers/X-A\r\nX-B"),
        ({"Host": "evil.example"}, "/headers/Host"),
        ({"content-length": "0"}, "/headers/content-length"),
        ({"Webhook-Signature": "v1,x"}, "/headers/Webhook-Signature"),
        ({"X-A": "1", "x-a": "2"}, "/headers/x-a"),
        ({"X-A": 1}, "/headers/X-A"),
        ({f"X-{n}": "" for n in range(21)}, "/headers"),
        (["X-A"], "/headers"),
    ],
)
def test_headers_that_could_say_more_than_they_should_are_refused(headers: Any, pointer: str) -> None:
    assert problems(hook(headers=headers)) == [pointer]


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"method": "TRACE"}, "/method"),
        ({"method": "GET", "body": {"a": 1}}, "/body"),
        ({"body": {"a": "{{ nobody.x }}"}}, "/body/a"),
        ({"body": {"a/b": ["{% render 'x' %}"]}}, "/body/a~1b/0"),
        ({"subject": "Hi"}, "/subject"),
        ({"body": ["x"] * 501}, "/body"),
    ],
)
def test_what_else_is_wrong_is_named(more: dict[str, Any], pointer: str) -> None:
    assert problems(hook(**more)) == [pointer]


def test_a_channel_without_a_sender_has_no_templates() -> None:
    with pytest.raises(Invalid) as refused:
        forms.compile({"channel": "pigeon"})
    assert refused.value.problems[0].pointer == "/channel"


def test_a_body_is_filled_in_text_by_text_and_one_output_keeps_its_kind() -> None:
    body = {
        "whole": "{{ customer.orders }}", "text": "{{ customer.orders }} orders", "list": "{{ customer.tags }}",
        "counted": "{{ customer.orders | times: 2 }}", "none": "{{ customer.nick }}", "flag": True, "n": 1.5,
        "inner": [{"mail": "{{ customer.email }}"}], "plain": "a {b} c",
    }  # fmt: skip
    compiled = compile(hook(body=body))
    made = render(compiled, CUSTOMER)
    assert made.body is not None
    assert json.loads(made.body) == {
        "whole": 3, "text": "3 orders", "list": ["a", "b"], "counted": 6, "none": None, "flag": True, "n": 1.5,
        "inner": [{"mail": "ann@shop.example"}], "plain": "a {b} c",
    }  # fmt: skip
    assert dict(outputs(made)) == {"Content-Type": "application/json"}
    assert compiled.requires == ("customer.email", "customer.nick", "customer.orders", "customer.tags")


def test_a_text_is_sent_as_it_comes_out() -> None:
    made = render(compile(hook(body="<a>{{ customer.orders }}</a>", headers={"content-type": "text/xml"})), CUSTOMER)
    assert (made.body, dict(outputs(made))) == (b"<a>3</a>", {"content-type": "text/xml"})
    assert render(compile(hook(method="DELETE")), {}).body is None


HOSTILE = ["/../x", "..", ".", "\r\nX: y", "?a=b", "#", "@evil", "\0", "%2e"]
VALUES = st.one_of(st.text(max_size=40), st.sampled_from(HOSTILE))


@given(VALUES)
def test_a_value_never_leads_an_address_elsewhere(value: str) -> None:
    compiled = compile(hook(url=URL + "/{{ entry.x }}/done?q={{ entry.x }}"))
    if value.strip() in (".", ".."):
        with pytest.raises(Invalid, match=r"a value is `\.` or `\.\.`"):
            render(compiled, {"entry": {"x": value}})
        return
    url = render(compiled, {"entry": {"x": value}}).url
    head, _, rest = url.partition("/orders/")
    assert head == "https://shop.example"
    assert url.isascii()
    assert url.isprintable()
    assert rest.count("/") == 1
    assert rest.count("?") == 1
    assert "#" not in rest


@given(VALUES)
def test_a_value_never_makes_a_second_header_or_another_field(value: str) -> None:
    compiled = compile(hook(headers={"X-A": "{{ entry.x }}"}, body={"a": "x {{ entry.x }}", "b": "{{ entry.x }}"}))
    if any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in value):
        with pytest.raises(Invalid, match="control characters"):
            render(compiled, {"entry": {"x": value}})
        return
    made = render(compiled, {"entry": {"x": value}})
    assert not {"\r", "\n", "\0"} & set(made.headers[0][1])
    assert made.body is not None
    assert json.loads(made.body) == {"a": f"x {value}", "b": value}


def test_a_filling_is_bounded() -> None:
    compiled = compile(hook(body=["{% for i in (1..1000) %}{{ customer.id }}{% endfor %}x"] * 3))
    with pytest.raises(Invalid):
        render(compiled, {"customer": {"id": "x" * 500}})
    with pytest.raises(Invalid):
        render(compile(hook(url=URL + "/{{ entry.x }}")), {"entry": {"x": "x" * 3000}})
