"""PEP 694, "Staged Previews"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import installers, simple, stages, steps
from hatch_staged.conformance.artifacts import Release, fresh_release
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.timestamps import seconds_left

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_staged.conformance.installers import Installer
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

# For an installer to start and end (seconds).
_LEAST_LIFE = 30


@covers("STAGE-02", "The stage URL can be passed to installers such as pip by setting the --extra-index-url flag")
@covers("STAGE-05", "This option allows existing installers to preview staged releases")
@covers("SESSION-TOKEN-05", "which can be used with installers today, e.g. pip install --extra-index-url $STAGE_URL.")
def test_pip_installs_from_a_stage(owner: Principal, release: Release, session: Session, tmp_path: Path) -> None:
    _install(installers.pip(), owner, {release: session}, tmp_path)


@covers("STAGE-03", "Multiple stages can even be previewed by repeating this flag with multiple values.")
def test_pip_installs_from_two_stages(
    owner: Principal, index: Target, release: Release, session: Session, tmp_path: Path
) -> None:
    another = fresh_release("2.0")
    sessions = {release: session, another: steps.open_session(owner, index.root, another)}
    _install(installers.pip(), owner, sessions, tmp_path)


@covers("STAGE-05", "This option allows existing installers to preview staged releases")
def test_uv_installs_from_a_stage(owner: Principal, release: Release, session: Session, tmp_path: Path) -> None:
    _install(installers.uv(), owner, {release: session}, tmp_path)


@covers("STAGE-04", "the index will return views that expose the staged releases to the installer tool")
def test_a_stage_lists_what_is_staged_in_a_form_for_installers(
    owner: Principal, anonymous: Principal, release: Release, session: Session
) -> None:
    stage = stages.require_stage(session)
    artifacts = {artifact.filename: artifact for artifact in (release.wheel(), release.sdist())}
    for artifact in artifacts.values():
        steps.stage(owner, session, artifact)
    url = simple.page(anonymous, stage, release.project).url
    answers = [anonymous.follow(url, Accept=accept) for accept in (simple.JSON, "text/html")]
    views = [answer for answer in answers if answer.ok]
    assert views, f"the stage has no view: {[*map(str, answers)]}"
    for view in views:
        listed = simple.listed(view)
        assert listed.keys() == artifacts.keys(), f"listed in {view.media_type}: {sorted(listed)}"
        for filename, file in listed.items():
            assert file.hashes, f"{filename} has no hash in {view.media_type}"
            assert simple.download(anonymous, file) == artifacts[filename].data, f"{filename} has other bytes"


@covers("STAGE-04", "views that expose the staged releases")
def test_a_stage_shows_the_file_that_has_replaced_another(
    owner: Principal, anonymous: Principal, release: Release, session: Session
) -> None:
    stage = stages.require_stage(session)
    steps.delete(owner, steps.stage(owner, session, release.wheel(content="old")))
    assert not simple.files(anonymous, stage, release.project), "a deleted file is in the stage"
    wheel = release.wheel(content="new")
    steps.stage(owner, session, wheel)
    file = simple.files(anonymous, stage, release.project)[wheel.filename]
    assert simple.download(anonymous, file) == wheel.data, "the stage has the file that was replaced"


def _install(installer: Installer, owner: Principal, sessions: dict[Release, Session], folder: Path) -> None:
    """Stage a wheel of each release, install them, and look whether the staged ones were."""
    expected = {}
    for release, session in sessions.items():
        stages.require_stage(session)
        left = seconds_left(owner.get(session.url))
        if left < _LEAST_LIFE:
            pytest.skip(f"a session lives for {left:.0f} seconds, too few for an installer")
        wheel = release.wheel(content=f"{release.project} from its stage")
        steps.stage(owner, session, wheel)
        expected[f"{release.project.replace('-', '_')}.py"] = f"'{release.project} from its stage'\n"
    urls = [stages.require_stage(session) for session in sessions.values()]
    installed = installer.install(folder, list(sessions), urls)
    assert installed == expected, f"installed were {installed}"
