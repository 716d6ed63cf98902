"""PEP 694, "Publishing Session Cancellation"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import deferral, failures, simple, steps
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.timestamps import seconds_left
from hatch_staged.conformance.wire import MEDIA_TYPE

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Principal

_WEEK = 7 * 24 * 60 * 60
# Nobody's clock is right (seconds).
_TOLERANCE = 600


@covers("SESSION-CANCEL-02", "The server then marks the session as canceled")
@covers("SESSION-CANCEL-06", "it continues to report the canceled status for an index-specific period")
def test_a_canceled_session_says_so(owner: Principal, session: Session, release: Release) -> None:
    steps.stage(owner, session, release.wheel())
    steps.cancel(owner, session)
    for _ in range(3):
        steps.expect(owner, session.url, "canceled", "its cancellation")


@covers("SESSION-CANCEL-03", "SHOULD purge any data that was uploaded as part of that session.")
def test_what_was_uploaded_to_a_canceled_session_is_gone(owner: Principal, session: Session, release: Release) -> None:
    artifact = release.wheel()
    steps.stage(owner, session, artifact)
    urls = {str(steps.staged_files(owner, session)[artifact.filename].get("link"))}
    if session.stage is not None:
        urls |= {listed.url for listed in simple.files(owner, session.stage, release.project).values()}
    served = [url for url in urls if owner.follow(url).content == artifact.data]
    if not served:
        pytest.skip("the index does not serve staged files")
    steps.cancel(owner, session)
    for url in served:
        answer = owner.follow(url)
        assert not answer.ok, f"a file of a canceled session is still served at {url}"


@covers("SESSION-CANCEL-04", "SHOULD become unavailable")
@pytest.mark.parametrize("name", ["upload", "publish", "extend", "stage", "file"])
def test_the_urls_of_a_canceled_session_become_unavailable(
    owner: Principal, session: Session, release: Release, name: str
) -> None:
    artifact = release.wheel()
    if session.body["links"].get(name) is None and name != "file":
        pytest.skip(f"there is no links.{name}")
    steps.stage(owner, session, artifact)
    link = str(steps.staged_files(owner, session)[artifact.filename].get("link"))
    steps.cancel(owner, session)
    answer = {
        "upload": lambda: owner.post(session.upload, release.sdist().request()),
        "publish": lambda: owner.post(session.publish),
        "extend": lambda: steps.extend(owner, str(session.extend), 60),
        "stage": lambda: simple.page(owner, str(session.stage), release.project),
        "file": lambda: owner.follow(link, Content_Type=MEDIA_TYPE),
    }[name]()
    # A file URL may be that of the file's status, which may be served as long as the session's.
    told = name == "file" and answer.ok and answer.content != artifact.data and _says(answer, "canceled")
    assert answer.refused or told, f"{name} of a canceled session is available: {answer}"


@covers("SESSION-CANCEL-08", "Cancellation is only permitted while the session is open or in the error state.")
def test_a_published_session_cannot_be_canceled(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    steps.stage(owner, session, release.wheel())
    steps.publish(owner, session)
    answer = owner.delete(session.url)
    assert answer.refused, f"a published session was canceled: {answer}"
    state = steps.session_state(owner, session)
    assert state in steps.PUBLISHED, f"a published session became {state}"
    if index.simple is not None:
        public = simple.files(owner, index.simple, release.project)
        assert release.wheel().filename in public, "a published file is gone"


@covers("SESSION-CANCEL-08", "Cancellation is only permitted while the session is open or in the error state.")
def test_a_session_in_error_can_be_canceled(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    steps.cancel(owner, failed.session)
    state = steps.state(owner, failed.session.url)
    assert state in steps.CANCELED, f"{state} after its cancellation"


@covers("SESSION-CANCEL-08", "Cancellation is only permitted while the session is open or in the error state.")
@covers("SESSION-CANCEL-09", "the server MUST reject the cancellation with a 409 Conflict")
def test_a_processing_session_cannot_be_canceled(owner: Principal, session: Session, release: Release) -> None:
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    answer = deferral.meanwhile(owner, session.url, lambda: owner.delete(session.url))
    assert answer.status == 409, f"the cancellation while processing was answered with {answer}"
    answer.json()
    state = steps.session_state(owner, session)
    assert state in steps.PUBLISHED, f"{state} after a refused cancellation"


@covers("SESSION-CANCEL-11", "Cancellation is otherwise permitted regardless of the states of the session's files.")
@pytest.mark.parametrize("state", ["pending", "completed", "error"])
def test_a_session_can_be_canceled_with_a_file_in_any_state(
    owner: Principal, session: Session, release: Release, state: str
) -> None:
    steps.bring(owner, session, release.wheel(), state)
    steps.cancel(owner, session)
    seen = steps.state(owner, session.url)
    assert seen in steps.CANCELED, f"{seen} after the cancellation with a file in {state}"


@covers("SESSION-CANCEL-15", "All of the session's file upload sessions are considered canceled")
@pytest.mark.parametrize("state", ["pending", "completed", "error"])
def test_the_files_of_a_canceled_session_are_canceled(
    owner: Principal, session: Session, release: Release, state: str
) -> None:
    artifact = release.wheel()
    file = steps.bring(owner, session, artifact, state)
    steps.cancel(owner, session)
    seen = steps.state(owner, file.url)
    assert seen in steps.CANCELED, f"a file of a canceled session is {seen}"
    for answer in (owner.send(file.file_url, artifact.data), owner.post(file.complete)):
        assert answer.refused, f"a file of a canceled session was changed: {answer}"


@covers(
    "SESSION-CANCEL-12",
    "a session MUST NOT be refused cancellation because one or more of its file upload sessions is in the processing "
    "state.",
)
@covers("SESSION-CANCEL-13", "canceling the session guarantees that nothing will be published")
def test_a_session_can_be_canceled_with_a_file_in_processing(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    artifact = release.wheel()
    file = steps.begin(owner, session, artifact)
    steps.transfer(owner, file, artifact.data)
    deferral.complete(owner, file)
    answer = deferral.meanwhile(owner, file.url, lambda: owner.delete(session.url))
    assert answer.ok, f"the cancellation was refused with a file in processing: {answer}"
    state = steps.file_state(owner, file)
    assert state in steps.CANCELED, f"a file of a canceled session became {state}"
    state = steps.session_state(owner, session)
    assert state in steps.CANCELED, f"a canceled session became {state}"
    status = owner.get(session.url)
    assert not status.ok or not status.json().get("files"), f"a canceled session has files: {status}"
    if index.simple is not None:
        public = simple.files(owner, index.simple, release.project)
        assert not public, f"a canceled session has published {sorted(public)}"


@covers("SESSION-CANCEL-13", "canceling the session guarantees that nothing will be published")
def test_nothing_of_a_canceled_session_is_published(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    root = index.require_simple()
    steps.stage(owner, session, release.wheel())
    steps.cancel(owner, session)
    answer = owner.post(session.publish)
    assert answer.refused, f"a canceled session was published: {answer}"
    public = simple.files(owner, root, release.project)
    assert not public, f"a canceled session has published {sorted(public)}"


@covers("SESSION-CANCEL-17", "It is recommended that servers expunge their sessions after no less than a week")
def test_a_session_lives_for_a_week(owner: Principal, index: Target, session: Session) -> None:
    if index.patience:
        pytest.skip("with --patience, sessions are short-lived on purpose")
    left = seconds_left(owner.get(session.url))
    assert left >= _WEEK - _TOLERANCE, f"a new session expires in {left:.0f} seconds"


def _says(answer: Answer, state: str) -> bool:
    return answer.ok and answer.json().get("status") == state
