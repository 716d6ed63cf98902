"""PEP 694, "Create a Publishing Session"."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import legacy, simple, stages, steps
from hatch_staged.conformance.artifacts import Release
from hatch_staged.conformance.endpoints import ask_all, endpoints, exceptions
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.steps import Session

if TYPE_CHECKING:
    from hatch_staged.conformance.membership import Colleague, Membership
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Principal

_RACERS = 8
_NO_MAPPINGS = ("2.0", ["api-version"], 2, True)
_NO_STRINGS = (1, 1.0, True, ["1.0"], {"is": "1.0"}, "")


@covers("SESSION-CREATE-10", "Upon successful session creation, the server returns a 201 Created response.")
@covers("SESSION-CREATE-11", "The response MUST also include a Location header")
def test_a_session_is_created_and_located(owner: Principal, index: Target, release: Release) -> None:
    answer = owner.post(index.root, release.request())
    assert answer.status == 201, f"created with {answer}"
    session = Session(answer.json())
    assert answer.location == session.url, f"links.session is {session.url}, and Location {answer.location}"


@covers("SESSION-CREATE-02", "meta (required) Describes information about the payload itself.")
def test_a_session_is_not_created_without_meta(owner: Principal, index: Target, release: Release) -> None:
    _refuse(owner, index, release, release.request(meta=None))
    for meta in _NO_MAPPINGS:
        _refuse(owner, index, release, release.request(meta=meta))
    _create(owner, index, release)


@covers("SESSION-CREATE-03", 'api-version the value of which must be the string "2.0".')
def test_api_version_is_the_string_2_0(owner: Principal, index: Target, release: Release) -> None:
    _refuse(owner, index, release, release.request(meta={}))
    for version in (2.0, 2, "2", "1.0", "2.1", "v2.0", "", ["2.0"]):
        _refuse(owner, index, release, release.request(meta={"api-version": version}))
    _create(owner, index, release)


@covers("SESSION-CREATE-03", "the only required sub-key is api-version")
def test_api_version_is_enough(owner: Principal, index: Target, release: Release) -> None:
    answer = owner.post(index.root, release.request(meta={"api-version": "2.0"}))
    assert answer.status == 201, f"api-version alone is not enough: {answer}"


@covers("SESSION-CREATE-05", "name (required)")
def test_a_session_is_not_created_without_a_name(owner: Principal, index: Target, release: Release) -> None:
    _refuse(owner, index, release, release.request(name=None))
    for name in (*_NO_STRINGS, "-", f"{release.project}!", f"-{release.project}", f"{release.project}\u00e9"):
        _refuse(owner, index, release, release.request(name=name))
    _create(owner, index, release)


@covers("SESSION-CREATE-08", "version (required)")
def test_a_session_is_not_created_without_a_version(owner: Principal, index: Target, release: Release) -> None:
    _refuse(owner, index, release, release.request(version=None))
    for version in (*_NO_STRINGS, "not a version", "1.0-", "1..0"):
        _refuse(owner, index, release, release.request(version=version))
    _create(owner, index, release)


@covers("SESSION-CREATE-07", "the server MUST normalize the name.")
def test_names_that_are_the_same_when_normalized_are_the_same(
    owner: Principal, index: Target, release: Release
) -> None:
    written = _unnormalized(release)
    created = _create(owner, index, written)
    for same in (release, Release(release.project.replace("-", "."))):
        again = owner.post(index.root, same.request())
        assert again.status == 409, f"{same.project} is taken for another than {written.project}: {again}"
        assert again.location == created.url, f"Location is not {created.url}: {again.location}"


@covers("SESSION-CREATE-07", "the server MUST normalize the name.")
def test_a_project_is_found_by_its_normalized_name(
    owner: Principal, anonymous: Principal, index: Target, release: Release
) -> None:
    session = _create(owner, index, _unnormalized(release))
    wheel = release.wheel()
    steps.stage(owner, session, wheel)
    staged = simple.files(anonymous, stages.require_stage(session), release.project)
    assert wheel.filename in staged, f"the stage of {release.project} has {sorted(staged)}"
    if index.simple is not None:
        steps.publish(owner, session)
        public = simple.files(owner, index.simple, release.project)
        assert wheel.filename in public, f"the page of {release.project} has {sorted(public)}"


@covers("SESSION-CREATE-12", "the index MUST reserve the project name when the session is created.")
@pytest.mark.usefixtures("session")
def test_the_name_of_a_first_release_is_reserved(other: Principal, index: Target, release: Release) -> None:
    for version in (release.version, "2.0"):
        answer = other.post(index.root, Release(release.project, version).request())
        assert answer.refused, f"somebody else gets a session for the name: {answer}"
    answer = other.post(index.root, _unnormalized(release).request())
    assert answer.refused, f"somebody else gets a session for the name, written otherwise: {answer}"


@covers("SESSION-CREATE-12", "the index MUST reserve the project name when the session is created.")
@pytest.mark.usefixtures("session")
def test_a_reserved_name_is_reserved_from_the_legacy_api_too(other: Principal, index: Target, release: Release) -> None:
    url = index.require_legacy()
    answer = legacy.upload(other, url, release, release.wheel())
    assert answer.refused, f"somebody else publishes under the name: {answer}"


@covers("SESSION-CREATE-12", "the index MUST reserve the project name when the session is created.")
def test_a_name_stays_reserved_as_long_as_a_session_has_it(
    owner: Principal, other: Principal, index: Target, release: Release, session: Session
) -> None:
    second = steps.open_session(owner, index.root, Release(release.project, "2.0"))
    steps.cancel(owner, second)
    answer = other.post(index.root, Release(release.project, "3.0").request())
    assert answer.refused, f"the name is free although {session.url} is open: {answer}"


@covers("SESSION-CREATE-12", "the index MUST reserve the project name when the session is created.")
def test_of_many_who_claim_a_name_at_once_one_gets_it(
    owner: Principal, other: Principal, index: Target, release: Release
) -> None:
    def claim(number: int) -> tuple[int, Answer]:
        claimant = number % 2
        version = Release(release.project, f"{number}.0")
        return claimant, (owner, other)[claimant].post(index.root, version.request())

    with ThreadPoolExecutor(_RACERS) as racers:
        answers = list(racers.map(claim, range(_RACERS)))
    claimants = {claimant for claimant, answer in answers if answer.ok}
    assert len(claimants) == 1, f"{len(claimants)} principals got the name: {[str(answer) for _, answer in answers]}"


@covers("SESSION-CREATE-13", "This is a temporary reservation, held only for the life of the stage")
@covers("SESSION-CREATE-16", "as if it were never uploaded, releasing the reservation.")
def test_a_name_is_free_after_its_first_release_was_canceled(
    owner: Principal, other: Principal, index: Target, release: Release, session: Session
) -> None:
    steps.stage(owner, session, release.wheel())
    steps.cancel(owner, session)
    answer = other.post(index.root, release.request())
    assert answer.status == 201, f"the name is still reserved: {answer}"


@covers("SESSION-CREATE-16", "the index SHOULD delete the project record")
def test_there_is_no_project_after_its_first_release_was_canceled(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    published = index.require_simple()
    steps.stage(owner, session, release.wheel())
    steps.cancel(owner, session)
    answer = simple.page(owner, published, release.project)
    assert answer.status == 404, f"there is a page of it: {answer}"


@covers("SESSION-CREATE-14", "It MUST NOT be possible to navigate to the reserved project")
def test_a_reserved_project_cannot_be_navigated_to(
    owner: Principal, anonymous: Principal, index: Target, release: Release, session: Session
) -> None:
    published = index.require_simple()
    steps.stage(owner, session, release.wheel())
    for principal in (anonymous, owner):
        answer = simple.page(principal, published, release.project)
        assert answer.status in ({404} if principal is owner else {401, 403, 404}), f"there is a page of it: {answer}"
        projects = principal.follow(f"{published.rstrip('/')}/", Accept="text/html")
        assert release.project.encode() not in projects.content, f"{release.project} is listed at {projects.url}"


@covers("SESSION-CREATE-15", "at which point the reservation becomes a permanent registration of the name.")
def test_the_name_of_a_published_release_is_registered(
    owner: Principal, other: Principal, index: Target, upcoming: Release
) -> None:
    answer = other.post(index.root, upcoming.request())
    assert answer.refused, f"somebody else gets a session for the name: {answer}"
    steps.cancel(owner, steps.open_session(owner, index.root, upcoming))
    answer = other.post(index.root, upcoming.request())
    assert answer.refused, f"the cancelation of a later release has freed the name: {answer}"
    if index.simple is not None:
        page = simple.page(owner, index.simple, upcoming.project)
        assert page.ok, f"a registered project has no page: {page}"


@covers("SESSION-CREATE-15", "at which point the reservation becomes a permanent registration of the name.")
def test_a_name_that_was_published_without_files_is_registered(
    owner: Principal, other: Principal, index: Target, release: Release, session: Session
) -> None:
    steps.publish(owner, session)
    answer = other.post(index.root, Release(release.project, "2.0").request())
    assert answer.refused, f"somebody else gets a session for the name: {answer}"


@covers("SESSION-CREATE-17", "A publishing session is not bound to the specific credentials that created it.")
def test_a_session_goes_on_with_other_credentials(
    owner: Principal, index: Target, shared: Release, colleague: Colleague
) -> None:
    session = steps.open_session(owner, index.root, shared)
    steps.stage(colleague.principal, session, shared.wheel())
    steps.stage(owner, session, shared.sdist())
    steps.publish(colleague.principal, session)


@covers("SESSION-CREATE-19", "A request from a principal that is not, or is no longer, so authorized")
def test_who_is_not_authorized_is_forbidden_each_request(
    owner: Principal, other: Principal, index: Target, release: Release, session: Session
) -> None:
    file = steps.begin(owner, session, release.wheel())
    allowed = exceptions(ask_all(endpoints(index.root, release, session, file), other), 403)
    assert not allowed, f"to a stranger: {allowed}"


@covers("SESSION-CREATE-19", "or is no longer, so authorized MUST receive a 403 Forbidden.")
def test_who_is_not_authorized_any_more_is_forbidden_each_request(membership: Membership) -> None:
    allowed = exceptions({**membership.revoked, **membership.revoked_own}, 403)
    assert not allowed, f"after the revocation: {allowed}"


@covers("SESSION-CREATE-20", "the index instead authorizes the request according to its own name-registration policy")
def test_who_may_register_names_gets_a_session_for_a_new_one(
    owner: Principal, other: Principal, index: Target, release: Release
) -> None:
    for principal, version in ((owner, release), (other, Release(f"{release.project}-2"))):
        answer = principal.post(index.root, version.request())
        assert answer.status == 201, f"a new name was not given to who may register it: {answer}"


@covers("SESSION-CREATE-21", "SHOULD treat the creating principal")
@covers("SESSION-CREATE-21", "as authorized for the lifetime of the session.")
def test_the_creator_of_a_first_release_may_do_everything_with_it(
    owner: Principal, index: Target, release: Release, session: Session
) -> None:
    file = steps.stage(owner, session, release.wheel())
    unwanted = steps.begin(owner, session, release.sdist())
    asked = {
        "create": owner.post(index.root, release.request()),
        "file status": owner.get(file.url),
        "delete the file": owner.delete(unwanted.url),
        "status": owner.get(session.url),
        "extend": steps.extend(owner, session.extend or session.url, 60),
        "publish": owner.post(session.publish),
    }
    forbidden = {what: str(answer) for what, answer in asked.items() if answer.status in {401, 403}}
    assert not forbidden, f"the creator is forbidden: {forbidden}"
    state = steps.session_state(owner, session)
    assert state in steps.PUBLISHED, f"{state} after its creator has published it"


@covers("SESSION-CREATE-21", "as authorized for the lifetime of the session.")
def test_the_creator_of_a_first_release_may_cancel_it(owner: Principal, session: Session) -> None:
    answer = owner.delete(session.url)
    assert answer.ok, f"the creator may not cancel: {answer}"


def _create(principal: Principal, index: Target, release: Release) -> Session:
    """Return a new session; fails if there is one already, so that nothing before has created one."""
    answer = principal.post(index.root, release.request())
    assert answer.status == 201, f"a session could not be created: {answer}"
    return Session(answer.json())


def _refuse(principal: Principal, index: Target, release: Release, request: dict[str, object]) -> None:
    answer = principal.post(index.root, request)
    assert answer.refused, f"{request} for {release.project} is taken: {answer}"


def _unnormalized(release: Release) -> Release:
    return Release(release.project.upper().replace("-", "_.-"), release.version)
