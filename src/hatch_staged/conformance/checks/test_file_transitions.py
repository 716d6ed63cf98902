"""PEP 694, "File Upload Session States": its table of transitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import deferral, steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Principal


@pytest.fixture
def file(owner: Principal, session: Session, release: Release) -> FileSession:
    """Return a file upload session for the wheel of `release`."""
    return steps.begin(owner, session, release.wheel())


@covers("FILE-TRANSITION-01", "(none) | File upload session created (202 Accepted) | pending")
def test_creation_leads_to_pending(owner: Principal, file: FileSession) -> None:
    steps.expect(owner, file.url, "pending", "its creation")


@covers("FILE-TRANSITION-02", "pending | Upload mechanism executes (bytes transferred) | pending")
def test_bytes_leave_a_file_pending(owner: Principal, file: FileSession, release: Release) -> None:
    steps.transfer(owner, file, release.wheel().data)
    steps.expect(owner, file.url, "pending", "the transfer of its bytes")


@covers("FILE-TRANSITION-03", "pending | Completion request completed immediately (201 Created) | completed")
def test_an_immediate_completion_leads_to_completed(owner: Principal, file: FileSession, release: Release) -> None:
    steps.transfer(owner, file, release.wheel().data)
    answer = owner.post(file.complete)
    if answer.status == 202:
        pytest.skip("the index completes files later")
    assert answer.status == 201, f"the completion was neither done nor deferred: {answer}"
    steps.expect(owner, file.url, "completed", "201 Created")


@covers(
    "FILE-TRANSITION-04", "pending | Completion request accepted for deferred processing (202 Accepted) | processing"
)
@covers("FILE-TRANSITION-07", "processing | Deferred processing succeeds | completed")
def test_a_deferred_completion_leads_to_processing_and_then_to_completed(
    owner: Principal, file: FileSession, release: Release
) -> None:
    steps.transfer(owner, file, release.wheel().data)
    deferral.complete(owner, file)
    state = steps.file_status(owner, file)["status"]
    assert state in {"processing", "completed"}, f"{state} after 202 Accepted"
    settled = steps.file_state(owner, file)
    assert settled == "completed", f"{settled} after processing"
    if state == "completed":
        pytest.skip("the index was done too soon to see it processing")


@covers("FILE-TRANSITION-05", "pending | Completion request fails synchronously | error")
def test_a_completion_that_fails_at_once_leads_to_error(owner: Principal, file: FileSession, release: Release) -> None:
    answer = _complete_wrongly(owner, file, release)
    if answer.status == 202:
        pytest.skip("the index completes files later")
    assert answer.status >= 400, f"a file with wrong bytes was completed: {answer}"
    steps.expect(owner, file.url, "error", "a completion that failed")


@covers("FILE-TRANSITION-06", "pending | Cancellation requested (DELETE) | canceled")
def test_cancellation_leads_from_pending_to_canceled(owner: Principal, file: FileSession) -> None:
    steps.delete(owner, file)
    steps.expect(owner, file.url, "canceled", "its cancellation")


@covers("FILE-TRANSITION-08", "processing | Deferred processing fails | error")
def test_a_completion_that_fails_later_leads_to_error(owner: Principal, file: FileSession, release: Release) -> None:
    answer = _complete_wrongly(owner, file, release)
    if answer.status >= 400:
        pytest.skip("the index completes files immediately")
    assert answer.status == 202, f"a file with wrong bytes was completed: {answer}"
    state = steps.file_status(owner, file)["status"]
    assert state in {"processing", "error"}, f"{state} after 202 Accepted"
    settled = steps.file_state(owner, file)
    assert settled == "error", f"{settled} after processing that had to fail"


@covers("FILE-TRANSITION-09", "processing | Cancellation requested | rejected with 409 Conflict")
def test_a_file_in_processing_is_not_canceled(owner: Principal, index: Target) -> None:
    found, answer = deferral.while_processing(owner, index.root, lambda found: owner.delete(found.file.url))
    assert answer.status == 409, f"the cancellation while processing was answered with {answer}"
    settled = steps.file_state(owner, found.file)
    assert settled == "completed", f"{settled} after a refused cancellation"


@covers("FILE-TRANSITION-10", "completed | File deleted (DELETE) | canceled")
def test_deletion_leads_from_completed_to_canceled(owner: Principal, file: FileSession, release: Release) -> None:
    steps.finish(owner, file, release.wheel())
    steps.delete(owner, file)
    steps.expect(owner, file.url, "canceled", "its deletion")


@covers("FILE-TRANSITION-11", "error | File deleted (DELETE) | canceled")
def test_deletion_leads_from_error_to_canceled(owner: Principal, session: Session, release: Release) -> None:
    file = steps.fail_completion(owner, session, release.sdist())
    steps.delete(owner, file)
    steps.expect(owner, file.url, "canceled", "its deletion")


@covers(
    "FILE-TRANSITION-12",
    "a file upload session treats any completion failure as unrecoverable for that file",
)
def test_a_failed_file_cannot_be_completed_with_the_right_bytes(
    owner: Principal, session: Session, release: Release
) -> None:
    artifact = release.sdist()
    file = steps.fail_completion(owner, session, artifact)
    owner.send(file.file_url, artifact.data)
    answer = owner.post(file.complete)
    assert answer.refused, f"a file in error was completed: {answer}"
    steps.expect(owner, file.url, "error", "another attempt to complete it")


@covers("FILE-TRANSITION-13", "from which the client deletes the file and starts over.")
def test_a_failed_file_can_be_deleted_and_uploaded_again(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.sdist()
    failed = steps.fail_completion(owner, session, artifact)
    steps.delete(owner, failed)
    again = steps.stage(owner, session, artifact)
    steps.expect(owner, again.url, "completed", "the second upload")
    state = steps.state(owner, failed.url)
    assert state in steps.CANCELED, f"the first upload is {state} after the second"


def _complete_wrongly(owner: Principal, file: FileSession, release: Release) -> Answer:
    owner.send(file.file_url, bytes(len(release.wheel().data)))
    return owner.post(file.complete)
