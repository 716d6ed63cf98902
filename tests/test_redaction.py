"""URLs and texts as they may be shown."""

from __future__ import annotations

import base64
import json
import uuid
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hiding import hidden

from hatch_staged.redaction import redact, scrub

# what token_urlsafe(32) makes of its bytes, and other ways to write as many
BYTES = st.binary(min_size=32, max_size=32)
TOKENS = st.one_of(
    BYTES.map(lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode()),
    BYTES.map(lambda raw: base64.b64encode(raw).decode().replace("/", "%2F").replace("+", "%2B")),
    BYTES.map(bytes.hex),
    st.uuids().map(str),
)
SEGMENTS = st.sampled_from(["", "upload", "simple", "stage", "foo", "opentelemetry-api", "foo-1.0.tar.gz"])
PATHS = st.lists(SEGMENTS, max_size=3).map("/".join)
# a password that is not quoted may have anything in it but a slash, which ends what could be one
USERS = st.text("uU0.-_~%:!$&'()*+,;=", min_size=1, max_size=12)


@given(PATHS, TOKENS, PATHS)
def test_no_token_survives(before: str, token: str, after: str) -> None:
    shown = redact(f"https://index.test/{before}/{token}/{after}?token={token}#{token}")
    assert token not in shown
    assert shown == f"https://index.test/{before}/***/{after}"


@given(TOKENS, TOKENS, st.sampled_from([".", ":", ";x=", ","]))
def test_nor_one_of_several_parts(first: str, second: str, separator: str) -> None:
    shown = redact(f"https://index.test/stage/{first}{separator}{second}/")
    assert shown == "https://index.test/stage/***/"


@given(st.sampled_from(["https://", "http://", ""]), USERS, PATHS)
def test_no_user_information_survives(scheme: str, user: str, path: str) -> None:
    assert redact(f"{scheme}SECRET{user}@index.test:8080/{path}").removeprefix(scheme) == f"index.test:8080/{path}"


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pass?SECRET@index.test/",
        "https://user:pass#SECRET@index.test/",
        "https://user:SECRET/word@index.test/",
        "https://[SECRET@index.test/",
        "user:SECRET@index.test/upload/",
    ],
)
def test_nor_in_what_is_no_url(url: str) -> None:
    assert "SECRET" not in redact(url)
    assert "pass" not in redact(url)


@pytest.mark.parametrize(
    "name",
    [
        "foo-1.2.0-py3-none-any.whl",
        "opentelemetry_instrumentation_fastapi-0.50b0-py3-none-any.whl",
        "opentelemetry_instrumentation_fastapi-0.50b0-py3-none-any.whl.metadata",
        "MarkupSafe-3.0.2-cp313-cp313t-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "opentelemetry_instrumentation_fastapi-0.50b0.tar.gz",
        "foo-1.0+local.1.tar.gz",
        "opentelemetry-instrumentation-x",
        "opentelemetry-instrumentation-urllib3",
        "apache-airflow-providers-cncf-kubernetes",
        "backports-strenum",
        "zope-interface",
        "foo",
    ],
)
def test_names_survive(name: str) -> None:
    assert redact(f"https://index.test/simple/{name}/") == f"https://index.test/simple/{name}/"
    assert redact(f"https://index.test/{name}") == f"https://index.test/{name}"


def test_what_is_left_of_a_url() -> None:
    assert redact("https://index.test:8443/upload/?a=b#c") == "https://index.test:8443/upload/"
    assert redact("http://[::1]:8694/upload/") == "http://[::1]:8694/upload/"
    assert redact("index.test/upload/?a=b") == "index.test/upload/"
    assert redact(f"/stage/{uuid.UUID(int=2**127)}/simple/") == "/stage/***/simple/"


@given(st.text(min_size=8), st.text(max_size=5))
def test_a_hidden_secret_does_not_survive(secret: str, around: str) -> None:
    with hidden(secret):
        for written in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]):
            assert scrub(f"{around}\0{written}\0{around}") == f"{around}\0***\0{around}"


def test_a_hidden_secret_in_a_url_need_not_look_like_a_token() -> None:
    quoted = quote("x-wrong/tok\u00e9n", safe="")
    with hidden("wrong", "wrong/tok\u00e9n"):
        assert redact("https://index.test/stage/wrong/simple/") == "https://index.test/stage/***/simple/"
        assert redact(f"https://i.test/{quoted}") == "https://i.test/***"
        assert redact("https://index.test/wrongly/") == "https://index.test/wrongly/"


def test_secrets_in_a_text() -> None:
    with hidden("password", "/at/ß/the/", "password-of-anna"):
        assert scrub("a password at http://u:p@h/x?y c") == "a *** at http://h/x c"
        assert scrub(quote("/at/ß/the/", safe="")) == "***"
        # the longer one first, or its rest would be shown
        assert scrub("xpassword-of-annax") == "x***x"


def test_a_short_one_is_found_where_it_is_a_word() -> None:
    with hidden("the", "p#1", "", "x.y"):
        assert scrub("the other: 'the', p#1, p#12, x.y, x-y") == "*** other: '***', ***, p#12, ***, x-y"
