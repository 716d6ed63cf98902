"""PEP 694, "File Upload Session States": what each state means."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import deferral, simple, steps
from hatch_staged.conformance.artifacts import Release
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.steps import FileSession

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Artifact
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

_STATES = {"pending", "processing", "completed", "error", "canceled"}


@covers("FILE-STATE-01", "A file upload session is always in exactly one of the following states")
def test_a_file_is_in_one_of_the_states_at_any_time(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    file = steps.begin(owner, session, artifact)
    seen = [file.body.get("status"), steps.file_status(owner, file).get("status")]
    steps.transfer(owner, file, artifact.data)
    seen.append(steps.file_status(owner, file).get("status"))
    owner.post(file.complete)
    seen += [steps.file_status(owner, file).get("status"), steps.file_state(owner, file)]
    failed = steps.fail_completion(owner, session, release.sdist())
    seen.append(steps.file_status(owner, failed).get("status"))
    steps.delete(owner, file)
    last = steps.state(owner, file.url)
    assert all(state in _STATES for state in seen), f"a file upload session was in the states {seen}"
    assert last in steps.CANCELED, f"a deleted file is {last}"


@covers("FILE-STATE-02", "The same value is reflected for the file in the files mapping")
def test_the_session_mirrors_the_state_of_its_file(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    file = steps.begin(owner, session, artifact)
    _require_mirrored(owner, session, file, artifact)
    steps.transfer(owner, file, artifact.data)
    _require_mirrored(owner, session, file, artifact)
    steps.complete(owner, file)
    _require_mirrored(owner, session, file, artifact)
    failed = steps.fail_completion(owner, session, release.sdist())
    _require_mirrored(owner, session, failed, release.sdist())


@covers("FILE-STATE-02", "The same value is reflected for the file in the files mapping")
def test_the_session_mirrors_a_file_in_processing(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    file = steps.begin(owner, session, artifact)
    steps.transfer(owner, file, artifact.data)
    deferral.complete(owner, file)
    mirrored = steps.staged_files(owner, session)[artifact.filename].get("status")
    deferral.require_processing(owner, file.url)
    assert mirrored == "processing", f"the file is in processing, and its session says {mirrored}"


@covers("FILE-STATE-02", "a canceled or deleted file is removed from that mapping altogether")
@pytest.mark.parametrize("state", ["pending", "completed", "error"])
def test_a_deleted_file_is_not_in_the_session(owner: Principal, session: Session, release: Release, state: str) -> None:
    file = steps.bring(owner, session, release.wheel(), state)
    steps.delete(owner, file)
    assert not steps.staged_files(owner, session), f"a file that was deleted from {state} is still in the session"


@covers("FILE-STATE-03", "A newly created session starts in this state and remains in it until the client completes")
def test_a_file_is_pending_until_it_is_completed(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    file = steps.begin(owner, session, artifact)
    assert file.body.get("status") == "pending", f"created as {file.body.get('status')}"
    steps.expect(owner, file.url, "pending", "its creation")
    steps.transfer(owner, file, artifact.data)
    status = steps.file_status(owner, file)["status"]
    assert status == "pending", f"{status} before its completion was requested"
    beside = owner.post(session.upload, release.sdist().request())
    # "The server MAY allow parallel uploads of files, but is not required to."
    if beside.ok:
        steps.finish(owner, FileSession(beside.json()), release.sdist())
        status = steps.file_status(owner, file)["status"]
        assert status == "pending", f"{status} after the completion of another file"


@covers("FILE-STATE-04", "A file whose upload is still pending cannot be replaced.")
def test_a_pending_file_cannot_be_replaced(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    file = steps.begin(owner, session, artifact)
    answer = owner.post(session.upload, release.wheel(content="another").request())
    assert answer.refused, f"a pending file was replaced: {answer}"
    steps.finish(owner, file, artifact)


@covers("FILE-STATE-05", "the server accepted the request for deferred processing, returning a 202 Accepted")
def test_a_file_is_processing_after_a_deferred_completion(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    file = steps.begin(owner, session, artifact)
    steps.transfer(owner, file, artifact.data)
    deferral.complete(owner, file)
    status = steps.file_status(owner, file)["status"]
    assert status in {"processing", "completed"}, f"{status} after 202 Accepted"
    if status == "completed":
        pytest.skip("the index was done too soon to see it processing")


@covers("FILE-STATE-07", "The file has been fully uploaded, validated, and accepted into the publishing session.")
def test_a_completed_file_is_in_the_session(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    steps.stage(owner, session, artifact)
    status = steps.staged_files(owner, session)[artifact.filename].get("status")
    assert status == "completed", f"a completed file is {status} in its session"
    if session.stage is not None:
        listed = simple.files(owner, session.stage, release.project)[artifact.filename]
        assert simple.download(owner, listed) == artifact.data, "the staged file has other bytes"


@covers("FILE-STATE-07", "The file has been fully uploaded, validated, and accepted into the publishing session.")
@pytest.mark.parametrize("sent", ["nothing", "too few", "too many", "others"])
def test_a_file_is_not_completed_with_other_bytes(
    owner: Principal, session: Session, release: Release, sent: str
) -> None:
    artifact = release.wheel()
    file = steps.begin(owner, session, artifact)
    data = {
        "too few": artifact.data[:-1],
        "too many": artifact.data + b"\0",
        "others": artifact.data[:-1] + bytes([artifact.data[-1] ^ 1]),
    }
    if sent != "nothing":
        owner.send(file.file_url, data[sent])
    _require_failure(owner, file, f"{sent} of its bytes")


@covers("FILE-STATE-07", "The file has been fully uploaded, validated, and accepted into the publishing session.")
def test_every_hash_of_a_file_is_validated(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    hashes = {**artifact.hashes, "sha512": hashlib.sha512(b"another").hexdigest()}
    answer = owner.post(session.upload, artifact.request(hashes=hashes))
    assert answer.status == 202, f"an upload with two hashes could not be begun: {answer}"
    file = FileSession(answer.json())
    owner.send(file.file_url, artifact.data)
    _require_failure(owner, file, "a wrong second hash")


@covers("FILE-STATE-07", "The file has been fully uploaded, validated, and accepted into the publishing session.")
@pytest.mark.parametrize("difference", ["version", "project"])
def test_a_file_of_another_release_is_not_completed(
    owner: Principal, session: Session, release: Release, difference: str
) -> None:
    # "A file with a mismatched version always fails, regardless of upload timing or order."
    other = Release(release.project, "2.0") if difference == "version" else Release(f"{release.project}-x")
    artifact = other.wheel()
    answer = owner.post(session.upload, artifact.request())
    if not answer.refused:
        file = FileSession(answer.json())
        owner.send(file.file_url, artifact.data)
        _require_failure(owner, file, f"another {difference}")


@covers("FILE-STATE-07", "The file has been fully uploaded, validated, and accepted into the publishing session.")
def test_a_completed_file_keeps_its_bytes(owner: Principal, index: Target, session: Session, release: Release) -> None:
    root = index.require_simple()
    artifact = release.wheel()
    file = steps.stage(owner, session, artifact)
    sent = owner.send(file.file_url, bytes(len(artifact.data)))
    state = steps.file_state(owner, file)
    assert state == "completed", f"a completed file became {state} after: {sent}"
    steps.publish(owner, session)
    listed = simple.files(owner, root, release.project)[artifact.filename]
    assert simple.download(owner, listed) == artifact.data, f"published with bytes that nobody validated: {sent}"


@covers("FILE-STATE-08", "This is the only state from which a file may be published.")
@pytest.mark.parametrize("state", ["pending", "error"])
def test_only_completed_files_can_be_published(
    owner: Principal, session: Session, release: Release, state: str
) -> None:
    file = steps.bring(owner, session, release.wheel(), state)
    answer = owner.post(session.publish)
    assert answer.status == 409, f"published with a file in {state}: {answer}"
    steps.delete(owner, file)
    steps.stage(owner, session, release.wheel())
    steps.publish(owner, session)


@covers("FILE-STATE-09", "which removes it from the publishing session and moves this session to canceled.")
def test_a_completed_file_can_be_deleted(owner: Principal, index: Target, session: Session, release: Release) -> None:
    kept, deleted = release.wheel(), release.sdist()
    steps.stage(owner, session, kept)
    file = steps.stage(owner, session, deleted)
    steps.delete(owner, file)
    assert list(steps.staged_files(owner, session)) == [kept.filename], "a deleted file is still in the session"
    state = steps.state(owner, file.url)
    assert state in steps.CANCELED, f"{state} after its deletion"
    if session.stage is not None:
        listed = simple.files(owner, session.stage, release.project)
        assert deleted.filename not in listed, "a deleted file is still on the stage"
    steps.publish(owner, session)
    if index.simple is not None:
        public = simple.files(owner, index.simple, release.project)
        assert set(public) == {kept.filename}, f"published are {sorted(public)}"


@covers("FILE-STATE-10", "The upload failed and the file is not in a usable state.")
def test_a_failed_file_cannot_be_used(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    steps.fail_completion(owner, session, artifact)
    answer = owner.post(session.publish)
    assert answer.refused, f"published with a file in error: {answer}"
    if session.stage is not None:
        listed = simple.files(owner, session.stage, release.project)
        assert artifact.filename not in listed, "a file in error is on the stage"


@covers("FILE-STATE-12", "A file upload session enters error whenever a completion attempt fails")
@pytest.mark.parametrize("sent", ["others", "nothing"])
def test_a_completion_that_fails_leads_to_error(
    owner: Principal, session: Session, release: Release, sent: str
) -> None:
    file = steps.begin(owner, session, release.wheel())
    if sent == "others":
        owner.send(file.file_url, bytes(len(release.wheel().data)))
    answer = owner.post(file.complete)
    state = steps.file_state(owner, file)
    assert state == "error", f"{state} after a completion with {sent} of its bytes: {answer}"


@covers("FILE-STATE-13", "The session was canceled (an in-progress upload) or its completed file was deleted.")
@pytest.mark.parametrize("state", ["pending", "completed"])
def test_a_deleted_file_is_canceled(owner: Principal, session: Session, release: Release, state: str) -> None:
    file = steps.bring(owner, session, release.wheel(), state)
    steps.delete(owner, file)
    steps.expect(owner, file.url, "canceled", f"its deletion from {state}")


@covers("FILE-STATE-15", "Only canceled is terminal. Both completed and error still permit a DELETE")
@pytest.mark.parametrize("state", ["completed", "error"])
def test_nothing_leads_out_of_canceled(owner: Principal, session: Session, release: Release, state: str) -> None:
    artifact = release.wheel()
    file = steps.bring(owner, session, artifact, state)
    steps.delete(owner, file)
    for answer in (owner.send(file.file_url, artifact.data), owner.post(file.complete)):
        assert answer.refused, f"a canceled file was changed: {answer}"
    state = steps.state(owner, file.url)
    assert state in steps.CANCELED, f"a canceled file became {state}"
    assert not steps.staged_files(owner, session), "a canceled file is in the session again"


@covers("FILE-STATE-16", "from error, deletion is the only forward action.")
def test_a_failed_file_can_only_be_deleted(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    file = steps.fail_completion(owner, session, artifact)
    before = steps.file_status(owner, file)
    for answer in (owner.send(file.file_url, artifact.data), owner.post(file.complete)):
        assert answer.refused, f"a file in error was changed: {answer}"
    if file.extend is not None:
        answer = steps.extend(owner, file.extend, 3600)
        assert steps.is_unchanged(answer, before), f"a file in error was extended: {answer}"
    state = steps.file_state(owner, file)
    assert state == "error", f"a file in error became {state}"
    steps.delete(owner, file)


def _require_mirrored(owner: Principal, session: Session, file: FileSession, artifact: Artifact) -> None:
    own = steps.file_status(owner, file).get("status")
    mirrored = steps.staged_files(owner, session)[artifact.filename].get("status")
    assert own == mirrored, f"the file says that it is {own}, and its session says {mirrored}"


def _require_failure(owner: Principal, file: FileSession, why: str) -> None:
    answer = owner.post(file.complete)
    state = steps.file_state(owner, file)
    assert state != "completed", f"completed with {why}: {answer}"
