"""PEP 694, "Multiple Session Creation Requests"."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from hatch_staged.conformance import deferral, failures, steps
from hatch_staged.conformance.artifacts import Release
from hatch_staged.conformance.problems import problem
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.steps import Session
from hatch_staged.conformance.timestamps import lasting

if TYPE_CHECKING:
    from hatch_staged.conformance.membership import Colleague
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Principal

_RACERS = 12
_REQUIRED = {"meta", "links", "mechanisms", "expires-at", "status", "files"}


@covers("SESSION-MULTIPLE-01", "then a new session is not created.")
@covers("SESSION-MULTIPLE-02", "the server MUST respond with a 409 Conflict")
@covers("SESSION-MULTIPLE-03", "MUST include a Location header that points to the session status URL.")
def test_there_is_no_second_session_beside_an_open_one(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    steps.stage(owner, session, release.wheel())
    before = lasting(steps.session_status(owner, session))
    _conflict(owner.post(index.root, release.request()), session)
    assert lasting(steps.session_status(owner, session)) == before, "the second request has changed the session"


@covers("SESSION-MULTIPLE-03", "MUST include a Location header that points to the session status URL.")
def test_the_session_is_found_by_the_location_of_the_conflict(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    answer = owner.get(owner.post(index.root, release.request()).location)
    assert answer.ok, f"Location leads nowhere: {answer}"
    assert Session(answer.json()).url == session.url, f"Location leads to another session: {answer}"


@covers("SESSION-MULTIPLE-01", "while an existing session for that pair is in a non-terminal state")
@covers("SESSION-MULTIPLE-02", "the server MUST respond with a 409 Conflict")
@covers("SESSION-MULTIPLE-03", "MUST include a Location header that points to the session status URL.")
def test_there_is_no_second_session_beside_one_that_is_processing(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    answer = owner.post(index.root, release.request())
    if answer.ok:
        steps.cancel(owner, Session(answer.json()))
        deferral.require_processing(owner, session.url)
    _conflict(answer, session)


@covers("SESSION-MULTIPLE-01", "while an existing session for that pair is in a non-terminal state")
@covers("SESSION-MULTIPLE-02", "the server MUST respond with a 409 Conflict")
@covers("SESSION-MULTIPLE-03", "MUST include a Location header that points to the session status URL.")
def test_there_is_no_second_session_beside_one_in_error(owner: Principal, index: Target) -> None:
    doomed = failures.fail_later(owner, failures.doom(owner, index))
    _conflict(owner.post(index.root, doomed.release.request()), doomed.session)


@covers("SESSION-MULTIPLE-01", "for the same name-version pair")
@covers("SESSION-MULTIPLE-02", "the server MUST respond with a 409 Conflict")
def test_of_many_requests_at_once_one_creates_the_session(owner: Principal, index: Target, release: Release) -> None:
    with ThreadPoolExecutor(_RACERS) as racers:
        answers = list(racers.map(lambda _: owner.post(index.root, release.request()), range(_RACERS)))
    created = [answer for answer in answers if answer.ok]
    assert len(created) == 1, f"{len(created)} sessions were created: {[answer.status for answer in answers]}"
    session = Session(created[0].json())
    for answer in answers:
        if answer is not created[0]:
            _conflict(answer, session)


@covers("SESSION-MULTIPLE-01", "for the same name-version pair")
@covers("SESSION-MULTIPLE-08", "because no session has ever been created for it")
def test_another_version_has_a_session_of_its_own(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    another = _created(owner, index, Release(release.project, "2.0"))
    _assert_different(session, another)


@covers("SESSION-MULTIPLE-05", "a request from an unauthorized principal MUST receive a 403 Forbidden instead")
def test_a_stranger_is_forbidden_and_not_told_where_the_session_is(
    other: Principal, index: Target, release: Release, session: Session
) -> None:
    answer = other.post(index.root, release.request())
    assert answer.status == 403, f"a stranger gets {answer}"
    assert "location" not in answer.headers, f"a stranger is told where the session is: {answer.location}"
    assert session.url not in answer.content.decode(), f"a stranger is told where the session is: {answer}"


@covers("SESSION-MULTIPLE-06", "so that the existence of the in-progress session is not disclosed.")
def test_a_stranger_is_told_the_same_with_and_without_a_session(
    owner: Principal, other: Principal, index: Target, upcoming: Release
) -> None:
    without = other.post(index.root, upcoming.request())
    steps.open_session(owner, index.root, upcoming)
    beside = other.post(index.root, upcoming.request())
    assert (without.status, beside.status) == (403, 403), f"a stranger gets {without} and {beside}"
    assert "location" not in beside.headers, f"a stranger is told where the session is: {beside.location}"


@covers("SESSION-MULTIPLE-07", "An authorized principal receives the 409 Conflict and Location header")
def test_another_publisher_finds_the_session_and_contributes_to_it(
    owner: Principal, index: Target, shared: Release, colleague: Colleague
) -> None:
    session = steps.open_session(owner, index.root, shared)
    conflict = colleague.principal.post(index.root, shared.request())
    _conflict(conflict, session)
    found = Session(colleague.principal.get(conflict.location).json())
    steps.stage(colleague.principal, found, shared.wheel())
    steps.publish(colleague.principal, found)


@covers("SESSION-MULTIPLE-08", "the previous session for that pair has reached a terminal published or canceled state")
@covers("SESSION-MULTIPLE-09", "values MUST be different.")
def test_after_a_cancelation_there_is_a_new_session(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    steps.stage(owner, session, release.wheel())
    steps.cancel(owner, session)
    another = _created(owner, index, release)
    _assert_different(session, another)
    assert another.body["files"] == {}, f"a new session has the files of the old one: {another.body['files']}"


@covers("SESSION-MULTIPLE-08", "the previous session for that pair has reached a terminal published or canceled state")
@covers("SESSION-MULTIPLE-09", "values MUST be different.")
def test_after_a_publication_there_is_a_new_session(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    steps.stage(owner, session, release.wheel())
    steps.publish(owner, session)
    another = _created(owner, index, release)
    _assert_different(session, another)
    assert another.body["files"] == {}, f"a new session has the files of the old one: {another.body['files']}"


@covers("SESSION-MULTIPLE-09", "the publishing session status URL, session-token, and links.stage values MUST be")
def test_no_two_sessions_have_a_url_or_a_token_in_common(abandoned: tuple[Session, ...]) -> None:
    for values in (
        [session.url for session in abandoned],
        [session.token for session in abandoned if session.token is not None],
        [session.stage for session in abandoned if session.stage is not None],
    ):
        assert len(set(values)) == len(values), f"something is the same in two sessions: {values}"


def _conflict(answer: Answer, session: Session) -> None:
    assert answer.status == 409, f"a second session: {answer}"
    assert answer.location == session.url, f"Location is not {session.url}: {answer.location}"
    problem(answer)


def _created(principal: Principal, index: Target, release: Release) -> Session:
    answer = principal.post(index.root, release.request())
    assert answer.status == 201, f"a session could not be created: {answer}"
    missing = _REQUIRED - answer.json().keys()
    assert not missing, f"without {sorted(missing)}: {answer}"
    return Session(answer.json())


def _assert_different(one: Session, another: Session) -> None:
    for name in ("url", "token", "stage"):
        values = getattr(one, name), getattr(another, name)
        if values != (None, None):
            assert values[0] != values[1], f"{name} is the same in two sessions: {values[0]}"
