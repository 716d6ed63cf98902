"""Who may use which project, as the operator says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.index import projects, sessions, tokens
from hatch_staged.index.authorization import authenticate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.index.conftest import Clock

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index


def listed(index: Index) -> list[tuple[str, str, tuple[str, ...], bool]]:
    return [
        (each.project.name, each.project.owner, each.members, each.project.registered_at is not None)
        for each in projects.every(index)
    ]


def test_projects_are_listed_with_owners_and_members(index: Index, alice: Principal, bob: Principal) -> None:
    sessions.create(index, bob, name="foo", version="1.0")
    sessions.publish(index, alice, sessions.create(index, alice, name="Bar", version="1.0").session.id)
    for user in ("dave", "carol", "carol"):
        projects.add_member(index, "BAR", user)
    assert listed(index) == [("bar", "alice", ("carol", "dave"), True), ("foo", "bob", (), False)]
    projects.remove_member(index, "bar", "dave")
    projects.transfer(index, "bar", "carol")
    assert listed(index)[0] == ("bar", "carol", (), True)


def test_tokens_that_were_made_for_a_project_are_told(index: Index, clock: Clock) -> None:
    def create(user: str, *scope: str) -> str:
        clock.advance(seconds=1)
        return authenticate(index, tokens.create(index, user=user, projects=scope)).token_id

    alice = authenticate(index, tokens.create(index, user="alice"))
    sessions.create(index, alice, name="foo", version="1.0")
    hers = [create("alice", "Foo"), create("alice", "foo", "bar")]
    create("alice", "bar")
    projects.add_member(index, "foo", "bob")
    his = [create("bob", "foo")]
    tokens.revoke(index, create("bob", "foo"))
    assert [token.id for token in projects.remove_member(index, "foo", "bob")] == his
    assert [token.id for token in projects.transfer(index, "FOO", "bob")] == hers
    assert projects.transfer(index, "foo", "bob") == ()


def test_released_name_forgets_its_members(index: Index, alice: Principal, bob: Principal) -> None:
    first, second = (sessions.create(index, alice, name="foo", version=version).session.id for version in ("1", "2"))
    projects.add_member(index, "foo", "carol")
    sessions.cancel(index, alice, first)
    assert listed(index) == [("foo", "alice", ("carol",), False)]
    sessions.cancel(index, alice, second)
    assert listed(index) == []
    sessions.create(index, bob, name="foo", version="1.0")
    assert listed(index) == [("foo", "bob", (), False)]


def test_registered_name_keeps_its_members(index: Index, alice: Principal) -> None:
    sessions.publish(index, alice, sessions.create(index, alice, name="foo", version="1.0").session.id)
    projects.add_member(index, "foo", "carol")
    sessions.cancel(index, alice, sessions.create(index, alice, name="foo", version="1.0").session.id)
    assert listed(index) == [("foo", "alice", ("carol",), True)]


@pytest.mark.parametrize("change", [projects.add_member, projects.remove_member, projects.transfer])
@pytest.mark.parametrize(
    ("name", "user", "error", "message"),
    [
        ("no/name", "bob", ConfigurationError, "not a valid project name"),
        ("foo", " ", ConfigurationError, "name of a user"),
        ("bar", "bob", StagedError, "there is no project bar"),
    ],
)
def test_what_cannot_be_is_refused(
    index: Index,
    alice: Principal,
    change: Callable[[Index, str, str], object],
    *,
    name: str,
    user: str,
    error: type[Exception],
    message: str,
) -> None:
    sessions.create(index, alice, name="foo", version="1.0")
    with pytest.raises(error, match=message):
        change(index, name, user)
    assert listed(index) == [("foo", "alice", (), False)]


@pytest.mark.parametrize(
    ("change", "user", "message"),
    [
        (projects.add_member, "alice", "alice owns foo"),
        (projects.remove_member, "alice", "alice owns it"),
        (projects.remove_member, "bob", "is no member of it"),
    ],
)
def test_members_are_others_than_the_owner(
    index: Index, alice: Principal, change: Callable[[Index, str, str], object], user: str, message: str
) -> None:
    sessions.create(index, alice, name="foo", version="1.0")
    with pytest.raises(StagedError, match=message):
        change(index, "foo", user)
