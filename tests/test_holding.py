"""Whoever holds a stage file sees what has become of it and gets the artifacts, without credentials."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.conftest import Maintainer

from hatch_staged import holding, pulling, releases, status
from hatch_staged.errors import NotAllowedError, StagedError, StageGoneError
from hatch_staged.protocol.states import SessionState
from hatch_staged.pulling import Capability
from hatch_staged.stage import selection, stagefile
from hatch_staged.stage.liveness import Alive, Published
from hatch_staged.stage.model import StageFile
from hatch_staged.stage.session_tokens import VARIABLE, SessionTokens
from hatch_staged.stage.use import Standing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Clock, TeamIndex

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


def test_an_answer_counts_for_a_moment_and_no_longer(maintainer: Maintainer, clock: Clock, tmp_path: Path) -> None:
    staged = maintainer.stage("foo-1.0.tar.gz", "bar-2.0.tar.gz")
    teammate = replace(maintainer.logged_in(None), cache=tmp_path / "teammate")
    first = holding.look(teammate, recent=True)
    list(releases.cancel(replace(maintainer.desk, stage_file=tmp_path / "other.toml"), staged))
    clock.advance(seconds=1)
    assert holding.look(teammate, recent=True) == first
    with pytest.raises(StageGoneError):
        holding.look(teammate)
    clock.advance(seconds=2)
    with pytest.raises(StageGoneError):
        holding.look(teammate, recent=True)


def test_whoever_changes_something_asks_again(maintainer: Maintainer) -> None:
    staged = maintainer.stage("foo-1.0.tar.gz")
    before = maintainer.desk.stage_file.read_bytes()
    assert isinstance(holding.look(maintainer.desk, recent=True)[0].fate, Alive)
    list(releases.publish(maintainer.desk, staged))
    maintainer.desk.stage_file.write_bytes(before)
    assert isinstance(holding.look(maintainer.desk, recent=True)[0].fate, Published)


def test_what_is_gone_and_what_does_not_fit(maintainer: Maintainer, interpreter: Interpreter) -> None:
    [staged] = maintainer.stage("foo-1.0-py2-none-any.whl")
    [standing] = holding.look(maintainer.desk)
    with pytest.raises(StagedError, match="none of its wheels fits"):
        holding.obtain(maintainer.desk, standing, interpreter)
    stagefile.write(maintainer.desk.stage_file, StageFile((replace(staged, status=SessionState.CANCELED),)))
    with pytest.raises(StageGoneError):
        holding.look(maintainer.desk)


def test_a_stage_file_without_its_token(maintainer: Maintainer, interpreter: Interpreter) -> None:
    """From staging to publication it is a secret that only those know who were told it."""
    secretive = replace(maintainer.desk, share_token=False)
    [staged] = Maintainer(maintainer.folder, secretive).stage("foo-1.0.tar.gz")
    stage_file, token = maintainer.desk.stage_file, staged.session_token
    assert token is not None

    def text() -> str:
        written = stage_file.read_text()
        assert token not in written
        return written

    stranger = replace(maintainer.logged_in(None), share_token=False)
    holder = replace(stranger, tokens=SessionTokens(variables={VARIABLE: token}))
    first = text()
    for capability, who in ((Capability(token), stranger), (Capability(url=staged.stage), holder)):
        stage_file.unlink()
        assert pulling.pull(who, None, capability) == staged
        assert text() == first
    assert pulling.pull(secretive, "foo==1.0", Capability()) == staged
    assert text() == first

    [standing] = holding.look(holder)
    assert (standing.release, standing.fate) == (staged, Alive())
    assert holding.obtain(holder, standing, interpreter).path.name == "foo-1.0.tar.gz"
    assert [status.check(who)[0].status for who in (holder, secretive)] == ["open", "open"]
    for look in (holding.look, status.check):
        with pytest.raises(NotAllowedError, match="needs its session token, which is not in the stage file"):
            look(stranger)

    list(releases.extend(secretive, releases.in_stage_file(secretive), timedelta(hours=1)))
    assert text() != first
    list(releases.publish(secretive, releases.ready_to_publish(secretive)))
    assert 'status = "published"' in text()
    for fate in (holding.look(stranger)[0].fate, holding.look(holder)[0].fate):
        assert isinstance(fate, Published)


def test_after_its_publication_nobody_needs_the_token(maintainer: Maintainer) -> None:
    secretive = replace(maintainer.desk, share_token=False)
    [staged] = Maintainer(maintainer.folder, secretive).stage("foo-1.0.tar.gz")
    before = maintainer.desk.stage_file.read_bytes()
    list(releases.publish(secretive, [staged]))
    maintainer.desk.stage_file.write_bytes(before)
    [standing] = holding.look(maintainer.logged_in(None))
    assert isinstance(standing.fate, Published)


def test_a_wrong_token_opens_nothing(maintainer: Maintainer) -> None:
    Maintainer(maintainer.folder, replace(maintainer.desk, share_token=False)).stage("foo-1.0.tar.gz")
    wrong = replace(maintainer.logged_in(None), tokens=SessionTokens(variables={VARIABLE: "x" * 43}))
    with pytest.raises(StageGoneError, match=r"the token of HATCH_STAGE_TOKEN does not open a stage of foo==1\.0"):
        holding.look(wrong)


def test_without_the_token_and_the_index_the_cache_is_enough(
    maintainer: Maintainer, team: TeamIndex, interpreter: Interpreter
) -> None:
    secretive = replace(maintainer.desk, share_token=False)
    [staged] = Maintainer(maintainer.folder, secretive).stage("foo-1.0.tar.gz")
    knowing = replace(secretive, tokens=SessionTokens(variables={VARIABLE: str(staged.session_token)}))
    stage_file = maintainer.desk.stage_file
    stage_file.write_text(stage_file.read_text().replace(team.root, "http://127.0.0.1:9/"))
    team_away = replace(team.repository, url="http://127.0.0.1:9/upload/", simple="http://127.0.0.1:9/simple/")
    away = replace(secretive, connections=replace(secretive.connections, configured={"team": team_away}))
    [standing] = holding.look(away)
    assert standing.fate is None
    with pytest.raises(NotAllowedError, match="needs its session token"):
        holding.obtain(away, standing, interpreter)
    obtained = holding.obtain(knowing, Standing(staged, Alive()), interpreter)
    assert holding.obtain(away, standing, interpreter) == replace(obtained, artifact=standing.release.artifacts[0])
