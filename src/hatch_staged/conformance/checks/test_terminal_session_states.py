"""PEP 694, "Publishing Session States": published and canceled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_staged.conformance import simple, steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal


@covers("SESSION-STATE-07", "The session's files have been published and are publicly available.")
def test_all_files_of_a_published_session_are_public(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    root = index.require_simple()
    artifacts = [release.wheel(), release.sdist()]
    for artifact in artifacts:
        steps.stage(owner, session, artifact)
    steps.publish(owner, session)
    public = simple.files(owner, root, release.project)
    for artifact in artifacts:
        assert artifact.filename in public, f"{artifact.filename} is not among the published: {sorted(public)}"
        listed = public[artifact.filename]
        assert simple.download(owner, listed) == artifact.data, f"{artifact.filename} has other bytes than were staged"
        said = listed.hashes.get("sha256", artifact.hashes["sha256"])
        assert said == artifact.hashes["sha256"], f"{artifact.filename} is listed with another hash"


@covers("SESSION-STATE-08", "No further changes are possible.")
def test_a_published_session_cannot_be_changed(owner: Principal, session: Session, release: Release) -> None:
    file = steps.stage(owner, session, release.wheel())
    steps.publish(owner, session)
    for answer in (
        owner.post(session.upload, release.sdist().request()),
        owner.delete(file.url),
        owner.delete(session.url),
    ):
        assert answer.refused, f"a published session was changed: {answer}"
    _require_not_extended(owner, session)
    state = steps.state(owner, session.url)
    assert state in steps.PUBLISHED, f"a published session became {state}"


@covers("SESSION-STATE-08", "No further changes are possible.")
def test_the_release_of_a_published_session_stays_as_it_is(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    root = index.require_simple()
    artifact = release.wheel()
    file = steps.stage(owner, session, artifact)
    steps.publish(owner, session)
    before = simple.files(owner, root, release.project)
    other = release.wheel(content="another")
    for answer in (
        owner.post(session.upload, other.request()),
        owner.send(file.file_url, other.data),
        owner.post(file.complete),
        owner.delete(file.url),
        owner.delete(session.url),
        owner.post(session.publish),
    ):
        public = simple.files(owner, root, release.project)
        assert public == before, f"the published release is another one after: {answer}"
    assert simple.download(owner, public[artifact.filename]) == artifact.data, "the published file has other bytes"


@covers("SESSION-STATE-14", "The session was canceled and its staged data discarded.")
def test_what_was_staged_in_a_canceled_session_is_discarded(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    # For this release: that nobody can read it any more at its old URLs is a SHOULD of its own, SESSION-CANCEL-04.
    steps.stage(owner, session, release.wheel())
    steps.cancel(owner, session)
    state = steps.state(owner, session.url)
    assert state in steps.CANCELED, f"{state} after its cancellation"
    again = steps.open_session(owner, index.root, release)
    files = steps.staged_files(owner, again)
    assert not files, f"a new session has what was staged in a canceled one: {sorted(files)}"
    steps.stage(owner, again, release.wheel(content="another"))


@covers("SESSION-STATE-15", "No further changes are possible.")
def test_a_canceled_session_cannot_be_changed(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    file = steps.begin(owner, session, artifact)
    steps.transfer(owner, file, artifact.data)
    steps.cancel(owner, session)
    for answer in (
        owner.post(file.complete),
        owner.post(session.upload, release.sdist().request()),
        owner.post(session.publish),
    ):
        assert answer.refused, f"a canceled session was changed: {answer}"
    _require_not_extended(owner, session)
    state = steps.state(owner, session.url)
    assert state in steps.CANCELED, f"a canceled session became {state}"


@covers(
    "SESSION-STATE-17",
    "reaching either one frees the name-version pair so that a subsequent session may be created for it, "
    "for example, to add wheels for additional platforms to an already-published release.",
)
def test_wheels_can_be_added_to_a_published_release(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    steps.stage(owner, session, release.wheel())
    steps.publish(owner, session)
    second = steps.open_session(owner, index.root, release)
    added = release.wheel("cp312-cp312-linux_x86_64")
    steps.stage(owner, second, added)
    steps.publish(owner, second)
    if index.simple is not None:
        public = simple.files(owner, index.simple, release.project)
        assert {release.wheel().filename, added.filename} <= set(public), f"published are {sorted(public)}"


@covers("SESSION-STATE-17", "frees the name-version pair so that a subsequent session may be created for it")
def test_a_canceled_session_makes_room_for_another(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    steps.cancel(owner, session)
    second = steps.open_session(owner, index.root, release)
    steps.stage(owner, second, release.wheel())


def _require_not_extended(owner: Principal, session: Session) -> None:
    before = owner.get(session.url)
    if session.extend is not None:
        answer = steps.extend(owner, session.extend)
        unchanged = steps.is_unchanged(answer, before.json()) if before.ok else answer.refused
        assert unchanged, f"a session that has ended was extended: {answer}"
