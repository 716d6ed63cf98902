"""Who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.index import uploading
from tests.index.building import build

from hatch_staged.index import sessions, tokens
from hatch_staged.index.authorization import Principal, authenticate
from hatch_staged.index.records import Permission
from hatch_staged.index.refusals import ForbiddenError, SessionExistsError, UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_staged.index.core import Index

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


def test_staging_is_no_right_to_publish_or_cancel(index: Index, principal: MakePrincipal) -> None:
    stager, publisher = principal("alice", permissions={STAGE}), principal("alice", permissions={PUBLISH})
    mine = sessions.create(index, stager, name="foo", version="1.0").session
    for use_case in (sessions.publish, sessions.cancel):
        with pytest.raises(ForbiddenError, match="permission to publish"):
            use_case(index, stager, mine.id)
    with pytest.raises(ForbiddenError, match="permission to stage"):
        uploading.create(index, publisher, mine, build())
    for either in (stager, publisher):
        assert sessions.extend(index, either, mine.id, seconds=1) == sessions.status(index, either, mine.id)
    assert sessions.publish(index, publisher, mine.id).session.state.terminal


def test_revoked_token_counts_at_once(index: Index, alice: Principal) -> None:
    sessions.create(index, alice, name="foo", version="1.0")
    secret = tokens.create(index, user="alice")
    authenticate(index, secret)
    tokens.revoke(index, next(token.id for token in tokens.every(index) if token.id == tokens.digest_of(secret)[:12]))
    with pytest.raises(UnauthenticatedError):
        authenticate(index, secret)


def test_creator_of_a_canceled_first_session_still_sees_it(index: Index, alice: Principal, bob: Principal) -> None:
    mine = sessions.create(index, alice, name="foo", version="1.0").session
    sessions.cancel(index, alice, mine.id)
    assert sessions.status(index, alice, mine.id).session.state.value == "canceled"
    with pytest.raises(ForbiddenError):
        sessions.status(index, bob, mine.id)
