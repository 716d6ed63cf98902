"""The main job: build, stage, test what was staged somewhere else, publish."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from hatch_staged.protocol.states import SessionState
from hatch_staged.stage import stagefile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.journeys.conftest import Person, RunningIndex


@pytest.fixture(params=["pip", "uv"])
def installer(request: pytest.FixtureRequest) -> str:
    """Return the installer of Hatch's environments."""
    return str(request.param)


def test_a_release_goes_public_after_a_teammate_has_tested_it(
    maintainer: Person, teammate: Person, make_project: Callable[..., Path], installer: str
) -> None:
    ours = make_project("ours", origin="release", installer=installer)
    theirs = make_project("theirs", origin="checkout", installer=installer)
    assert maintainer.hatch("build", cwd=ours).code == 0

    staged = maintainer.hatch("publish", "--staged", cwd=ours)
    assert staged.code == 0, staged.err
    assert "lantern 1.0 is staged on local, not published" in staged.err
    [release] = stagefile.load(ours / ".stage.toml").releases
    assert [artifact.filename for artifact in release.artifacts] == [
        "lantern-1.0-py3-none-any.whl",
        "lantern-1.0.tar.gz",
    ]

    shutil.copy(ours / ".stage.toml", theirs)
    first = teammate.hatch("run", "test", cwd=theirs)
    assert first.code == 0, first.err
    assert first.out.split()[1] == "release"
    assert str(teammate.home / "data" / "env" / "staged") in first.out
    assert first.err.splitlines()[0] == "default: lantern 1.0 from the stage (open, expires in 6 days)"

    again = teammate.hatch("run", "test", cwd=theirs)
    assert again.out == first.out
    assert again.err.splitlines() == first.err.splitlines()[:1]

    off = teammate.hatch("run", "test", cwd=theirs, HATCH_STAGED="off")
    assert off.out.split()[1] == "checkout"

    published = maintainer.hatch("stage", "publish", "--yes", cwd=ours)
    assert (published.code, published.out) == (0, "lantern 1.0 is public\n"), published.err
    assert stagefile.load(ours / ".stage.toml").releases[0].status is SessionState.PUBLISHED

    after = maintainer.hatch("run", "test", cwd=ours)
    assert after.code == 0, after.err
    assert after.out.split()[1] == "release"
    assert "lantern 1.0 as published (the bytes that were staged)" in after.err
    assert maintainer.hatch("stage", "publish", "--yes", cwd=ours).code == 3


def test_staging_other_bytes_again_is_noticed_by_the_next_run(
    maintainer: Person, make_project: Callable[..., Path], installer: str
) -> None:
    project = make_project("ours", origin="first", installer=installer)
    for origin in ("first", "second"):
        (project / "src" / "lantern" / "__init__.py").write_text(f"ORIGIN = {origin!r}\n")
        maintainer.build(project)
        staged = maintainer.hatch("publish", "--staged", cwd=project)
        assert staged.code == 0, staged.err
        # The second sdist has the stage file of the first staging in it, which is told.
        assert ("has .stage.toml in it" in staged.err) is (origin == "second")
        tested = maintainer.hatch("run", "test", cwd=project)
        assert tested.code == 0, tested.err
        assert tested.out.split()[1] == origin


def test_staging_the_same_bytes_again_sends_nothing(maintainer: Person, make_project: Callable[..., Path]) -> None:
    project = make_project("ours", origin="release")
    maintainer.build(project)
    assert maintainer.hatch("publish", "--staged", cwd=project).code == 0
    before = (project / ".stage.toml").read_bytes()
    again = maintainer.hatch("publish", "--staged", cwd=project)
    assert again.code == 0
    assert "lantern-1.0.tar.gz: already there, the same bytes" in again.err
    assert "uploading" not in again.err
    assert (project / ".stage.toml").read_bytes() == before


def test_a_canceled_stage_is_gone_for_everybody(
    maintainer: Person, teammate: Person, make_project: Callable[..., Path]
) -> None:
    ours, theirs = make_project("ours", origin="release"), make_project("theirs", origin="checkout")
    maintainer.build(ours)
    assert maintainer.hatch("publish", "--staged", cwd=ours).code == 0
    shutil.copy(ours / ".stage.toml", theirs)
    assert teammate.hatch("run", "test", cwd=theirs).code == 0

    refused = maintainer.hatch("stage", "cancel", cwd=ours, answer="n\n")
    assert (refused.code, maintainer.hatch("stage", "status", cwd=ours).code) == (1, 0)
    unasked = maintainer.hatch("stage", "cancel", cwd=ours)
    assert (unasked.code, maintainer.hatch("stage", "status", cwd=ours).code) == (2, 0)
    canceled = maintainer.hatch("stage", "cancel", cwd=ours, answer="y\n")
    assert canceled.code == 0, canceled.err

    for person, checkout in ((maintainer, ours), (teammate, theirs)):
        run = person.hatch("run", "test", cwd=checkout)
        assert (run.code, run.out) == (3, "")
        assert len(run.complaint) <= 3
        assert person.hatch("stage", "status", cwd=checkout).code == 3
    assert maintainer.hatch("stage", "cancel", "--yes", cwd=ours).code == 3


def test_a_stage_is_pulled_by_whoever_may_upload(
    maintainer: Person, teammate: Person, index: RunningIndex, make_project: Callable[..., Path], tmp_path: Path
) -> None:
    ours = make_project("ours", origin="release")
    maintainer.build(ours)
    login = {"HATCH_INDEX_REPO": index.url, "HATCH_INDEX_AUTH": index.token}
    staged = maintainer.hatch("publish", "--staged", cwd=ours, **login)
    assert staged.code == 0, staged.err

    pulled = teammate.stage("pull", "Lantern==1.0.0", cwd=tmp_path, **login)
    assert pulled.code == 0, pulled.err
    assert (tmp_path / ".stage.toml").read_bytes() == (ours / ".stage.toml").read_bytes()

    stranger = teammate.stage("pull", "lantern==1.0", cwd=tmp_path, HATCH_INDEX_REPO=index.url)
    assert stranger.code == 4
    nothing = teammate.stage("pull", "lantern==2.0", cwd=tmp_path, **login)
    assert nothing.code == 3
    # asking left nothing behind
    assert teammate.stage("pull", "lantern==2.0", cwd=tmp_path, **login).code == 3


def test_without_the_startup_file_the_publisher_and_the_other_command_do_the_same(
    maintainer_without_startup_file: Person, make_project: Callable[..., Path]
) -> None:
    person, project = maintainer_without_startup_file, make_project("ours", origin="release")
    person.build(project)
    assert "No such option" in person.hatch("publish", "--staged", cwd=project).err
    staged = person.hatch("publish", "-p", "staged", cwd=project)
    assert staged.code == 0, staged.err
    assert person.stage("status", cwd=project).code == 0
    assert person.stage("cancel", "-y", cwd=project).code == 0
