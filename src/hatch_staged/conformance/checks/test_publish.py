"""PEP 694, "Complete a Publishing Session"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import deferral, failures, simple, steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_staged.conformance.artifacts import Artifact, Release
    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Principal

# Of a problem (RFC 9457, and what the PEP adds): the names of all members state nothing, and these are about any file.
_MEMBERS = {"type", "title", "status", "detail", "details", "instance", "meta", "api-version", "errors"}
_GENERAL = {"type", "title", "status", "instance", "meta"}


@covers(
    "SESSION-PUBLISH-03", "Every file in the session MUST have finished uploading before the session can be published."
)
def test_a_session_can_be_published_once_its_last_file_is_uploaded(
    owner: Principal, session: Session, release: Release
) -> None:
    artifact = release.wheel()
    steps.stage(owner, session, release.sdist())
    file = steps.begin(owner, session, artifact)
    before = owner.post(session.publish)
    assert before.refused, f"published before a file was sent: {before}"
    steps.transfer(owner, file, artifact.data)
    sent = owner.post(session.publish)
    assert sent.refused, f"published before a file was completed: {sent}"
    steps.complete(owner, file)
    steps.publish(owner, session)


@covers("SESSION-PUBLISH-04", "the server MUST reject the publish request with a 409 Conflict error response")
@covers("SESSION-PUBLISH-05", "identifying the offending file(s) and their current states")
@covers("SESSION-PUBLISH-06", "leave the session in its current editable state.")
@pytest.mark.parametrize("state", ["pending", "error"])
def test_a_file_that_is_not_completed_is_refused_by_name_and_state(
    owner: Principal, session: Session, release: Release, state: str
) -> None:
    artifact = release.wheel()
    steps.stage(owner, session, release.sdist())
    file = steps.bring(owner, session, artifact, state)
    answer = owner.post(session.publish)
    assert answer.status == 409, f"published with a file in {state}: {answer}"
    _require_reason(answer, artifact, state)
    _require_editable(owner, session, file, artifact)


@covers("SESSION-PUBLISH-04", "the server MUST reject the publish request with a 409 Conflict error response")
@covers("SESSION-PUBLISH-05", "identifying the offending file(s) and their current states")
@covers("SESSION-PUBLISH-06", "leave the session in its current editable state.")
def test_a_file_in_processing_is_refused_by_name_and_state(owner: Principal, index: Target) -> None:
    found, answer = deferral.while_processing(owner, index.root, lambda found: owner.post(found.session.publish))
    assert answer.status == 409, f"published with a file in processing: {answer}"
    _require_reason(answer, found.artifact, "processing")
    steps.file_state(owner, found.file)
    _require_editable(owner, found.session, found.file, found.artifact)
    steps.publish(owner, found.session)


@covers("SESSION-PUBLISH-05", "identifying the offending file(s) and their current states")
def test_all_files_that_are_not_completed_are_named(owner: Principal, session: Session, release: Release) -> None:
    pending, failed = release.wheel(), release.sdist()
    steps.fail_completion(owner, session, failed)
    steps.begin(owner, session, pending)
    answer = owner.post(session.publish)
    _require_reason(answer, pending, "pending")
    _require_reason(answer, failed, "error")


@covers(
    "SESSION-PUBLISH-08",
    "a file in any other state blocks publication rather than being silently included or silently dropped.",
)
@pytest.mark.parametrize("state", ["pending", "error"])
def test_a_file_that_is_not_completed_is_neither_published_nor_dropped(
    owner: Principal, index: Target, session: Session, release: Release, state: str
) -> None:
    completed, other = release.sdist(), release.wheel()
    steps.stage(owner, session, completed)
    if state == "pending":
        steps.transfer(owner, steps.begin(owner, session, other), other.data)
    else:
        steps.fail_completion(owner, session, other)
    answer = owner.post(session.publish)
    assert answer.refused, f"published with a file in {state}: {answer}"
    staged = {name: entry.get("status") for name, entry in steps.staged_files(owner, session).items()}
    assert staged == {completed.filename: "completed", other.filename: state}, f"after the refusal: {staged}"
    if index.simple is not None:
        public = simple.files(owner, index.simple, release.project)
        assert not public, f"published in spite of the refusal: {sorted(public)}"


@covers(
    "SESSION-PUBLISH-13",
    "The server MUST include a Location header in the response pointing back to the Publishing Session status URL",
)
def test_the_answer_points_to_the_status(owner: Principal, session: Session, release: Release) -> None:
    steps.stage(owner, session, release.wheel())
    answer = steps.publish(owner, session)
    assert answer.location == session.url, f"the publication is located at {answer.location}"
    state = steps.state(owner, answer.location)
    assert state in steps.PUBLISHED, f"the status there is {state}"


@covers(
    "SESSION-PUBLISH-14",
    "deferred processing resolves to either published on success or error on failure.",
)
def test_the_status_shows_how_a_deferred_publication_ends(owner: Principal, session: Session, release: Release) -> None:
    steps.stage(owner, session, release.wheel())
    answer = deferral.publish(owner, session)
    first = steps.state(owner, answer.location)
    assert first in {"processing"} | steps.PUBLISHED, f"{first} after 202 Accepted"
    state = steps.session_state(owner, session)
    assert state in steps.PUBLISHED, f"{state} after a publication that nothing is in the way of"


@covers("SESSION-PUBLISH-14", "deferred processing resolves to either published on success or error on failure.")
@covers(
    "SESSION-PUBLISH-15",
    "When it resolves to error, the session remains editable and the reason is reported in the session's notices",
)
def test_a_session_whose_publication_failed_later_can_be_edited(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    status = steps.session_status(owner, failed.session)
    assert any(notice.strip() for notice in steps.notices(status)), f"no notice says why: {status}"
    failed.repair(owner)


@covers("SESSION-PUBLISH-16", "is returned to the client as an error response")
@covers("SESSION-PUBLISH-16", "it does not move the session to error.")
def test_a_publication_that_fails_at_once_is_answered_with_an_error(
    owner: Principal, session: Session, release: Release
) -> None:
    file = steps.begin(owner, session, release.wheel())
    answer = owner.post(session.publish)
    assert answer.status >= 400, f"published with a file in pending: {answer}"
    answer.json()
    _require_editable(owner, session, file, release.wheel())


@covers(
    "SESSION-PUBLISH-16", "leaves the session in its current editable state; it does not move the session to error."
)
def test_a_conflict_that_is_found_at_once_leaves_the_session_open(owner: Principal, index: Target) -> None:
    doomed = failures.doom(owner, index)
    failures.fail_now(owner, doomed)
    state = steps.session_state(owner, doomed.session)
    assert state == "open", f"{state} after a publication that failed at once"
    doomed.repair(owner)
    steps.publish(owner, doomed.session)


def _require_editable(owner: Principal, session: Session, file: FileSession, artifact: Artifact) -> None:
    """Fail unless the session is open, and `file` can be deleted and `artifact` uploaded."""
    state = steps.session_state(owner, session)
    assert state == "open", f"{state} after a refused publication"
    steps.delete(owner, file)
    steps.stage(owner, session, artifact)


def _require_reason(answer: Answer, artifact: Artifact, state: str) -> None:
    """Fail unless a refusal names the file and its state, in whole words."""
    body = answer.json()
    told = " ".join(_statements({name: value for name, value in body.items() if name not in _GENERAL}))
    assert artifact.filename in told, f"the refusal does not name {artifact.filename}: {answer}"
    assert re.search(rf"\b{state}\b", told), f"the refusal does not say that the file is in {state}: {answer}"


def _statements(body: object) -> Iterator[str]:
    """Yield what a problem says, wherever it says it: how it is put together is up to the index."""
    if isinstance(body, dict):
        for key, value in body.items():
            if key not in _MEMBERS:
                yield key
            yield from _statements(value)
    elif isinstance(body, list):
        for value in body:
            yield from _statements(value)
    else:
        yield str(body)
