"""Problem details, from any index and any proxy."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_staged.protocol.messages import META
from hatch_staged.protocol.problems import Problem, ProblemError, decode, encode

# The PEP's example, which spells RFC 9457's "detail" as "details".
EXAMPLE = {
    "type": "https://docs.pypi.test/api/errors/error-types#invalid-filename",
    "status": 400,
    "title": "The artifact used an invalid wheel file name format",
    "details": "See the specification",
    "meta": {"api-version": "2.0"},
    "errors": [{"source": "filename", "message": "no tags"}],
}


def test_the_example_of_the_pep() -> None:
    problem = decode(json.dumps(EXAMPLE).encode())
    assert problem == Problem(
        type="https://docs.pypi.test/api/errors/error-types#invalid-filename",
        status=400,
        title="The artifact used an invalid wheel file name format",
        detail="See the specification",
        meta=META,
        errors=(ProblemError(source="filename", message="no tags"),),
    )
    told = "The artifact used an invalid wheel file name format. See the specification. filename: no tags."
    assert problem.sentences() == told


def test_what_we_write_is_rfc_9457() -> None:
    problem = Problem(title="No", status=409, detail="because", meta=META)
    assert json.loads(encode(problem)) == {
        "title": "No",
        "status": 409,
        "detail": "because",
        "type": "about:blank",
        "meta": {"api-version": "2.0"},
        "errors": [],
    }
    assert decode(encode(problem)) == problem


def test_detail_wins_over_details() -> None:
    assert decode(b'{"detail": "right", "details": "wrong"}') == Problem(detail="right")


@pytest.mark.parametrize("member", ["type", "status", "title", "details", "meta", "errors"])
@pytest.mark.parametrize("value", [None, [1], {"a": 1}])
def test_a_member_of_a_wrong_type_is_ignored(member: str, value: object) -> None:
    without = {name: kept for name, kept in EXAMPLE.items() if name != member}
    assert decode(json.dumps({**EXAMPLE, member: value}).encode()) == decode(json.dumps(without).encode())


def test_an_api_version_of_later_does_not_hide_the_rest() -> None:
    assert decode(b'{"title": "No", "meta": {"api-version": "3.0"}}') == Problem(title="No")


@pytest.mark.parametrize(
    "body",
    [b"", b"<html><h1>502 Bad Gateway</h1></html>", b"[]", b'"no"', b"\xff", b'{"title": ', b'{"a": ' + b"[" * 100_000],
    ids=["nothing", "html", "list", "text", "binary", "broken", "deep"],
)
def test_what_is_no_problem(body: bytes) -> None:
    assert decode(body) is None


def test_sentences_are_one_line() -> None:
    problem = Problem(title=" Not\n now ", errors=(ProblemError(source="a", message="b\r\nc"),))
    assert problem.sentences() == "Not now. a: b c."
    assert Problem().sentences() == ""


def test_sentences_end_once_and_come_once() -> None:
    errors = (ProblemError(source="", message="Why?"), ProblemError(source="file", message=""))
    problem = Problem(title="Too large", detail="Too large.", errors=(*errors, *errors))
    assert problem.sentences() == "Too large. Why? file."


@given(st.binary(max_size=60))
def test_any_bytes_are_a_problem_or_none(body: bytes) -> None:
    problem = decode(body)
    assert problem is None or isinstance(problem, Problem)


TEXTS = st.text('aé \n"\\{}', max_size=10)


@given(
    st.builds(
        Problem,
        title=TEXTS,
        status=st.integers(100, 599),
        detail=TEXTS,
        type=TEXTS,
        meta=st.none() | st.just(META),
        errors=st.lists(st.builds(ProblemError, source=TEXTS, message=TEXTS), max_size=2).map(tuple),
    )
)
def test_what_is_written_is_read(problem: Problem) -> None:
    assert decode(encode(problem)) == problem
