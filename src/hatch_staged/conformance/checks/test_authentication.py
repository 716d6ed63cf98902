"""PEP 694, "Authentication and Authorization"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import simple, stages, steps
from hatch_staged.conformance.endpoints import ask_all, endpoints, exceptions
from hatch_staged.conformance.problems import problem
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.timestamps import lasting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.endpoints import Endpoint
    from hatch_staged.conformance.membership import Colleague, Membership
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

# RFC 7235: a scheme, and then either a token or parameters.
_CHALLENGE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+( +[A-Za-z0-9\-._~+/!#$%&'*^`|\"][^\n]*)?")
_UNKNOWN = ("Basic X190b2tlbl9fOm5vYm9keQ==", "Bearer nobody")
_MALFORMED = ("Basic !", "Basic", "nobody")


@pytest.fixture
def asked(owner: Principal, index: Target, release: Release, session: Session) -> tuple[Endpoint, ...]:
    """Return a request to each endpoint of an open session of the owner, for a name that is only reserved."""
    file = steps.begin(owner, session, release.wheel())
    return endpoints(index.root, release, session, file)


@covers("AUTH-01", "All endpoints in this specification MUST use standard HTTP authentication mechanisms")
@covers("AUTH-04", "401 Unauthorized indicates missing or invalid authentication")
def test_nobody_is_served_without_credentials(anonymous: Principal, asked: tuple[Endpoint, ...]) -> None:
    served = exceptions(ask_all(asked, anonymous), 401)
    assert not served, f"without credentials: {served}"


@covers("AUTH-04", "401 Unauthorized indicates missing or invalid authentication")
@pytest.mark.parametrize("credentials", _UNKNOWN)
def test_invalid_credentials_are_not_taken(anonymous: Principal, asked: tuple[Endpoint, ...], credentials: str) -> None:
    served = exceptions(ask_all(asked, anonymous, Authorization=credentials), 401)
    assert not served, f"with invalid credentials: {served}"


@covers("AUTH-04", "401 Unauthorized indicates missing or invalid authentication")
@pytest.mark.parametrize("credentials", _MALFORMED)
def test_malformed_credentials_are_not_taken(
    anonymous: Principal, asked: tuple[Endpoint, ...], credentials: str
) -> None:
    # What cannot be read at all may as well be called a bad request.
    served = [
        str(answer)
        for answer in ask_all(asked, anonymous, Authorization=credentials).values()
        if answer.status not in {400, 401}
    ]
    assert not served, f"with malformed credentials: {served}"


@covers("AUTH-01", "standard HTTP authentication mechanisms as defined in RFC 7235")
@covers("AUTH-02", "Servers use the WWW-Authenticate response header when authentication is required")
def test_who_is_not_authenticated_is_challenged(anonymous: Principal, asked: tuple[Endpoint, ...]) -> None:
    for name, answer in ask_all(asked, anonymous).items():
        challenge = answer.headers.get("www-authenticate", "").strip()
        assert challenge, f"{name} has no WWW-Authenticate: {answer}"
        assert _CHALLENGE.fullmatch(challenge), f"{name} has no valid WWW-Authenticate, but: {challenge}"


@covers("AUTH-05", "403 Forbidden indicates insufficient permissions")
@covers("AUTH-09", "MUST respond with 403 Forbidden if it is not.")
@covers("AUTH-15", "at least every request that creates, modifies, completes, extends, cancels, or publishes")
def test_a_stranger_is_forbidden_everything_and_changes_nothing(
    owner: Principal, other: Principal, index: Target, upcoming: Release
) -> None:
    session = steps.open_session(owner, index.root, upcoming)
    file = steps.begin(owner, session, upcoming.wheel())
    before = lasting(steps.session_status(owner, session))
    allowed = exceptions(ask_all(endpoints(index.root, upcoming, session, file), other), 403)
    assert not allowed, f"to a stranger: {allowed}"
    assert lasting(steps.session_status(owner, session)) == before, "what was forbidden has changed the session"
    assert steps.file_status(owner, file)["status"] == "pending", "what was forbidden has changed the file"


@covers("AUTH-05", "403 Forbidden indicates insufficient permissions")
@covers("AUTH-15", "at least every request that creates, modifies, completes, extends, cancels, or publishes")
def test_a_stranger_is_forbidden_a_first_release_too(other: Principal, asked: tuple[Endpoint, ...]) -> None:
    allowed = exceptions(ask_all(asked, other), 403)
    assert not allowed, f"to a stranger: {allowed}"


@covers("AUTH-09", "MUST respond with 403 Forbidden if it is not.")
def test_what_is_forbidden_is_told_as_a_problem(other: Principal, asked: tuple[Endpoint, ...]) -> None:
    for name, answer in ask_all(asked, other).items():
        assert answer.status == 403, f"{name}, to a stranger: {answer}"
        problem(answer)


@covers("AUTH-07", "All session endpoints defined in this specification")
def test_every_link_is_authorized(
    owner: Principal, other: Principal, index: Target, release: Release, session: Session
) -> None:
    file = steps.begin(owner, session, release.wheel())
    # The stage is "deliberately not governed by this authorization check".
    links = {url for body in (session.body, file.body) for name, url in body["links"].items() if name != "stage"}
    asked = [each for each in endpoints(index.root, release, session, file) if each.url in links]
    tried = {each.url for each in asked}
    required = {session.url, session.upload, session.publish, file.url, file.complete}
    assert tried >= required, f"these links are missing: {sorted(required - tried)}"
    allowed = exceptions(ask_all(asked, other), 403)
    assert not allowed, f"to a stranger: {allowed}"


@covers("AUTH-08", "a server MUST verify, contemporaneously on each request")
def test_each_answer_goes_by_the_permission_of_the_moment(membership: Membership) -> None:
    for answers, status in ((membership.stranger, 403), (membership.revoked, 403)):
        allowed = exceptions(answers, status)
        assert not allowed, f"without permission: {allowed}"
    for answers in (membership.granted, membership.restored):
        denied = [str(answer) for answer in answers.values() if not answer.ok]
        assert not denied, f"with permission: {denied}"


@covers("AUTH-10", "a session is not tied to the exact credentials that created it")
def test_a_session_goes_on_with_the_credentials_of_another(
    owner: Principal, index: Target, shared: Release, colleague: Colleague
) -> None:
    session = steps.open_session(owner, index.root, shared)
    file = steps.stage(colleague.principal, session, shared.wheel())
    seen = [lasting(steps.session_status(each, session)) for each in (colleague.principal, owner)]
    assert seen[0] == seen[1], f"another publisher sees another session: {seen}"
    steps.delete(colleague.principal, file)
    steps.publish(colleague.principal, session)


@covers("AUTH-11", "A principal that is granted upload permission after a session is opened may immediately")
def test_who_is_granted_permission_takes_part_in_an_open_session(membership: Membership) -> None:
    denied = [str(answer) for answer in membership.granted.values() if not answer.ok]
    assert not denied, f"after permission was granted: {denied}"


@covers("AUTH-12", "MUST be denied with a 403 Forbidden on any subsequent request")
def test_who_has_lost_permission_is_denied_every_request(membership: Membership) -> None:
    allowed = exceptions(membership.revoked, 403)
    assert not allowed, f"after the revocation: {allowed}"


@covers("AUTH-12", "even if that principal created the session")
def test_who_has_lost_permission_is_denied_their_own_session(membership: Membership) -> None:
    allowed = exceptions(membership.revoked_own, 403)
    assert not allowed, f"after the revocation: {allowed}"
    assert membership.untouched == ("open", "open"), f"the sessions have become {membership.untouched}"


@covers("AUTH-13", "if a principal's permission is later restored, its subsequent requests are authorized again.")
def test_a_denial_is_not_sticky(membership: Membership) -> None:
    denied = [str(answer) for answer in membership.restored.values() if not answer.ok]
    assert not denied, f"after permission was granted again: {denied}"


@covers("AUTH-17", "The unguessable stage preview URL is a separate capability")
def test_a_stage_is_open_to_whoever_has_its_url(
    owner: Principal, anonymous: Principal, other: Principal, release: Release, session: Session
) -> None:
    stage = stages.require_stage(session)
    wheel = release.wheel()
    steps.stage(owner, session, wheel)
    for name, principal in (("nobody", anonymous), ("a stranger", other)):
        answer = simple.page(principal, stage, release.project)
        assert answer.ok, f"{name} may not see the stage: {answer}"
        assert wheel.filename in simple.files(principal, stage, release.project), f"{name} does not see the file"


@covers("AUTH-17", "is deliberately not governed by this authorization check")
@covers("AUTH-18", "it grants read-only preview access to any client that holds the token")
def test_a_staged_file_is_open_to_whoever_has_the_url_of_the_stage(
    owner: Principal, anonymous: Principal, release: Release, session: Session
) -> None:
    wheel = release.wheel()
    steps.stage(owner, session, wheel)
    listed = simple.files(anonymous, stages.require_stage(session), release.project)
    assert simple.download(anonymous, listed[wheel.filename]) == wheel.data, "the staged file has other bytes"


@covers("AUTH-18", "it grants read-only preview access to any client that holds the token")
def test_a_stage_is_read_only(owner: Principal, anonymous: Principal, release: Release, session: Session) -> None:
    stage = stages.require_stage(session)
    wheel = release.wheel()
    steps.stage(owner, session, wheel)
    before = lasting(steps.session_status(owner, session))
    for url in _urls(anonymous, stage, release.project):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = anonymous.request(method, url, content=b"{}")
            assert answer.status >= 400, f"a stage can be written to: {answer}"
    assert lasting(steps.session_status(owner, session)) == before, "requests to a stage have changed the session"
    listed = simple.files(anonymous, stage, release.project)
    assert simple.download(anonymous, listed[wheel.filename]) == wheel.data, "the staged file has other bytes"


def _urls(principal: Principal, stage: str, project: str) -> Iterator[str]:
    yield stage
    yield simple.page(principal, stage, project).url
    yield from (file.url for file in simple.files(principal, stage, project).values())
