"""PEP 694, "Create a File Upload Session"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import failures, simple, steps
from hatch_staged.conformance.artifacts import fresh_release
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.steps import FileSession

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Principal

# More than any index takes: a thousand terabytes.
_TOO_LARGE = 10**15


@covers("FILE-CREATE-01", "is used to begin the upload of new files into that session.")
def test_a_file_goes_into_the_session_whose_url_was_used(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    other = steps.open_session(owner, index.root, fresh_release())
    steps.begin(owner, session, release.wheel())
    assert list(steps.staged_files(owner, session)) == [release.wheel().filename], "the file is not in its session"
    assert not steps.staged_files(owner, other), "the file is in another session"


@covers("FILE-CREATE-05", "Besides the standard meta key, the request JSON has the following additional keys")
def test_a_request_needs_meta(owner: Principal, session: Session, release: Release) -> None:
    _require_refusal(owner, session, release.wheel().request(meta=None))


@covers("FILE-CREATE-06", "filename (required) The name of the file being uploaded.")
def test_a_request_needs_a_filename(owner: Principal, session: Session, release: Release) -> None:
    _require_refusal(owner, session, release.wheel().request(filename=None))


@covers("FILE-CREATE-08", "returning a 400 Bad Request error code and an RFC 9457 style error body")
@pytest.mark.parametrize(
    "pattern",
    [
        "{name}-1.0.exe",
        "{name}.tar.gz",
        "{name}-1.0-py3-none.whl",
        "{name}-1.0-py3-none-any-x-y-z.whl",
        "folder/{name}-1.0.tar.gz",
        "../{name}-1.0.tar.gz",
        "",
    ],
)
def test_filenames_that_do_not_conform_are_refused(
    owner: Principal, session: Session, release: Release, pattern: str
) -> None:
    filename = pattern.format(name=release.project.replace("-", "_"))
    answer = _require_refusal(owner, session, release.wheel().request(filename=filename))
    assert answer.status == 400, f"the filename {filename!r} was answered with {answer}"


@covers("FILE-CREATE-09", "size (required) The final total size in bytes of the file being uploaded.")
@pytest.mark.parametrize("size", [None, -1, 1.5, "1000"], ids=repr)
def test_a_request_needs_a_size(owner: Principal, session: Session, release: Release, size: object) -> None:
    _require_refusal(owner, session, release.wheel().request(size=size))


@covers("FILE-CREATE-09", "The final total size in bytes of the file being uploaded.")
@pytest.mark.parametrize("difference", [-1, 1], ids=["larger", "smaller"])
def test_a_file_that_is_not_as_large_as_was_said_is_not_completed(
    owner: Principal, session: Session, release: Release, difference: int
) -> None:
    artifact = release.wheel()
    answer = owner.post(session.upload, artifact.request(size=len(artifact.data) + difference))
    assert answer.status == 202, f"an upload could not be begun: {answer}"
    _require_failure(owner, FileSession(answer.json()), artifact.data)


@covers("FILE-CREATE-10", "hashes (required) A mapping of hash names to hex-encoded digests.")
@pytest.mark.parametrize("hashes", [None, [], "sha256", {"sha256": 1}], ids=repr)
def test_a_request_needs_hashes(owner: Principal, session: Session, release: Release, hashes: object) -> None:
    _require_refusal(owner, session, release.wheel().request(hashes=hashes))


@covers("FILE-CREATE-10", "A mapping of hash names to hex-encoded digests.")
@pytest.mark.parametrize("hashes", [{}, {"sha256": "no digest"}, {"sha256": "00"}], ids=repr)
def test_a_file_is_not_completed_without_its_digest(
    owner: Principal, session: Session, release: Release, hashes: object
) -> None:
    artifact = release.wheel()
    answer = owner.post(session.upload, artifact.request(hashes=hashes))
    # The PEP does not say when an index has to look.
    if not answer.refused:
        assert answer.status == 202, f"the hashes {hashes} were answered with {answer}"
        _require_failure(owner, FileSession(answer.json()), artifact.data)


@covers("FILE-CREATE-17", "mechanism (required) The file-upload mechanisms the client intends to use for this file.")
@pytest.mark.parametrize("mechanism", [None, 1, {}], ids=repr)
def test_a_request_needs_a_mechanism(owner: Principal, session: Session, release: Release, mechanism: object) -> None:
    _require_refusal(owner, session, release.wheel().request(mechanism=mechanism))


@covers("FILE-CREATE-23", "the server MUST reject the request with a 409 Conflict")
def test_a_published_file_cannot_be_uploaded_again(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    steps.stage(owner, session, release.wheel())
    steps.publish(owner, session)
    second = steps.open_session(owner, index.root, release)
    for artifact in (release.wheel(), release.wheel(content="another")):
        answer = owner.post(second.upload, artifact.request())
        assert answer.status == 409, f"a file that is published was answered with {answer}"
        answer.json()
    assert not steps.staged_files(owner, second), "a refused file is in the session"


@covers("FILE-CREATE-24", "MUST NOT overwrite the published file.")
def test_a_published_file_is_not_overwritten(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    root = index.require_simple()
    published, rival = release.wheel(), release.wheel(content="another")
    steps.stage(owner, session, published)
    steps.publish(owner, session)
    second = steps.open_session(owner, index.root, release)
    answer = owner.post(second.upload, rival.request())
    if answer.ok:
        file = FileSession(answer.json())
        owner.send(file.file_url, rival.data)
        owner.post(file.complete)
    owner.post(second.publish)
    steps.session_state(owner, second)
    public = simple.files(owner, root, release.project)
    assert simple.download(owner, public[published.filename]) == published.data, "a published file was overwritten"


@covers("FILE-CREATE-25", "the authoritative, atomic conflict check is performed at publish time")
def test_a_file_that_is_published_meanwhile_conflicts_at_the_publication(owner: Principal, index: Target) -> None:
    doomed = failures.collide(owner, index)
    answer = owner.post(doomed.session.publish)
    state = steps.session_state(owner, doomed.session)
    assert state in {"open", "error"}, f"{state} although the file was published before: {answer}"


@covers("FILE-CREATE-26", "it will return a 202 Accepted response, with the response body below.")
def test_an_upload_is_accepted(owner: Principal, session: Session, release: Release) -> None:
    answer = owner.post(session.upload, release.wheel().request())
    assert answer.status == 202, f"an upload was answered with {answer}"
    body = answer.json()
    missing = {"meta", "links", "status", "expires-at", "mechanism"} - set(body)
    assert not missing, f"{sorted(missing)} missing in: {body}"


@covers("FILE-CREATE-27", "of the publishing session will also include the filename in the files mapping.")
def test_the_session_has_the_file_from_the_beginning(owner: Principal, session: Session, release: Release) -> None:
    steps.begin(owner, session, release.wheel())
    files = steps.staged_files(owner, session)
    assert release.wheel().filename in files, f"the file is not among {sorted(files)}"
    status = files[release.wheel().filename].get("status")
    assert status == "pending", f"a file whose upload was just begun is {status}"


@covers("FILE-CREATE-28", "is not supported it MUST return a 422 Unprocessable Content.")
@pytest.mark.parametrize("mechanism", ["vnd-nobody-nothing", "http-put-bytes", ""])
def test_a_mechanism_that_is_not_supported_is_refused(
    owner: Principal, session: Session, release: Release, mechanism: str
) -> None:
    answer = _require_refusal(owner, session, release.wheel().request(mechanism=mechanism))
    # An empty string may well be taken for a missing one.
    expected = {422} if mechanism else {400, 422}
    assert answer.status in expected, f"the mechanism {mechanism!r} was answered with {answer}"


@covers("FILE-CREATE-30", "If the server determines the upload cannot proceed, it MUST return a 409 Conflict.")
def test_an_upload_that_is_under_way_is_a_conflict(owner: Principal, session: Session, release: Release) -> None:
    steps.begin(owner, session, release.wheel())
    answer = owner.post(session.upload, release.wheel(content="another").request())
    assert answer.status == 409, f"a second upload of the same file was answered with {answer}"
    answer.json()


@covers("FILE-CREATE-30", "If the server determines the upload cannot proceed, it MUST return a 409 Conflict.")
def test_a_file_that_is_too_large_is_a_conflict(owner: Principal, session: Session, release: Release) -> None:
    answer = owner.post(session.upload, release.wheel().request(size=_TOO_LARGE))
    if answer.status == 202:
        pytest.skip("the index does not look at the size before it has the file")
    assert answer.status == 409, f"a file that is too large was answered with {answer}"
    answer.json()


@covers("FILE-CREATE-30", "If the server determines the upload cannot proceed, it MUST return a 409 Conflict.")
def test_a_file_beyond_the_quota_is_a_conflict(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    size = index.require_project_quota() + 1
    answer = owner.post(session.upload, release.wheel().request(size=size))
    if answer.status == 202:
        pytest.skip("the index does not look at the quota before the publication")
    assert answer.status == 409, f"a file beyond the quota was answered with {answer}"
    answer.json()


def _require_refusal(owner: Principal, session: Session, request: dict[str, object]) -> Answer:
    """Fail unless the request is refused, with a body that says why, and changes nothing."""
    answer = owner.post(session.upload, request)
    assert answer.refused, f"{request} was answered with {answer}"
    answer.json()
    files = steps.staged_files(owner, session)
    assert not files, f"a refused file is in the session: {sorted(files)}"
    return answer


def _require_failure(owner: Principal, file: FileSession, data: bytes) -> None:
    """Fail if the file can be completed with these bytes."""
    owner.send(file.file_url, data)
    answer = owner.post(file.complete)
    state = steps.file_state(owner, file)
    assert state != "completed", f"completed although it is not what was said: {answer}"
