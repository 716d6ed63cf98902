"""Who may do what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.index import uploading
from tests.index.building import build

from hatch_staged.index import projects, sessions, tokens, uploads
from hatch_staged.index.authorization import Principal, authenticate
from hatch_staged.index.configuration import Limits
from hatch_staged.index.records import Permission, PublishingSession
from hatch_staged.index.refusals import ConflictingError, ForbiddenError, SessionExistsError, UnauthenticatedError
from hatch_staged.index.worker import work
from hatch_staged.protocol.states import SessionState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hatch_staged.index.core import Index
    from hatch_staged.index.uploads import FileStatus

    MakePrincipal = Callable[..., Principal]

STAGE, PUBLISH, ADMIN = Permission.STAGE, Permission.PUBLISH, Permission.ADMIN


@pytest.mark.parametrize("secret", [None, "", "wrong"])
def test_without_a_valid_secret_there_is_no_principal(index: Index, secret: str | None) -> None:
    with pytest.raises(UnauthenticatedError):
        authenticate(index, secret)


def test_new_name_belongs_to_who_reserved_it(index: Index, alice: Principal, bob: Principal) -> None:
    mine = sessions.create(index, alice, name="foo", version="1.0").session
    # 403, not 409: bob does not learn that there is a session.
    for version in ("1.0", "2.0"):
        with pytest.raises(ForbiddenError):
            sessions.create(index, bob, name="foo", version=version)
    for use_case in (sessions.status, sessions.publish, sessions.cancel):
        with pytest.raises(ForbiddenError):
            use_case(index, bob, mine.id)
    with pytest.raises(ForbiddenError):
        sessions.extend(index, bob, mine.id, seconds=1)
    assert sessions.status(index, alice, mine.id).session == mine


def test_refused_principal_reserves_nothing(index: Index, principal: MakePrincipal, alice: Principal) -> None:
    with pytest.raises(ForbiddenError, match="permission to stage"):
        sessions.create(index, principal("bob", permissions={PUBLISH}), name="foo", version="1.0")
    with pytest.raises(ForbiddenError, match="may not be used for the project foo"):
        sessions.create(index, principal("bob", projects={"bar"}), name="foo", version="1.0")
    assert sessions.create(index, alice, name="foo", version="1.0").session.project == "foo"


def test_token_for_a_project_lets_another_user_in(index: Index, principal: MakePrincipal, alice: Principal) -> None:
    mine = sessions.create(index, alice, name="Foo", version="1.0").session
    ci = principal("ci", projects={"foo"})
    assert sessions.status(index, ci, mine.id).session == mine
    with pytest.raises(SessionExistsError) as caught:
        sessions.create(index, ci, name="foo", version="1.0")
    assert caught.value.session_id == mine.id


def test_scope_binds_the_owner_too(index: Index, principal: MakePrincipal, alice: Principal) -> None:
    mine = sessions.create(index, alice, name="foo", version="1.0").session
    with pytest.raises(ForbiddenError):
        sessions.status(index, principal("alice", projects={"bar"}), mine.id)


def test_admin_may_do_everything_within_the_scope(index: Index, principal: MakePrincipal, alice: Principal) -> None:
    mine = sessions.create(index, alice, name="foo", version="1.0").session
    with pytest.raises(ForbiddenError):
        sessions.status(index, principal("root", permissions={ADMIN}, projects={"bar"}), mine.id)
    root = principal("root", permissions={ADMIN})
    with pytest.raises(SessionExistsError):
        sessions.create(index, root, name="foo", version="1.0")
    assert sessions.cancel(index, root, mine.id).session.id == mine.id


VERBS: dict[str, tuple[set[Permission], Callable[[Index, Principal, PublishingSession, FileStatus], object]]] = {
    "create": ({STAGE}, lambda index, who, _session, _file: sessions.create(index, who, name="foo", version="2.0")),
    "status": ({STAGE, PUBLISH}, lambda index, who, session, _file: sessions.status(index, who, session.id)),
    "extend": ({STAGE, PUBLISH}, lambda index, who, session, _file: sessions.extend(index, who, session.id, seconds=1)),
    "publish": ({PUBLISH}, lambda index, who, session, _file: sessions.publish(index, who, session.id)),
    "cancel": ({PUBLISH}, lambda index, who, session, _file: sessions.cancel(index, who, session.id)),
    "create a file": (
        {STAGE},
        lambda index, who, session, _file: uploading.create(index, who, session, build("foo-1.0.tar.gz")),
    ),
    "status of a file": ({STAGE, PUBLISH}, lambda index, who, _session, file: uploads.status(index, who, file.address)),
    "send": ({STAGE}, lambda index, who, _session, file: uploading.send(index, who, file, build().data)),
    "complete": ({STAGE}, lambda index, who, _session, file: uploads.complete(index, who, file.address)),
    "delete": ({STAGE}, lambda index, who, _session, file: uploads.delete(index, who, file.address)),
}


@pytest.fixture
def session(index: Index, alice: Principal) -> PublishingSession:
    return sessions.create(index, alice, name="foo", version="1.0").session


@pytest.fixture
def file(index: Index, alice: Principal, session: PublishingSession) -> FileStatus:
    """Return a file that can be completed."""
    file = uploading.create(index, alice, session, build())
    uploading.send(index, alice, file, build().data)
    return file


def is_allowed(call: Callable[[], object]) -> bool:
    """Whether `call` is refused for no other reason than the permission."""
    try:
        call()
    except ForbiddenError:
        return False
    except ConflictingError as error:
        assert "must be completed" in error.detail  # noqa: PT017 - which publishing comes to
    return True


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("relation", ["owner", "member", "scoped", "stranger"])
def test_each_permission_allows_what_it_is_for(
    index: Index,
    principal: MakePrincipal,
    session: PublishingSession,
    file: FileStatus,
    *,
    verb: str,
    permission: Permission,
    relation: str,
) -> None:
    projects.add_member(index, "foo", "member")
    user, scope = ("alice" if relation == "owner" else relation), ({"foo"} if relation == "scoped" else set())
    who = principal(user, permissions={permission}, projects=scope)
    needed, call = VERBS[verb]
    reached = relation != "stranger" or permission is ADMIN
    assert is_allowed(lambda: call(index, who, session, file)) == (reached and permission in {ADMIN, *needed})


def test_membership_counts_from_the_next_request_on(index: Index, bob: Principal, session: PublishingSession) -> None:
    with pytest.raises(ForbiddenError):
        sessions.status(index, bob, session.id)
    projects.add_member(index, "foo", "bob")
    other = sessions.create(index, bob, name="foo", version="2.0").session
    projects.remove_member(index, "foo", "bob")
    # "even if that principal created the session"
    for mine in (session, other):
        with pytest.raises(ForbiddenError):
            sessions.status(index, bob, mine.id)
    # "This denial is evaluated per request and is not "sticky""
    projects.add_member(index, "foo", "bob")
    assert sessions.cancel(index, bob, other.id).session.state.terminal


def test_project_can_be_taken_from_somebody(
    index: Index, alice: Principal, bob: Principal, session: PublishingSession
) -> None:
    projects.transfer(index, "foo", "bob")
    with pytest.raises(ForbiddenError):
        sessions.publish(index, alice, session.id)
    with pytest.raises(ForbiddenError):
        sessions.create(index, alice, name="foo", version="1.0")
    assert sessions.publish(index, bob, session.id).session.state.terminal


def test_right_to_publish_is_asked_again_when_it_is_carried_out(
    index: Index, bob: Principal, session: PublishingSession, alice: Principal
) -> None:
    index = replace(index, limits=Limits(immediate_files=0))
    projects.add_member(index, "foo", "bob")
    uploading.stage(index, alice, session, build())
    sessions.publish(index, bob, session.id)
    projects.remove_member(index, "foo", "bob")
    work(index)
    failed = sessions.status(index, alice, session.id).session
    assert (failed.state, failed.notices) == (
        SessionState.ERROR,
        ("This token may not be used for the project foo.",),
    )


def test_revoked_token_counts_at_once(index: Index, alice: Principal) -> None:
    sessions.create(index, alice, name="foo", version="1.0")
    secret = tokens.create(index, user="alice")
    authenticate(index, secret)
    tokens.revoke(index, next(token.id for token in tokens.every(index) if token.id == tokens.digest_of(secret)[:12]))
    with pytest.raises(UnauthenticatedError):
        authenticate(index, secret)


@pytest.mark.parametrize("verb", VERBS)
def test_token_that_is_revoked_during_its_request_counts_no_more(
    index: Index, principal: MakePrincipal, session: PublishingSession, file: FileStatus, verb: str
) -> None:
    who = principal("alice", permissions={ADMIN})
    tokens.revoke(index, who.token_id)
    with pytest.raises(ForbiddenError, match="was revoked"):
        VERBS[verb][1](index, who, session, file)


def test_token_that_is_revoked_while_bytes_come_counts_no_more(
    index: Index, alice: Principal, file: FileStatus
) -> None:
    before = list(index.objects.list())

    async def revoking() -> AsyncIterator[bytes]:
        async for chunk in uploading.chunked(build().data):
            tokens.revoke(index, alice.token_id)
            yield chunk

    with pytest.raises(ForbiddenError, match="was revoked"):
        uploading.receive(index, alice, file, revoking())
    assert list(index.objects.list()) == before


def test_creator_of_a_canceled_first_session_still_sees_it(index: Index, alice: Principal, bob: Principal) -> None:
    mine = sessions.create(index, alice, name="foo", version="1.0").session
    sessions.cancel(index, alice, mine.id)
    assert sessions.status(index, alice, mine.id).session.state.value == "canceled"
    with pytest.raises(ForbiddenError):
        sessions.status(index, bob, mine.id)
