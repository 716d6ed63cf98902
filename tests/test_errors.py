"""Failures, as a user and a script meet them."""

from __future__ import annotations

import inspect

from hypothesis import given
from hypothesis import strategies as st

from hatch_staged import errors
from hatch_staged.errors import StagedError, one_line

# The table of exit codes, which scripts rely on.
EXIT_CODES = {
    "StagedError": 1,
    "ArtifactError": 1,
    "ProtocolError": 1,
    "ConfigurationError": 2,
    "PluginError": 2,
    "StageGoneError": 3,
    "NotAllowedError": 4,
    "ConflictError": 5,
    "WrongBytesError": 6,
    "UnreachableError": 7,
}

EXCEPTIONS = [each for _name, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, Exception)]
CLASSES = [each for each in EXCEPTIONS if issubclass(each, StagedError)]


def test_every_class_derives_from_the_base() -> None:
    assert EXCEPTIONS == CLASSES


def test_each_class_has_its_exit_code() -> None:
    assert {each.__name__: each.exit_code for each in CLASSES} == EXIT_CODES


@given(st.text())
def test_one_line_has_nothing_that_moves_a_cursor(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert not text.isprintable() or line == text


TEXTS = st.text("a \n\r\x0b\x1b\x1c\x85\u2028", max_size=10)


@given(st.sampled_from(CLASSES), TEXTS.map("what".__add__), TEXTS, TEXTS)
def test_an_error_is_one_to_three_lines(kind: type[StagedError], what: str, where: str, hint: str) -> None:
    error = kind(what, where=where, hint=hint)
    lines = error.lines()
    assert len(lines) == 1 + bool(where) + bool(hint)
    assert all(line.isprintable() for line in lines)
    assert str(error) == "\n".join(lines)


def test_what_where_and_what_next() -> None:
    error = StagedError("it failed", where="here", hint="this")
    assert (error.what, error.where, error.hint) == ("it failed", "here", "this")
    assert error.lines() == ["it failed", "  at: here", "  try: this"]
    assert StagedError("it failed").lines() == ["it failed"]
    odd = StagedError("it\x1b[31m failed", where="he\x07re", hint="th\u202eis")
    assert odd.lines() == ["it [31m failed", "  at: he re", "  try: th is"]
