"""PEP 694, "File Upload Session Status"."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from hatch_staged.conformance import failures, steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

_CHANGING = {"status", "expires-at"}
_PAUSE = 0.5


@covers("FILE-STATUS-01", "by issuing a GET request to the links.file-upload-session URL")
@pytest.mark.parametrize("state", ["pending", "completed", "error"])
def test_the_status_can_be_had_in_every_state(owner: Principal, session: Session, release: Release, state: str) -> None:
    answer = owner.get(steps.bring(owner, session, release.wheel(), state).url)
    assert answer.ok, f"the status of a file in {state} could not be read: {answer}"
    assert answer.json().get("status") == state, f"the status of a file in {state}: {answer}"


@covers("FILE-STATUS-02", "with the same payload as the file upload session creation response")
def test_the_status_is_what_the_creation_said(owner: Principal, session: Session, release: Release) -> None:
    file = steps.begin(owner, session, release.wheel())
    assert _constant(steps.file_status(owner, file)) == _constant(file.body), "the status has another payload"
    steps.transfer(owner, file, release.wheel().data)
    assert _constant(steps.file_status(owner, file)) == _constant(file.body), "the status has another payload"


@covers("FILE-STATUS-02", "except with any changes status and expires-at reflected.")
def test_the_status_has_all_keys_in_every_state(owner: Principal, session: Session, release: Release) -> None:
    file = steps.stage(owner, session, release.wheel())
    missing = set(file.body) - set(steps.file_status(owner, file))
    assert not missing, f"{sorted(missing)} missing in the status of a completed file"


@covers("FILE-STATUS-03", "A file upload session has no existence independent of the publishing session it belongs to")
def test_a_file_does_not_outlive_its_session(owner: Principal, session: Session, release: Release) -> None:
    file = steps.begin(owner, session, release.wheel())
    steps.cancel(owner, session)
    state = steps.state(owner, file.url)
    assert state in steps.CANCELED, f"a file is {state}, and its session is canceled"


@covers("FILE-STATUS-03", "its status URL is retained accordingly.")
@covers("FILE-STATUS-05", "its file upload session URLs are retained no longer than the parent's own status URL")
def test_a_file_is_forgotten_with_its_session(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    file = steps.begin(owner, session, release.wheel())
    steps.cancel(owner, session)
    deadline = time.monotonic() + index.patience
    while (parent := owner.get(session.url)).ok:
        if time.monotonic() + _PAUSE > deadline:
            pytest.skip(f"a session is remembered for longer than --patience, {index.patience:.0f} seconds")
        time.sleep(_PAUSE)
    assert parent.status in {404, 410}, f"the status of a forgotten session was answered with {parent}"
    answer = owner.get(file.url)
    assert answer.refused, f"a file is remembered for longer than its session: {answer}"


@covers("FILE-STATUS-04", "the server SHOULD keep each of its file upload session status URLs valid")
@pytest.mark.parametrize("state", ["pending", "completed", "error"])
def test_a_canceled_file_says_so(owner: Principal, session: Session, release: Release, state: str) -> None:
    file = steps.bring(owner, session, release.wheel(), state)
    steps.delete(owner, file)
    steps.stage(owner, session, release.wheel())
    answer = owner.get(file.url)
    assert answer.ok, f"the status of a canceled file could not be read: {answer}"
    assert answer.json().get("status") == "canceled", f"the status of a canceled file: {answer}"


@covers("FILE-STATUS-04", "While the parent publishing session is in a non-terminal state")
def test_the_files_of_a_failed_session_have_a_status(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    state = steps.file_state(owner, failed.file)
    assert state == "completed", f"a file of a session in error is {state}"
    steps.delete(owner, failed.file)
    state = steps.file_state(owner, failed.file)
    assert state == "canceled", f"a deleted file of a session in error is {state}"


def _constant(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in _CHANGING}
