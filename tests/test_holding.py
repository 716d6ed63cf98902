"""Whoever holds a stage file sees what has become of it and gets the artifacts, without credentials."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hatch_staged import holding
from hatch_staged.errors import StagedError, StageGoneError
from hatch_staged.protocol.states import SessionState
from hatch_staged.stage import selection, stagefile
from hatch_staged.stage.liveness import Alive
from hatch_staged.stage.model import StageFile

if TYPE_CHECKING:
    from tests.conftest import Maintainer

    from hatch_staged.stage.selection import Interpreter


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    """Return this one."""
    return selection.probe(sys.executable)


def test_every_release_is_looked_at_and_obtained(maintainer: Maintainer, interpreter: Interpreter) -> None:
    maintainer.stage("bar-2.0.tar.gz", "foo-1.0-py3-none-any.whl")
    holder = maintainer.logged_in(None)
    standings = holding.look(holder)
    assert [(standing.release.project, standing.fate) for standing in standings] == [("bar", Alive()), ("foo", Alive())]
    obtained = [holding.obtain(holder, standing, interpreter) for standing in standings]
    assert [one.path.name for one in obtained] == ["bar-2.0.tar.gz", "foo-1.0-py3-none-any.whl"]
    for one in obtained:
        assert one.path.read_bytes() == (maintainer.folder / "dist" / one.path.name).read_bytes()
    for standing, one in zip(standings, obtained, strict=True):
        assert holding.cache_of(holder, standing.release).verify(one.artifact) == one.signature


def test_an_index_that_is_away(maintainer: Maintainer, interpreter: Interpreter) -> None:
    [staged] = maintainer.stage("foo-1.0.tar.gz")
    [standing] = holding.look(maintainer.desk)
    obtained = holding.obtain(maintainer.desk, standing, interpreter)
    away = replace(staged, index="http://127.0.0.1:9/upload/", stage="http://127.0.0.1:9/stage/x/simple/")
    stagefile.write(maintainer.desk.stage_file, StageFile((away,)))
    [standing] = holding.look(maintainer.desk)
    assert standing.fate is None
    assert holding.obtain(maintainer.desk, standing, interpreter) == obtained


def test_what_is_gone_and_what_does_not_fit(maintainer: Maintainer, interpreter: Interpreter) -> None:
    [staged] = maintainer.stage("foo-1.0-py2-none-any.whl")
    [standing] = holding.look(maintainer.desk)
    with pytest.raises(StagedError, match="none of its wheels fits"):
        holding.obtain(maintainer.desk, standing, interpreter)
    stagefile.write(maintainer.desk.stage_file, StageFile((replace(staged, status=SessionState.CANCELED),)))
    with pytest.raises(StageGoneError):
        holding.look(maintainer.desk)
