"""What a verb tells goes to the right place."""

from __future__ import annotations

import json

import pytest
from tests.test_outcome import FOUND

from hatch_staged.hatch.telling import Telling


def tell_all(telling: Telling) -> None:
    telling.progress("it is open")
    telling.notice("be\rquick")
    telling.done(FOUND, "foo is public")
    telling.done(FOUND)
    telling.answer(FOUND, "foo is open")


@pytest.mark.parametrize(
    ("quiet", "out", "err"),
    [(False, "foo is public\nfoo is open\n", "it is open\nbe quick\n"), (True, "foo is open\n", "")],
)
def test_for_a_person(capsys: pytest.CaptureFixture[str], quiet: bool, out: str, err: str) -> None:  # noqa: FBT001 - a table
    telling = Telling("publish", as_json=False, quiet=quiet)
    tell_all(telling)
    assert telling.outcome is None
    assert capsys.readouterr() == (out, err)


def test_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    telling = Telling("publish", as_json=True, quiet=False)
    tell_all(telling)
    assert capsys.readouterr() == ("", "it is open\nbe quick\n")
    assert telling.outcome is not None
    read = json.loads(telling.outcome.as_json())
    assert [release["project"] for release in read["releases"]] == ["foo"]
    assert (read["command"], read["notices"]) == ("publish", ["be quick"])
