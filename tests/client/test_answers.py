"""Statuses and bodies become errors in one table."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hiding import hidden

from hatch_staged.client.answers import Answer, Asked, FailingError, decode, printable, refusal
from hatch_staged.errors import (
    ConfigurationError,
    ConflictError,
    NotAllowedError,
    ProtocolError,
    StagedError,
    StageGoneError,
)
from hatch_staged.index.refusals import RefusedError
from hatch_staged.protocol.messages import CONTENT_TYPE, Session

URL = "https://u:p@i.example/upload/?q=1"
HTML = {"content-type": "text/html; charset=utf-8"}


def answer(status: int, body: object = None, **headers: str) -> Answer:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(URL, status, told, b"" if body is None else json.dumps(body).encode())


@pytest.mark.parametrize("asked", [Asked.SESSION, Asked.FILE, Asked.SIMPLE])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, ProtocolError),
        (304, StagedError),
        (400, StagedError),
        (401, NotAllowedError),
        (403, NotAllowedError),
        (404, StageGoneError),
        (405, StagedError),
        (409, ConflictError),
        (410, StageGoneError),
        (413, StagedError),
        (422, StagedError),
        (429, FailingError),
        (500, FailingError),
        (503, FailingError),
    ],
)
def test_what_a_status_means(asked: Asked, status: int, error: type[StagedError]) -> None:
    made = refusal(answer(status, {"title": "Because", "details": "of this"}, location="/elsewhere"), asked)

    assert type(made) is error
    assert made.where == "https://i.example/upload/"
    assert ("Because. of this." in made.what) == (error is not ProtocolError)
    assert "PEP" not in made.what or error is ProtocolError


@pytest.mark.parametrize("asked", Asked)
def test_what_to_do_about_a_conflict_is_the_indexs_to_say(asked: Asked) -> None:
    """There may be no stage file to look at, as nothing was staged."""
    assert refusal(answer(409, {"title": "Conflict", "detail": "Too large."}), asked).hint == ""


@pytest.mark.parametrize("kind", RefusedError.__subclasses__())
def test_what_our_index_says_is_not_said_twice(kind: type[RefusedError]) -> None:
    made = refusal(answer(kind.status, {"title": kind.title}), Asked.FILE)
    assert made.what.lower().count(kind.title.lower()) == 1


@pytest.mark.parametrize(
    ("status", "speaks", "foreign"),
    [
        (400, StagedError, ConfigurationError),
        (401, NotAllowedError, NotAllowedError),
        (403, NotAllowedError, NotAllowedError),
        (404, ConfigurationError, ConfigurationError),
        (405, ConfigurationError, ConfigurationError),
        (409, ConflictError, ConflictError),
        (410, ConfigurationError, ConfigurationError),
        (415, ConfigurationError, ConfigurationError),
        (422, StagedError, ConfigurationError),
        (429, FailingError, FailingError),
        (501, ConfigurationError, ConfigurationError),
        (502, FailingError, FailingError),
    ],
)
def test_at_the_root_endpoint_there_may_be_no_upload_2(
    status: int, speaks: type[StagedError], foreign: type[StagedError]
) -> None:
    assert type(refusal(answer(status, {"title": "Because"}), Asked.ROOT)) is speaks
    assert type(refusal(answer(status, content_type=CONTENT_TYPE), Asked.ROOT)) is speaks
    assert type(refusal(Answer(URL, status, HTML, b"<html>"), Asked.ROOT)) is foreign
    assert type(refusal(answer(status, {"detail": "Missing :action"}), Asked.ROOT)) is foreign


def test_an_index_that_does_not_speak_upload_2_gets_what_works() -> None:
    made = refusal(Answer(URL, 405, HTML, b"<html>"), Asked.ROOT)

    assert made.what == "this URL does not speak Upload 2.0 (PEP 694): it answers 405"
    assert 'repo = "local"' in made.hint
    assert "`hatch publish`" in made.hint
    assert made.where == "https://i.example/upload/"


def test_a_redirect_of_the_root_endpoint_tells_where_to() -> None:
    made = refusal(answer(308, location="/upload/2.0/?token=secret"), Asked.ROOT)

    assert type(made) is ConfigurationError
    assert made.hint == "set the URL to https://i.example/upload/2.0/"


@pytest.mark.parametrize("location", [None, "http://[bad"])
def test_a_location_that_cannot_be_made_out_is_none(location: str | None) -> None:
    made = Answer(URL, 302, {} if location is None else {"location": location})

    assert made.location is None
    assert made.redirected is None


def test_a_body_that_is_no_message() -> None:
    with pytest.raises(ProtocolError, match=r"about the publishing session .*links"):
        decode(answer(200, {"meta": {"api-version": "2.0"}}), Session, Asked.SESSION)
    with pytest.raises(ProtocolError):
        decode(answer(201, [], content_type=CONTENT_TYPE), Session, Asked.ROOT)
    with pytest.raises(ProtocolError):
        decode(Answer(URL, 200, {}, b"\xff"), Session, Asked.SESSION)
    with pytest.raises(ConfigurationError, match="answers a new session with text/html"):
        decode(Answer(URL, 200, HTML, b"<html>"), Session, Asked.ROOT)
    with pytest.raises(ConfigurationError, match="answers a new session with nothing"):
        decode(Answer(URL, 200, {}), Session, Asked.ROOT)


def test_nothing_secret_is_shown() -> None:
    told = {"title": "No s3cret", "detail": "at https://user:pw@i.example/f?k=v and http://[bad", "errors": []}

    with hidden("s3cret"):
        made = refusal(answer(400, told), Asked.FILE)

    assert made.what == "the index refused (400): No ***. at https://i.example/f and ***"


def test_a_long_story_is_cut() -> None:
    assert printable("x" * 500) == "x" * 500
    assert printable("x" * 501) == "x" * 499 + "…"


@given(text=st.text(), secret=st.text(min_size=8))
def test_what_is_shown_is_one_bearable_line(text: str, secret: str) -> None:
    with hidden(secret):
        shown = printable(text + secret + text)

    assert shown.isprintable()
    assert len(shown) <= 500
    assert secret not in shown or secret in text * 2
