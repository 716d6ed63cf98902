"""PEP 694, "Response Body" of a publishing session: what ``expires-at`` means."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import simple, steps
from hatch_staged.conformance.artifacts import fresh_release
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.timestamps import seconds_left

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

# How long before and after ``expires-at`` a check still looks: clocks tell whole seconds, and servers renew their Date
# header once a second.
_BEFORE = 3.0
_AFTER = 2.0


@dataclass(frozen=True)
class _Expired:
    release: Release
    session: Session
    file: FileSession
    #: what could be read below ``links.stage``
    staged: tuple[str, ...]


@pytest.fixture(scope="module")
def expired(owner: Principal, anonymous: Principal, index: Target) -> _Expired:
    """Return a session with a file after it has expired; skip the check if that takes longer than it may wait."""
    release = fresh_release()
    session = steps.open_session(owner, index.root, release)
    file = steps.stage(owner, session, release.wheel())
    staged: tuple[str, ...] = ()
    if session.stage is not None:
        listed = simple.files(anonymous, session.stage, release.project)
        staged = (simple.page(anonymous, session.stage, release.project).url, *(each.url for each in listed.values()))
    time.sleep(_seconds_left(owner, index, session) + _AFTER)
    return _Expired(release, session, file, staged)


@covers("SESSION-RESPONSE-13", "The session SHOULD remain active until at least this time")
def test_a_session_is_active_until_it_expires(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    time.sleep(max(0.0, _seconds_left(owner, index, session) - _BEFORE))
    answer = owner.get(session.url)
    assert answer.ok, f"the session is gone before it expires: {answer}"
    assert answer.json().get("status") == "open", f"the session has ended before it expires: {answer}"
    begun = owner.post(session.upload, release.wheel().request())
    assert begun.ok, f"the session takes no files, and has not expired: {begun}"


@covers("SESSION-RESPONSE-12", "when the server will expire this session, and thus all of its content")
def test_an_expired_session_takes_no_more_changes(owner: Principal, expired: _Expired) -> None:
    session = expired.session
    for answer in (owner.post(session.upload, expired.release.sdist().request()), owner.post(session.publish)):
        assert answer.refused, f"an expired session goes on: {answer}"
    for status in (owner.get(session.url), owner.get(expired.file.url)):
        # There is no state of its own for it.
        assert status.refused or status.json().get("status") == "canceled", f"this has not expired: {status}"


@covers("SESSION-RESPONSE-12", "including any uploaded files and the URL links related to the session.")
def test_nothing_of_an_expired_session_can_be_read(anonymous: Principal, expired: _Expired) -> None:
    if not expired.staged:
        pytest.skip("the index has no previews")
    for url in expired.staged:
        answer = anonymous.follow(url)
        assert not answer.ok, f"an expired stage is still there: {answer.method} {answer.url} -> {answer.status}"


@covers("SESSION-RESPONSE-12", "when the server will expire this session")
@covers("SESSION-CREATE-13", "This is a temporary reservation, held only for the life of the stage")
def test_an_expired_session_leaves_its_name_to_others(other: Principal, index: Target, expired: _Expired) -> None:
    answer = other.post(index.root, expired.release.request())
    assert answer.status == 201, f"the name is still reserved: {answer}"


def _seconds_left(principal: Principal, index: Target, session: Session) -> float:
    """Return for how many seconds the session has to live; skip the check if that is longer than it may wait."""
    left = seconds_left(principal.get(session.url))
    if left + _AFTER > index.patience:
        principal.delete(session.url)
        pytest.skip(f"a session lives for {left:.0f} seconds, longer than --patience allows")
    return left
