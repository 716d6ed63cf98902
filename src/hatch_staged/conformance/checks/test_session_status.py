"""PEP 694, "Publishing Session Status"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import deferral, failures, steps
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.steps import Session
from hatch_staged.conformance.timestamps import lasting

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Principal

# What the PEP names, and the notices: why a publication failed "MUST be reported" in them.
_CHANGING = {"status", "expires-at", "files", "notices"}


@covers("SESSION-STATUS-01", "issuing a GET request to the URL given in the links.session URL")
def test_the_status_of_an_open_session_is_told(owner: Principal, session: Session) -> None:
    _assert_told(owner, session, "open")


@covers("SESSION-STATUS-01", "(also provided in the session creation response's Location header)")
def test_the_status_is_told_at_the_location(owner: Principal, index: Target, release: Release) -> None:
    created = owner.post(index.root, release.request())
    answer = owner.get(created.location)
    assert answer.status == 200, f"Location leads nowhere: {answer}"
    assert Session(answer.json()).url == Session(created.json()).url, f"Location leads to another session: {answer}"


@covers("SESSION-STATUS-01", "At any time, a client can query the status of a session")
def test_the_status_of_a_published_session_is_told(owner: Principal, release: Release, session: Session) -> None:
    steps.stage(owner, session, release.wheel())
    steps.publish(owner, session)
    _assert_told(owner, session, "published")


@covers("SESSION-STATUS-01", "At any time, a client can query the status of a session")
def test_the_status_of_a_canceled_session_is_told(owner: Principal, session: Session) -> None:
    steps.cancel(owner, session)
    _assert_told(owner, session, "canceled")


@covers("SESSION-STATUS-01", "At any time, a client can query the status of a session")
def test_the_status_of_a_session_that_is_processing_is_told(
    owner: Principal, release: Release, session: Session
) -> None:
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    state = steps.state(owner, session.url)
    assert state in {"processing"} | steps.PUBLISHED, f"{state} after 202 Accepted"
    if state != "processing":
        pytest.skip("the index was done too soon to see it processing")


@covers("SESSION-STATUS-01", "At any time, a client can query the status of a session")
def test_the_status_of_a_session_in_error_is_told(owner: Principal, index: Target) -> None:
    doomed = failures.fail_later(owner, failures.doom(owner, index))
    _assert_told(owner, doomed.session, "error")


@covers("SESSION-STATUS-02", "the same publishing session creation response")
def test_the_status_is_the_creation_response_with_what_has_changed(
    owner: Principal, release: Release, session: Session
) -> None:
    _assert_same(owner, session)
    status = steps.session_status(owner, session)
    assert lasting(status) == lasting(session.body), "nothing was done, and the status is another"
    wheel = release.wheel()
    steps.stage(owner, session, wheel)
    _assert_same(owner, session)
    files = steps.staged_files(owner, session)
    assert files[wheel.filename]["status"] == "completed", f"a completed file is {files}"


@covers("SESSION-STATUS-02", "the same publishing session creation response")
@pytest.mark.parametrize("end", [steps.publish, steps.cancel], ids=["published", "canceled"])
def test_the_status_of_a_session_that_has_ended_is_the_creation_response_too(
    owner: Principal, session: Session, end: Callable[[Principal, Session], Answer]
) -> None:
    end(owner, session)
    if steps.state(owner, session.url) == steps.GONE:
        pytest.skip("the index serves no status of what has ended")
    _assert_same(owner, session)


def _assert_told(principal: Principal, session: Session, state: str) -> None:
    steps.expect(principal, session.url, state, "all that was done with it")
    answer = principal.get(session.url)
    assert answer.status == 200, f"the status is not told: {answer}"


def _assert_same(principal: Principal, session: Session) -> None:
    now = steps.session_status(principal, session)
    for key in (session.body.keys() | now.keys()) - _CHANGING:
        assert now.get(key) == session.body.get(key), f"{key} was {session.body.get(key)} and is {now.get(key)}"
