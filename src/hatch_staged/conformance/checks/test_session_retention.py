"""PEP 694, "Session Status Retention"."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

# A client that asks again after a while, as short as it may be (seconds).
_WHILE = 2.0
# Nobody keeps a status for so short a time, except to try this.
_PURGED = 3.0
_PAUSE = 0.5


@covers("SESSION-RETENTION-01", "the server SHOULD continue to serve its status URL, reporting the terminal status")
def test_that_a_session_was_published_is_told_afterwards(owner: Principal, release: Release, session: Session) -> None:
    steps.stage(owner, session, release.wheel())
    steps.publish(owner, session)
    _require_told(owner, session, "published")


@covers("SESSION-RETENTION-01", "the server SHOULD continue to serve its status URL, reporting the terminal status")
def test_that_a_session_was_canceled_is_told_afterwards(owner: Principal, release: Release, session: Session) -> None:
    steps.stage(owner, session, release.wheel())
    steps.cancel(owner, session)
    _require_told(owner, session, "canceled")


@covers("SESSION-RETENTION-01", "so that clients can reliably observe the final outcome of a session")
def test_a_later_session_does_not_take_the_outcome_of_an_earlier_one_away(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    steps.cancel(owner, session)
    steps.open_session(owner, index.root, release)
    _require_told(owner, session, "canceled")


@covers("SESSION-RETENTION-03", "SHOULD be long enough to let a client that initiated or contributed to the session")
def test_the_outcome_is_told_to_who_asks_a_while_later(owner: Principal, index: Target, session: Session) -> None:
    if index.patience < _WHILE:
        pytest.skip("--patience allows no waiting")
    steps.cancel(owner, session)
    time.sleep(_WHILE)
    _require_told(owner, session, "canceled")


@covers("SESSION-RETENTION-07", "will succeed with a 201 Created rather than returning the 409 Conflict")
def test_a_release_has_a_new_session_when_the_old_one_is_purged(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    steps.stage(owner, session, release.wheel())
    steps.cancel(owner, session)
    deadline = time.monotonic() + min(index.patience, _PURGED)
    while owner.get(session.url).ok and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    # Purged or not: "reaching either one frees the name-version pair".
    answer = owner.post(index.root, release.request())
    assert answer.status == 201, f"a session that has ended is in the way: {answer}"


def _require_told(owner: Principal, session: Session, state: str) -> None:
    told = steps.state(owner, session.url)
    assert told == state, f"a {state} session is {told}"
