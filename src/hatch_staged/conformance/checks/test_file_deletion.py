"""PEP 694, "Cancellation and Deletion"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import deferral, steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal


@covers("FILE-DELETE-03", "A successful deletion request MUST respond with a 204 No Content.")
@covers("FILE-DELETE-04", "completed (deleting an uploaded file), or error (discarding a failed upload).")
@pytest.mark.parametrize("state", ["pending", "completed", "error"])
def test_a_file_is_deleted_without_content(owner: Principal, session: Session, release: Release, state: str) -> None:
    answer = owner.delete(steps.bring(owner, session, release.wheel(), state).url)
    assert answer.status == 204, f"the deletion of a file in {state} was answered with {answer}"
    assert not answer.content, f"204 No Content has content: {answer}"


@covers("FILE-DELETE-04", "A DELETE is permitted while the session is pending (canceling an in-progress upload)")
def test_an_upload_can_be_canceled_after_its_bytes_were_sent(
    owner: Principal, session: Session, release: Release
) -> None:
    file = steps.begin(owner, session, release.wheel())
    steps.transfer(owner, file, release.wheel().data)
    steps.delete(owner, file)
    assert not steps.staged_files(owner, session), "a canceled upload is still in the session"


@covers("FILE-DELETE-05", "the server MUST reject the DELETE with a 409 Conflict")
def test_a_file_in_processing_cannot_be_deleted(owner: Principal, index: Target) -> None:
    found, answer = deferral.while_processing(owner, index.root, lambda found: owner.delete(found.file.url))
    assert answer.status == 409, f"the deletion of a file in processing was answered with {answer}"
    answer.json()
    listed = steps.staged_files(owner, found.session)
    assert found.artifact.filename in listed, "a refused deletion removed the file"
    steps.file_state(owner, found.file)
    steps.delete(owner, found.file)
