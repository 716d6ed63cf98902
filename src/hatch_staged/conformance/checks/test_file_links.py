"""PEP 694, "File Upload Session Links"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.wire import Principal


@pytest.fixture
def file(owner: Principal, session: Session, release: Release) -> FileSession:
    """Return a file upload session that has its bytes."""
    file = steps.begin(owner, session, release.wheel())
    steps.transfer(owner, file, release.wheel().data)
    return file


@covers("FILE-LINKS-01", "For the links key in the response payload, the following sub-keys are valid")
def test_there_are_no_other_links(owner: Principal, file: FileSession) -> None:
    for body in (file.body, steps.file_status(owner, file)):
        links = set(body["links"])
        assert {"file-upload-session", "complete"} <= links, f"there are only the links {sorted(links)}"
        assert links <= {"file-upload-session", "complete", "extend"}, f"there are the links {sorted(links)}"


@covers("FILE-LINKS-02", "querying the current file upload session status (via GET)")
def test_the_session_link_serves_the_status(owner: Principal, file: FileSession) -> None:
    answer = owner.get(file.url)
    assert answer.ok, f"the status could not be read: {answer}"
    assert answer.json().get("status") == "pending", f"the status of an upload under way: {answer}"


@covers("FILE-LINKS-02", "canceling and discarding the file upload session (via DELETE).")
def test_the_session_link_cancels(owner: Principal, session: Session, file: FileSession) -> None:
    answer = owner.delete(file.url)
    assert answer.ok, f"an upload could not be canceled: {answer}"
    assert not steps.staged_files(owner, session), "a canceled upload is in the session"


@covers("FILE-LINKS-03", "complete The endpoint for completing a file upload session (via POST).")
def test_the_complete_link_completes_with_post_only(owner: Principal, file: FileSession) -> None:
    owner.get(file.complete)
    state = steps.file_state(owner, file)
    assert state == "pending", f"a GET of links.complete made the file {state}"
    answer = owner.post(file.complete)
    assert answer.status in {201, 202}, f"the completion was answered with {answer}"
    state = steps.file_state(owner, file)
    assert state == "completed", f"{state} after its completion"


@covers(
    "FILE-LINKS-04", "extend The endpoint for requesting an extension of the file upload session lifetime (via POST)"
)
def test_the_extend_link_extends(owner: Principal, file: FileSession) -> None:
    if file.extend is None:
        pytest.skip("the index does not extend file upload sessions")
    answer = steps.extend(owner, file.extend, 60)
    assert answer.ok, f"the extension was answered with {answer}"
    assert "expires-at" in answer.json(), f"the extension was answered with {answer}"


@covers("FILE-LINKS-05", "If the server does not support file upload session extensions, this key MUST be omitted.")
def test_an_extend_link_is_supported(owner: Principal, file: FileSession) -> None:
    links = steps.file_status(owner, file)["links"]
    assert ("extend" in links) == ("extend" in file.body["links"]), "links.extend comes and goes"
    if "extend" not in links:
        return
    assert isinstance(links["extend"], str), f"links.extend is there as {links['extend']}"
    answer = steps.extend(owner, links["extend"], 60)
    assert answer.ok, f"links.extend is there, but extension is not supported: {answer}"
