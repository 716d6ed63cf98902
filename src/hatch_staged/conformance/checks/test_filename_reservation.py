"""PEP 694, "Atomic Publication and Conflicts": the reservation of filenames."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hatch_staged.conformance import deferral, failures, legacy, simple, steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.failures import Doomed
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

_MOST_RIVALS = 8
_MOST_LOOKS = 60
_TAGS = ("py3-none-any", "cp312-cp312-linux_x86_64")


@covers("SESSION-ATOMIC-05", "the server MUST atomically reserve the filenames of all files in the session")
@covers("SESSION-ATOMIC-08", "whether through this API or the legacy API -- MUST be rejected with a 409 Conflict")
@covers("SESSION-ATOMIC-09", "regardless of which upload path the conflicting request arrives through")
def test_every_file_name_is_reserved_from_the_legacy_api_during_the_publication(
    owner: Principal, index: Target
) -> None:
    url = index.require_legacy()
    release = failures.second_version(owner, index)
    session = steps.open_session(owner, index.root, release)
    for tag in _TAGS:
        steps.stage(owner, session, release.wheel(tag))
    deferral.publish(owner, session)
    for tag in _TAGS:
        rival = release.wheel(tag, content="rival")
        answer = deferral.meanwhile(owner, session.url, partial(legacy.upload, owner, url, release, rival))
        assert answer.status == 409, f"{rival.filename} is not reserved during its publication: {answer}"


@covers("SESSION-ATOMIC-08", "whether through this API or the legacy API -- MUST be rejected with a 409 Conflict")
@covers("SESSION-ATOMIC-09", "regardless of which upload path the conflicting request arrives through")
def test_a_file_name_is_reserved_from_this_api_during_the_publication(
    owner: Principal, session: Session, release: Release
) -> None:
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    rival = release.wheel(content="rival")
    answer = deferral.meanwhile(owner, session.url, lambda: owner.post(session.upload, rival.request()))
    assert answer.status == 409, f"{rival.filename} is not reserved during its publication: {answer}"


@covers("SESSION-ATOMIC-06", "hold that reservation for the duration of the publish.")
def test_a_file_name_is_reserved_until_the_publication_ends(owner: Principal, index: Target) -> None:
    url = index.require_legacy()
    release = failures.second_version(owner, index)
    session = steps.open_session(owner, index.root, release)
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    for attempt in range(_MOST_RIVALS):
        rival = release.wheel(content=f"rival {attempt}")
        # Once it is published, the name is taken for good.
        answer = legacy.upload(owner, url, release, rival)
        assert answer.refused, f"{rival.filename} is not reserved during its publication: {answer}"
        if not _is_processing(owner, session):
            break
    state = steps.session_state(owner, session)
    assert state in steps.PUBLISHED, f"{state} although its file names were reserved"


@covers("SESSION-ATOMIC-07", "this reservation covers exactly the fully uploaded files that the session will publish")
def test_other_file_names_are_not_reserved_during_the_publication(owner: Principal, index: Target) -> None:
    url = index.require_legacy()
    release = failures.second_version(owner, index)
    session = steps.open_session(owner, index.root, release)
    deleted = release.sdist()
    steps.delete(owner, steps.stage(owner, session, deleted))
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    for artifact in (deleted, release.wheel(_TAGS[1])):
        deferral.require_processing(owner, session.url)
        answer = legacy.upload(owner, url, release, artifact)
        assert answer.status != 409, f"{artifact.filename} is reserved although it is not published: {answer}"
    state = steps.session_state(owner, session)
    assert state in steps.PUBLISHED, f"{state} after an upload of another file of the release"


@covers("SESSION-ATOMIC-10", "the reserved files remain staged and MUST NOT become publicly visible until")
def test_reserved_files_are_not_public_before_the_publication_succeeds(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    root = index.require_simple()
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    for _ in range(_MOST_LOOKS):
        public = simple.files(owner, root, release.project)
        if not _is_processing(owner, session):
            break
        assert not public, f"public before the session is published: {sorted(public)}"
        if session.stage is not None:
            staged = simple.files(owner, session.stage, release.project)
            assert release.wheel().filename in staged or not _is_processing(owner, session), "no longer staged"
    steps.session_state(owner, session)
    simple.require_published(owner, root, release.project, release.wheel())


@covers("SESSION-ATOMIC-12", "the server MUST release the reservation, making those filenames available again.")
def test_file_names_are_available_again_after_a_publication_that_failed_at_once(
    owner: Principal, index: Target
) -> None:
    doomed = failures.exhaust_quota(owner, index)
    failures.fail_now(owner, doomed)
    _require_available(owner, index, doomed)


@covers("SESSION-ATOMIC-12", "the server MUST release the reservation, making those filenames available again.")
def test_file_names_are_available_again_after_a_publication_that_failed_later(owner: Principal, index: Target) -> None:
    index.require_project_quota()
    _require_available(owner, index, failures.failed(owner, index))


@covers("SESSION-ATOMIC-12", "the server MUST release the reservation, making those filenames available again.")
def test_the_legacy_api_gets_a_file_name_after_a_publication_that_failed_at_once(
    owner: Principal, index: Target
) -> None:
    url = index.require_legacy()
    doomed = failures.doom(owner, index)
    other = doomed.release.sdist()
    steps.stage(owner, doomed.session, other)
    failures.fail_now(owner, doomed)
    answer = legacy.upload(owner, url, doomed.release, other)
    assert answer.ok, f"{other.filename} is still reserved after a publication that failed: {answer}"


@covers("SESSION-ATOMIC-12", "the server MUST release the reservation, making those filenames available again.")
def test_the_legacy_api_gets_a_file_name_after_a_publication_that_failed_later(owner: Principal, index: Target) -> None:
    url = index.require_legacy()
    index.require_project_quota()
    failed = failures.failed(owner, index)
    # The same name, and small enough for what is left of the quota.
    answer = legacy.upload(owner, url, failed.release, failed.release.wheel())
    assert answer.ok, f"{failed.artifact.filename} is still reserved after a publication that failed: {answer}"


@covers("SESSION-ATOMIC-13", "A still-open session does not reserve its filenames")
def test_an_open_session_does_not_reserve_its_file_names(owner: Principal, index: Target) -> None:
    url = index.require_legacy()
    release = failures.second_version(owner, index)
    session = steps.open_session(owner, index.root, release)
    steps.stage(owner, session, release.wheel())
    answer = legacy.upload(owner, url, release, release.wheel(content="rival"))
    assert answer.ok, f"an open session keeps a file name from the legacy API: {answer}"


def _is_processing(owner: Principal, session: Session) -> bool:
    return steps.state(owner, session.url) == "processing"


def _require_available(owner: Principal, index: Target, failed: Doomed) -> None:
    """Fail unless the file can be replaced by a smaller one, here and in another session, and be published."""
    small = failed.release.wheel()
    steps.delete(owner, failed.file)
    steps.stage(owner, failed.session, small)
    steps.cancel(owner, failed.session)
    again = steps.open_session(owner, index.root, failed.release)
    steps.stage(owner, again, small)
    steps.publish(owner, again)
