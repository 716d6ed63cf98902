"""PEP 694, "Complete a File Upload Session"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_staged.conformance import steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.wire import Principal


@covers(
    "FILE-COMPLETE-05",
    "the server should include a Location header pointing back to the file upload session status URL.",
)
def test_the_answer_points_to_the_status(owner: Principal, session: Session, release: Release) -> None:
    file = steps.begin(owner, session, release.wheel())
    steps.transfer(owner, file, release.wheel().data)
    answer = steps.complete(owner, file)
    assert answer.ok, f"the file was not completed: {answer}"
    assert answer.location == file.url, f"the completion is located at {answer.location}"


@covers(
    "FILE-COMPLETE-06",
    "Servers MUST allow clients to poll the file upload session status URL to watch for the status to change.",
)
def test_the_status_can_be_polled(owner: Principal, session: Session, release: Release) -> None:
    file = steps.begin(owner, session, release.wheel())
    seen = [steps.file_status(owner, file)["status"] for _ in range(3)]
    steps.transfer(owner, file, release.wheel().data)
    steps.complete(owner, file)
    seen += [steps.file_status(owner, file)["status"] for _ in range(3)]
    assert seen == ["pending"] * 3 + ["completed"] * 3, f"the status was, one after the other, {seen}"
    failed = steps.fail_completion(owner, session, release.sdist())
    seen = [steps.file_status(owner, failed)["status"] for _ in range(3)]
    assert seen == ["error"] * 3, f"the status was, one after the other, {seen}"


@covers("FILE-COMPLETE-09", "the session moves to the error state")
def test_a_failed_completion_is_seen_everywhere(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    file = steps.begin(owner, session, artifact)
    owner.send(file.file_url, bytes(len(artifact.data)))
    answer = owner.post(file.complete)
    assert answer.status == 202 or answer.status >= 400, f"a file with wrong bytes was completed: {answer}"
    if answer.status != 202:
        assert answer.json().get("status", answer.status) == answer.status, f"another status in the body: {answer}"
    state = steps.file_state(owner, file)
    assert state == "error", f"{state} after a completion that failed"
    mirrored = steps.staged_files(owner, session)[artifact.filename].get("status")
    assert mirrored == "error", f"a file in error is {mirrored} in its session"
