"""PEP 694, "File Upload Session Extension"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_staged.conformance import steps
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.timestamps import expires_at, is_same_expiry

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.wire import Principal

_CHANGING = {"status", "expires-at"}
# Longer than any index lets an upload take: a thousand years.
_TOO_LONG = 1000 * 365 * 24 * 60 * 60


@pytest.fixture
def file(owner: Principal, session: Session, release: Release) -> FileSession:
    """Return a file upload session."""
    return steps.begin(owner, session, release.wheel())


@covers("FILE-EXTEND-03", "the links.extend key will not be present in the response.")
def test_where_there_is_a_link_there_is_an_endpoint(owner: Principal, file: FileSession) -> None:
    for body in (file.body, steps.file_status(owner, file)):
        if "extend" in body["links"]:
            answer = steps.extend(owner, str(body["links"]["extend"]), 60)
            assert answer.ok, f"links.extend is present, but extension is not supported: {answer}"


@covers("FILE-EXTEND-06", "the server will respond with the same file upload session creation response body")
def test_an_extension_is_answered_with_the_file_upload_session(owner: Principal, file: FileSession) -> None:
    answer = steps.extend(owner, _require_extend(file), 3600)
    assert answer.ok, f"an extension was answered with {answer}"
    assert _constant(answer.json()) == _constant(file.body), f"the extension has another body: {answer}"
    status = steps.file_status(owner, file)
    assert is_same_expiry(answer.json(), status), f"{status['expires-at']} after: {answer}"
    assert answer.json().get("status") == status["status"], f"{status['status']} after: {answer}"


@covers("FILE-EXTEND-07", "it MUST still return a success response")
def test_an_extension_that_is_refused_succeeds(owner: Principal, file: FileSession) -> None:
    answer = steps.extend(owner, _require_extend(file), _TOO_LONG)
    assert answer.ok, f"an extension by a thousand years was answered with {answer}"


@covers("FILE-EXTEND-08", "the expires-at key will simply reflect the current expiration time of the session.")
@pytest.mark.parametrize("seconds", [60, _TOO_LONG], ids=["granted", "refused"])
def test_an_extension_says_the_current_expiry(owner: Principal, file: FileSession, seconds: int) -> None:
    answer = steps.extend(owner, _require_extend(file), seconds)
    assert answer.ok, f"an extension was answered with {answer}"
    current = steps.file_status(owner, file)
    assert is_same_expiry(answer.json(), current), f"the expiry is {current['expires-at']} after: {answer}"
    assert expires_at(current) >= expires_at(file.body), f"an extension has made it shorter: {answer}"


def _require_extend(file: FileSession) -> str:
    if file.extend is None:
        pytest.skip("the index does not extend file upload sessions")
    return file.extend


def _constant(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in _CHANGING}
