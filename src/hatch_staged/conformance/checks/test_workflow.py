"""PEP 694, "Upload 2.0 API Specification"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_staged.conformance import simple, steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal


@covers("WORKFLOW-01", "Initiate a publishing session, creating a release stage.")
@covers("WORKFLOW-01", "Complete the publishing session, publishing or discarding the stage.")
def test_a_release_is_taken_from_its_session_to_its_publication(
    owner: Principal, release: Release, session: Session
) -> None:
    artifacts = [release.wheel(), release.sdist()]
    for artifact in artifacts:
        steps.stage(owner, session, artifact)
    files = steps.staged_files(owner, session)
    assert files.keys() == {artifact.filename for artifact in artifacts}, f"the session has the files {sorted(files)}"
    steps.publish(owner, session)


@covers("WORKFLOW-01", "Complete the publishing session, publishing or discarding the stage.")
def test_files_are_public_once_their_session_is_published_and_not_before(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    published = index.require_simple()
    artifacts = {artifact.filename: artifact for artifact in (release.wheel(), release.sdist())}
    for artifact in artifacts.values():
        steps.stage(owner, session, artifact)
        assert not simple.files(owner, published, release.project), f"{artifact.filename} is public while staged"
    steps.publish(owner, session)
    listed = simple.files(owner, published, release.project)
    assert listed.keys() == artifacts.keys(), f"{sorted(listed)} are public"
    for filename, file in listed.items():
        assert simple.download(owner, file) == artifacts[filename].data, f"{filename} has other bytes"


@covers("WORKFLOW-01", "Complete the publishing session, publishing or discarding the stage.")
def test_nothing_of_a_discarded_stage_is_public(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    published = index.require_simple()
    steps.stage(owner, session, release.wheel())
    answer = owner.delete(session.url)
    assert answer.ok, f"the session was not canceled: {answer}"
    public = simple.files(owner, published, release.project)
    assert not public, f"these are public: {sorted(public)}"
