"""PEP 694, "Publishing Session States": open, processing and error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import deferral, failures, simple, stages, steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

_STATES = {"open", "processing", "published", "error", "canceled"}


@covers(
    "SESSION-STATE-01",
    "A publishing session is always in exactly one of the following states, reported by the status key",
)
def test_a_session_is_in_one_of_the_states_at_any_time(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    seen = [session.body.get("status"), steps.session_status(owner, session).get("status")]
    steps.stage(owner, session, release.wheel())
    seen.append(steps.session_status(owner, session).get("status"))
    steps.fail_completion(owner, session, release.sdist())
    seen.append(steps.session_status(owner, session).get("status"))
    steps.cancel(owner, session)
    ended = [steps.state(owner, session.url)]
    published = steps.open_session(owner, index.root, release)
    steps.stage(owner, published, release.wheel())
    owner.post(published.publish)
    ended += [steps.state(owner, published.url), steps.session_state(owner, published)]
    assert all(state in _STATES for state in seen), f"a session was in the states {seen}"
    assert all(state in _STATES | {steps.GONE} for state in ended), f"a session was in the states {ended}"


@covers("SESSION-STATE-02", "Files can be uploaded, replaced, and deleted")
def test_files_of_an_open_session_can_be_uploaded_replaced_and_deleted(
    owner: Principal, session: Session, release: Release
) -> None:
    file = steps.stage(owner, session, release.wheel())
    assert release.wheel().filename in steps.staged_files(owner, session), "an uploaded file is not in the session"
    steps.delete(owner, file)
    assert not steps.staged_files(owner, session), "a deleted file is still in the session"
    steps.stage(owner, session, release.wheel(content="another"))
    assert release.wheel().filename in steps.staged_files(owner, session), "a replaced file is not in the session"


@covers("SESSION-STATE-02", "the session can be previewed")
def test_an_open_session_can_be_previewed(owner: Principal, session: Session, release: Release) -> None:
    stage = stages.require_stage(session)
    steps.stage(owner, session, release.wheel())
    assert release.wheel().filename in simple.files(owner, stage, release.project), "the stage does not list the file"


@covers("SESSION-STATE-02", "extended")
def test_an_open_session_can_be_extended(owner: Principal, session: Session) -> None:
    if session.extend is None:
        pytest.skip("the index does not extend sessions")
    answer = steps.extend(owner, session.extend)
    assert answer.ok, f"an open session was not extended: {answer}"


@covers("SESSION-STATE-02", "it can be published or canceled")
def test_an_open_session_can_be_published(owner: Principal, session: Session, release: Release) -> None:
    steps.stage(owner, session, release.wheel())
    steps.publish(owner, session)


@covers("SESSION-STATE-02", "it can be published or canceled")
def test_an_open_session_without_files_can_be_published(owner: Principal, session: Session) -> None:
    # "publish the session without uploading any files" is how the PEP registers a name.
    steps.publish(owner, session)


@covers("SESSION-STATE-02", "it can be published or canceled")
def test_an_open_session_can_be_canceled(owner: Principal, session: Session) -> None:
    steps.cancel(owner, session)
    state = steps.state(owner, session.url)
    assert state in steps.CANCELED, f"{state} after its cancellation"


@covers("SESSION-STATE-03", "A newly created session starts in this state.")
def test_a_new_session_is_open(owner: Principal, session: Session) -> None:
    assert session.body.get("status") == "open", f"created as {session.body.get('status')}"
    status = steps.session_status(owner, session)["status"]
    assert status == "open", f"{status} after its creation"


@covers("SESSION-STATE-04", "the server accepted the request for deferred processing, returning a 202 Accepted")
def test_a_session_is_processing_after_a_deferred_publish_request(
    owner: Principal, session: Session, release: Release
) -> None:
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    state = steps.state(owner, session.url)
    assert state in {"processing"} | steps.PUBLISHED, f"{state} after 202 Accepted"
    if state != "processing":
        pytest.skip("the index was done too soon to see it processing")


@covers("SESSION-STATE-05", "The session is no longer accepting changes while the server validates and processes it.")
def test_a_processing_session_takes_no_upload(owner: Principal, session: Session, release: Release) -> None:
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    answer = deferral.meanwhile(owner, session.url, lambda: owner.post(session.upload, release.sdist().request()))
    assert answer.refused, f"an upload was begun while the session is processing: {answer}"
    _require_files_of(owner, session, release)


@covers("SESSION-STATE-05", "The session is no longer accepting changes while the server validates and processes it.")
def test_no_file_of_a_processing_session_can_be_deleted(owner: Principal, session: Session, release: Release) -> None:
    file = steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    answer = deferral.meanwhile(owner, session.url, lambda: owner.delete(file.url))
    assert answer.refused, f"a file was deleted while the session is processing: {answer}"
    _require_files_of(owner, session, release)


@covers("SESSION-STATE-05", "The session is no longer accepting changes while the server validates and processes it.")
def test_a_processing_session_is_not_extended(owner: Principal, session: Session, release: Release) -> None:
    if session.extend is None:
        pytest.skip("the index does not extend sessions")
    extend = session.extend
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    before = steps.session_status(owner, session)
    answer = deferral.meanwhile(owner, session.url, lambda: steps.extend(owner, extend))
    assert steps.is_unchanged(answer, before), f"extended while the session is processing: {answer}"


@covers(
    "SESSION-STATE-06",
    "This is a transitional state; the client polls the session status until it resolves to published or error.",
)
def test_processing_resolves_to_published_or_error(owner: Principal, session: Session, release: Release) -> None:
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    state = steps.session_state(owner, session)
    assert state in {"error"} | steps.PUBLISHED, f"processing became {state}"


@covers("SESSION-STATE-09", "The most recent deferred publish attempt failed.")
@covers("SESSION-STATE-11", "The human-readable reason MUST be reported in the session's notices")
def test_the_reason_of_a_failed_publication_is_in_the_notices(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    status = steps.session_status(owner, failed.session)
    assert any(notice.strip() for notice in steps.notices(status)), f"no notice says why: {status}"


@covers("SESSION-STATE-12", "where the failure is attributable to a particular file, in that file's notices")
def test_the_reason_is_in_the_notices_of_the_file_that_is_to_blame(owner: Principal, index: Target) -> None:
    failures.require_blame(owner, index)


@covers("SESSION-STATE-10", "it permits exactly the same operations as open")
def test_a_failed_session_is_as_editable_as_an_open_one(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    release, session = failed.release, failed.session
    steps.delete(owner, failed.file)
    file = steps.stage(owner, session, release.sdist())
    steps.delete(owner, file)
    replacement = release.sdist(content="another")
    steps.stage(owner, session, replacement)
    assert list(steps.staged_files(owner, session)) == [replacement.filename], "the session does not have what it took"
    if session.extend is not None:
        answer = steps.extend(owner, session.extend)
        assert answer.ok, f"a session in error was not extended: {answer}"
    if session.stage is not None:
        listed = simple.files(owner, session.stage, release.project)
        assert replacement.filename in listed, f"the stage of a session in error lists {sorted(listed)}"


@covers("SESSION-STATE-13", "From this state the client can address the problem and publish again")
def test_a_failed_session_can_be_repaired_and_published(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    failed.repair(owner)
    steps.publish(owner, failed.session)


@covers("SESSION-STATE-13", "or cancel the session.")
def test_a_failed_session_can_be_canceled(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    steps.cancel(owner, failed.session)
    state = steps.state(owner, failed.session.url)
    assert state in steps.CANCELED, f"{state} after its cancellation"


def _require_files_of(owner: Principal, session: Session, release: Release) -> None:
    """Fail if the session, which is being published or was, has other files than the wheel of `release`."""
    answer = owner.get(session.url)
    if answer.ok:
        files = list(answer.json().get("files", {}))
        assert files == [release.wheel().filename], f"the session has the files {files}"
