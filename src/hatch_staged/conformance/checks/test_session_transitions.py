"""PEP 694, "Publishing Session States": its table of transitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import deferral, failures, simple, steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal


@covers("SESSION-TRANSITION-01", "(none) | Session created | open")
def test_creation_leads_to_open(owner: Principal, session: Session) -> None:
    steps.expect(owner, session.url, "open", "its creation")


@covers("SESSION-TRANSITION-02", "open | A file is uploaded, replaced, or deleted | open")
def test_changes_of_files_leave_an_open_session_open(owner: Principal, session: Session, release: Release) -> None:
    file = steps.stage(owner, session, release.wheel())
    steps.expect(owner, session.url, "open", "an upload")
    steps.delete(owner, file)
    steps.expect(owner, session.url, "open", "a deletion")
    steps.stage(owner, session, release.wheel(content="another"))
    steps.expect(owner, session.url, "open", "a replacement")
    steps.fail_completion(owner, session, release.sdist())
    steps.expect(owner, session.url, "open", "a failed upload")


@covers("SESSION-TRANSITION-03", "open | Publish request completed immediately (201 Created) | published")
def test_an_immediate_publication_leads_to_published(owner: Principal, session: Session, release: Release) -> None:
    steps.stage(owner, session, release.wheel())
    answer = owner.post(session.publish)
    if answer.status == 202:
        pytest.skip("the index publishes later")
    assert answer.status == 201, f"the publication was neither done nor deferred: {answer}"
    steps.expect(owner, session.url, "published", "201 Created")


@covers("SESSION-TRANSITION-04", "open | Publish request accepted for deferred processing (202 Accepted) | processing")
@covers("SESSION-TRANSITION-08", "processing | Deferred processing succeeds | published")
def test_a_deferred_publication_leads_to_processing_and_then_to_published(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    state = steps.state(owner, session.url)
    assert state in {"processing"} | steps.PUBLISHED, f"{state} after 202 Accepted"
    settled = steps.session_state(owner, session)
    assert settled in steps.PUBLISHED, f"{settled} after processing"
    if index.simple is not None:
        public = simple.files(owner, index.simple, release.project)
        assert set(public) == {release.wheel().filename}, f"published are {sorted(public)}"
    if state != "processing":
        pytest.skip("the index was done too soon to see it processing")


@covers("SESSION-TRANSITION-05", "Publish requested while any file is not completed | rejected with 409 Conflict")
@covers("SESSION-TRANSITION-06", "Publish request fails synchronously | unchanged")
@pytest.mark.parametrize("file", ["pending", "error"])
def test_a_file_that_is_not_completed_keeps_an_open_session_open(
    owner: Principal, session: Session, release: Release, file: str
) -> None:
    steps.bring(owner, session, release.wheel(), file)
    answer = owner.post(session.publish)
    assert answer.status == 409, f"published with a file in {file}: {answer}"
    steps.expect(owner, session.url, "open", "a refused publication")


@covers("SESSION-TRANSITION-05", "Publish requested while any file is not completed | rejected with 409 Conflict")
def test_a_file_in_processing_keeps_an_open_session_open(owner: Principal, index: Target) -> None:
    found, answer = deferral.while_processing(owner, index.root, lambda found: owner.post(found.session.publish))
    assert answer.status == 409, f"published with a file in processing: {answer}"
    steps.expect(owner, found.session.url, "open", "a refused publication")


@covers("SESSION-TRANSITION-05", "Publish requested while any file is not completed | rejected with 409 Conflict")
@covers("SESSION-TRANSITION-06", "Publish request fails synchronously | unchanged")
@covers(
    "SESSION-TRANSITION-13", "leaves the session in its current editable state (open stays open; error stays error)"
)
def test_a_file_that_is_not_completed_keeps_a_failed_session_in_error(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    steps.delete(owner, failed.file)
    steps.begin(owner, failed.session, failed.release.sdist())
    answer = owner.post(failed.session.publish)
    assert answer.status == 409, f"published with a file in pending: {answer}"
    steps.expect(owner, failed.session.url, "error", "a refused publication")


@covers(
    "SESSION-TRANSITION-06", "Publish request fails synchronously | unchanged (the error is returned to the caller)"
)
@covers("SESSION-TRANSITION-13", "is returned to the caller as an error response")
def test_a_publication_that_fails_at_once_leaves_the_session_open(owner: Principal, index: Target) -> None:
    doomed = failures.doom(owner, index)
    failures.fail_now(owner, doomed)
    steps.expect(owner, doomed.session.url, "open", "a publication that failed at once")


@covers("SESSION-TRANSITION-07", "Session canceled (DELETE) | canceled")
def test_cancellation_leads_from_open_to_canceled(owner: Principal, session: Session) -> None:
    steps.cancel(owner, session)
    steps.expect(owner, session.url, "canceled", "its cancellation")


@covers("SESSION-TRANSITION-07", "Session canceled (DELETE) | canceled")
def test_cancellation_leads_from_error_to_canceled(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    steps.cancel(owner, failed.session)
    steps.expect(owner, failed.session.url, "canceled", "its cancellation")


@covers("SESSION-TRANSITION-09", "processing | Deferred processing fails | error")
def test_a_publication_that_fails_later_leads_to_error(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    if index.simple is not None:
        public = simple.files(owner, index.simple, failed.release.project)
        if failed.artifact.filename in public:
            data = simple.download(owner, public[failed.artifact.filename])
            assert data != failed.artifact.data, "published by a publication that failed"


@covers("SESSION-TRANSITION-10", "processing | Cancellation requested | rejected with 409 Conflict")
def test_a_processing_session_is_not_canceled(owner: Principal, session: Session, release: Release) -> None:
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    answer = deferral.meanwhile(owner, session.url, lambda: owner.delete(session.url))
    assert answer.status == 409, f"the cancellation while processing was answered with {answer}"
    state = steps.session_state(owner, session)
    assert state in steps.PUBLISHED, f"{state} after a refused cancellation"


@covers("SESSION-TRANSITION-11", "error | A file is uploaded, replaced, or deleted | error")
def test_changes_of_files_leave_a_failed_session_in_error(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    session, release = failed.session, failed.release
    steps.delete(owner, failed.file)
    steps.expect(owner, session.url, "error", "a deletion")
    file = steps.stage(owner, session, release.sdist())
    steps.expect(owner, session.url, "error", "an upload")
    steps.delete(owner, file)
    steps.stage(owner, session, release.sdist(content="another"))
    steps.expect(owner, session.url, "error", "a replacement")


@covers("SESSION-TRANSITION-12", "error | Publish retried | processing or published")
def test_publication_can_be_retried_from_error(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    failed.repair(owner)
    answer = owner.post(failed.session.publish)
    assert answer.status in {201, 202}, f"the retried publication was refused: {answer}"
    state = steps.state(owner, failed.session.url)
    expected = steps.PUBLISHED | ({"processing"} if answer.status == 202 else set())
    assert state in expected, f"{state} after: {answer}"
    steps.session_state(owner, failed.session)


@covers(
    "SESSION-TRANSITION-14",
    "The error state is reached only when a publish that was accepted for deferred processing subsequently fails",
)
def test_no_refusal_leads_to_error(owner: Principal, session: Session, release: Release) -> None:
    file = steps.begin(owner, session, release.wheel())
    for url in (session.publish, file.complete, session.publish):
        owner.post(url)
        if url == file.complete:
            steps.file_state(owner, file)
        steps.expect(owner, session.url, "open", f"a refused POST to {url}")


@covers("SESSION-TRANSITION-14", "The error state is reached only when a publish that was accepted for deferred")
def test_no_publication_that_fails_at_once_leads_to_error(owner: Principal, index: Target) -> None:
    doomed = failures.doom(owner, index)
    for _ in range(2):
        failures.fail_now(owner, doomed)
        steps.expect(owner, doomed.session.url, "open", "a publication that failed at once")
