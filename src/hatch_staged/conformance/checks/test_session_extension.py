"""PEP 694, "Publishing Session Extension"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import steps
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.timestamps import expires_at, is_same_expiry, lasting

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.conversation import Conversation
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.wire import Answer, Principal

# More than anybody grants: three decades, and more than a clock can tell.
_TOO_LONG = (10**9, 10**18)
_CHANGING = {"status", "expires-at", "files", "notices"}


@covers("SESSION-EXTEND-03", "the links.extend key will not be present in the response.")
def test_the_link_is_there_if_and_only_if_there_are_extensions(
    owner: Principal, session: Session, conversation: Conversation
) -> None:
    bodies = [session.body, steps.session_status(owner, session), *conversation.sessions]
    present = {"extend" in body["links"] for body in bodies}
    assert len(present) == 1, "links.extend is in some bodies, and not in others"
    if present == {True}:
        answer = steps.extend(owner, session.body["links"]["extend"], 1)
        assert answer.ok, f"links.extend is there, and extensions are not: {answer}"


@covers("SESSION-EXTEND-06", "the server will respond with the same publishing session creation response body")
def test_an_extension_is_answered_with_the_session(owner: Principal, release: Release, session: Session) -> None:
    steps.stage(owner, session, release.wheel())
    answer = _extend(owner, session, 3600)
    assert answer.ok, f"the session is not extended: {answer}"
    body = answer.json()
    for key in (session.body.keys() | body.keys()) - _CHANGING:
        assert body.get(key) == session.body.get(key), f"{key} was {session.body.get(key)} and is {body.get(key)}"


@covers("SESSION-EXTEND-06", "except with any changes to status, expires-at, or files reflected.")
def test_the_answer_to_an_extension_is_what_the_session_is_afterwards(
    owner: Principal, release: Release, session: Session
) -> None:
    steps.stage(owner, session, release.wheel())
    body = _extend(owner, session, 3600).json()
    status = steps.session_status(owner, session)
    assert lasting(status) == lasting(body), f"the session is not what the extension said: {body}"
    assert is_same_expiry(body, status), f"the session expires at {status['expires-at']} after: {body}"


@covers("SESSION-EXTEND-07", "it MUST still return a success response")
@pytest.mark.parametrize("seconds", _TOO_LONG)
def test_who_asks_for_too_much_is_not_refused(owner: Principal, session: Session, seconds: int) -> None:
    answer = _extend(owner, session, seconds)
    assert answer.ok, f"{seconds} seconds are refused: {answer}"


@covers("SESSION-EXTEND-08", "the expires-at key will simply reflect the current expiration time of the session.")
@pytest.mark.parametrize("seconds", _TOO_LONG)
def test_who_asks_for_too_much_is_told_the_current_expiry(owner: Principal, session: Session, seconds: int) -> None:
    answer = _extend(owner, session, seconds)
    assert answer.ok, f"{seconds} seconds are refused: {answer}"
    current = steps.session_status(owner, session)
    assert is_same_expiry(answer.json(), current), f"the session expires at {current['expires-at']} after: {answer}"
    assert expires_at(answer.json()) >= expires_at(session.body), f"an extension has made it shorter: {answer}"


def _extend(principal: Principal, session: Session, seconds: int) -> Answer:
    if session.extend is None:
        pytest.skip("the index has no extensions")
    return steps.extend(principal, session.extend, seconds)
