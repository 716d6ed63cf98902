"""PEP 694, "Publishing Session Files"."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from hatch_staged.conformance import deferral, secrecy, stages, steps
from hatch_staged.conformance.artifacts import fresh_release
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.wire import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_staged.conformance.artifacts import Artifact, Release
    from hatch_staged.conformance.conversation import Conversation
    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

_STATES = {"pending", "processing", "completed", "error"}


@covers("SESSION-FILES-01", "The files key contains a mapping from the names of the files uploaded in this session")
def test_each_file_has_status_and_link(owner: Principal, release: Release, session: Session) -> None:
    wheel, sdist = release.wheel(), release.sdist()
    steps.stage(owner, session, wheel)
    steps.begin(owner, session, sdist)
    files = steps.staged_files(owner, session)
    assert files.keys() == {wheel.filename, sdist.filename}, f"the session has the files {sorted(files)}"
    for filename, details in files.items():
        assert isinstance(details.get("status"), str), f"{filename} has no status: {details}"
        assert isinstance(details.get("link"), str), f"{filename} has no link: {details}"
        steps.notices(details)


@covers("SESSION-FILES-02", "mirroring the state of that file's upload session.")
def test_status_of_a_file_is_that_of_its_upload(owner: Principal, release: Release, session: Session) -> None:
    wheel, wrong = release.wheel(), release.sdist()
    seen = []

    def look(artifact: Artifact, url: str) -> None:
        details = steps.staged_files(owner, session)[artifact.filename]
        assert details["status"] == owner.get(url).json()["status"], f"{artifact.filename} is {details['status']}"
        seen.append(details["status"])

    file = steps.begin(owner, session, wheel)
    look(wheel, file.url)
    steps.transfer(owner, file, wheel.data)
    look(wheel, file.url)
    steps.complete(owner, file)
    look(wheel, file.url)
    look(wrong, steps.fail_completion(owner, session, wrong).url)
    assert seen == ["pending", "pending", "completed", "error"], f"the files were {seen}"


@covers("SESSION-FILES-02", "A string with valid values pending, processing, completed, and error")
def test_a_file_that_is_processing_says_so(owner: Principal, release: Release, session: Session) -> None:
    wheel = release.wheel()
    file = steps.begin(owner, session, wheel)
    steps.transfer(owner, file, wheel.data)
    deferral.complete(owner, file)
    status = steps.staged_files(owner, session)[wheel.filename]["status"]
    if status != "processing":
        deferral.require_processing(owner, file.url)
    assert status == "processing", f"a file in processing is {status}"


@covers("SESSION-FILES-02", "A string with valid values pending, processing, completed, and error")
@covers("SESSION-FILES-06", "canceled never appears here.")
def test_no_file_has_another_status(conversation: Conversation) -> None:
    states = {details["status"] for body in conversation.sessions for details in body["files"].values()}
    assert states <= _STATES, f"these occur: {sorted(states)}"
    assert states, "no body has a file"


@covers("SESSION-FILES-04", "error will be returned")
def test_a_failed_file_is_in_error(owner: Principal, release: Release, session: Session) -> None:
    wheel = release.wheel()
    steps.fail_completion(owner, session, wheel)
    details = steps.staged_files(owner, session)[wheel.filename]
    assert details["status"] == "error", f"a file whose completion failed is {details}"


@covers("SESSION-FILES-06", "canceled never appears here.")
@covers("SESSION-FILES-07", "Canceling or deleting a file removes its entry from the files mapping")
def test_a_deleted_file_is_no_part_of_the_session(owner: Principal, release: Release, session: Session) -> None:
    kept = release.wheel("py2-none-any")
    steps.stage(owner, session, kept)
    gone = [
        steps.stage(owner, session, release.wheel("py3-none-linux_1_x86_64")),
        steps.fail_completion(owner, session, release.sdist()),
        steps.begin(owner, session, release.wheel()),
    ]
    for file in gone:
        steps.delete(owner, file)
        files = steps.staged_files(owner, session)
        assert all(details["status"] != "canceled" for details in files.values()), f"a canceled file is in {files}"
    assert files.keys() == {kept.filename}, f"after all deletions these are there: {sorted(files)}"


@covers("SESSION-FILES-08", "The file's own file upload session status URL continues to report canceled.")
@pytest.mark.parametrize("upload", [steps.begin, steps.stage, steps.fail_completion])
def test_a_deleted_file_says_that_it_is_canceled(
    owner: Principal, release: Release, session: Session, upload: Callable[[Principal, Session, Artifact], FileSession]
) -> None:
    file = upload(owner, session, release.wheel())
    steps.delete(owner, file)
    steps.expect(owner, file.url, "canceled", "its deletion")


@covers("SESSION-FILES-09", "The absolute URL that the client should use to reference this specific file.")
def test_links_of_files_are_absolute(owner: Principal, release: Release, session: Session) -> None:
    for artifact in (release.wheel(), release.sdist()):
        url = urlsplit(_link(owner, session, artifact))
        assert url.scheme in {"http", "https"}, f"the link is not absolute: {url.geturl()}"
        assert url.hostname, f"the link is not absolute: {url.geturl()}"


@covers("SESSION-FILES-09", "to reference this specific file.")
def test_each_file_has_a_link_of_its_own(owner: Principal, release: Release, session: Session) -> None:
    links = {_link(owner, session, artifact) for artifact in (release.wheel(), release.sdist())}
    assert len(links) == 2, f"two files have one link: {links}"


@covers("SESSION-FILES-10", "This URL is used to retrieve, replace, or delete the referenced file.")
def test_a_file_is_retrieved_by_its_link(owner: Principal, release: Release, session: Session) -> None:
    answer = owner.follow(_link(owner, session, release.wheel()), Content_Type=MEDIA_TYPE)
    assert answer.ok, f"the link does not lead to the file or its upload: {answer}"


@covers("SESSION-FILES-10", "This URL is used to retrieve, replace, or delete the referenced file.")
def test_a_file_is_deleted_by_its_link(owner: Principal, release: Release, session: Session) -> None:
    answer = owner.delete(_link(owner, session, release.wheel()))
    assert answer.ok, f"the file is not deleted by its link: {answer}"
    assert not steps.staged_files(owner, session), f"the file is still there after {answer}"


@covers("SESSION-FILES-11", "this URL MUST be cryptographically unguessable")
def test_links_of_files_are_not_guessable(owner: Principal, release: Release, session: Session) -> None:
    token = stages.require_token(session)
    link = _link(owner, session, release.wheel())
    for wrong in secrecy.near(token):
        url = stages.with_token(link, token, wrong)
        found = stages.found(partial(owner.follow, url, Content_Type=MEDIA_TYPE))
        assert found is None, f"the file is also found with the token {wrong}: {found}"


@covers("SESSION-FILES-11", "this URL MUST be cryptographically unguessable")
@covers("SESSION-FILES-12", "MUST use the same publishing session token to do ensure this constraint.")
def test_links_of_files_have_the_token_of_their_session(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    another = fresh_release()
    sessions = {release: session, another: steps.open_session(owner, index.root, another)}
    for of_session, each in sessions.items():
        token, link = stages.require_token(each), _link(owner, each, of_session.wheel())
        stages.with_token(link, token, "")


@covers("SESSION-FILES-12", "MUST use the same publishing session token to do ensure this constraint.")
def test_the_same_file_has_another_link_in_another_session(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    stages.require_stage(session)
    wheel = release.wheel()
    link = _link(owner, session, wheel)
    steps.cancel(owner, session)
    again = _link(owner, steps.open_session(owner, index.root, release), wheel)
    assert link != again, f"the link is the same in two sessions: {link}"


def _link(principal: Principal, session: Session, artifact: Artifact) -> str:
    """Upload a file and return its link."""
    steps.stage(principal, session, artifact)
    link: str = steps.staged_files(principal, session)[artifact.filename]["link"]
    return link
