"""Mistakes of who calls the suite: they end it before it begins, and are no faults of the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.fake_index import TOKEN, Reply, reply

from hatch_staged.conformance import preconditions
from hatch_staged.conformance.preconditions import PreconditionError
from hatch_staged.conformance.target import Target

if TYPE_CHECKING:
    from tests.conformance.fake_index import FakeIndex

ROOT = ("POST", "/root")
HTML = {"Content-Type": "text/html"}
PROBLEM = "application/problem+json"


def refused(fake: FakeIndex, token: str = TOKEN, other_token: str | None = None) -> tuple[str, int]:
    """Return why the suite cannot be run, and with which exit code it ends."""
    with pytest.raises(PreconditionError) as caught:
        preconditions.require(Target(fake.root, token, other_token))
    assert TOKEN not in str(caught.value)
    return str(caught.value), caught.value.exit_code


def test_a_session_can_be_created_and_is_canceled(fake: FakeIndex) -> None:
    preconditions.require(Target(fake.root, TOKEN))
    assert [seen.method for seen in fake.seen] == ["POST", "POST", "POST", "DELETE"]


@pytest.mark.parametrize(
    ("challenge", "scheme"),
    [("Basic", "Basic"), ('Bearer realm="x"', "Bearer"), ('bearer, basic realm="x"', "Basic"), ("", "Basic")],
)
def test_tokens_are_sent_as_the_index_asks_for_it(fake: FakeIndex, challenge: str, scheme: str) -> None:
    fake.challenge = challenge
    fake.script[ROOT] = [Reply(401, headers={"WWW-Authenticate": challenge}), Reply(400), reply(201, fake.session(1))]
    assert preconditions.require(Target(fake.root, TOKEN)).scheme == scheme
    assert fake.seen[1].headers["authorization"].startswith(f"{scheme} ")


def test_tokens_are_sent_as_the_caller_says(fake: FakeIndex) -> None:
    fake.challenge = "Basic, Bearer"
    assert preconditions.require(Target(fake.root, TOKEN, scheme="Bearer")).scheme == "Bearer"
    assert fake.seen[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [404, 405, 501])
def test_where_nothing_takes_messages_there_is_no_root_endpoint(fake: FakeIndex, status: int) -> None:
    fake.script[ROOT] = [reply(status, {"title": "No"}, PROBLEM)]
    told = f"POST {fake.root} answered {status}: this is no Upload 2.0 root endpoint"
    assert refused(fake) == (told, 2)


def test_a_redirect_is_no_root_endpoint_and_says_where_one_may_be(fake: FakeIndex) -> None:
    fake.script[ROOT] = [Reply(308, headers={"Location": "/root/"})]
    told, code = refused(fake)
    assert code == 2
    assert f"answered 308, leading to {fake.origin}/root/: " in told


@pytest.mark.parametrize("status", [200, 400, 500])
def test_pages_for_people_are_no_root_endpoint(fake: FakeIndex, status: int) -> None:
    fake.script[ROOT] = [Reply(status, b"<html>", HTML)]
    assert refused(fake)[1] == 2


def test_an_index_whose_errors_are_pages_is_tried(fake: FakeIndex) -> None:
    fake.script[ROOT] = [Reply(400, b"<html>", HTML), reply(201, fake.session(1))]
    preconditions.require(Target(fake.root, TOKEN))


def test_an_index_that_creates_nothing_is_tried(fake: FakeIndex) -> None:
    fake.script[ROOT] = [reply(409, {"title": "Conflict"}, PROBLEM)]
    preconditions.require(Target(fake.root, TOKEN))


def test_an_index_that_creates_something_else_is_tried(fake: FakeIndex) -> None:
    fake.script[ROOT] = [Reply(400), reply(201, {"links": []})]
    preconditions.require(Target(fake.root, TOKEN))


def test_tokens_have_to_be_taken(fake: FakeIndex) -> None:
    assert refused(fake, token="another") == (f"{fake.root} does not take the token", 4)
    told = f"{fake.root} does not take the token of --other-token"
    assert refused(fake, other_token="another") == (told, 4)


def test_the_owner_has_to_have_the_right_to_new_projects(fake: FakeIndex) -> None:
    fake.script[ROOT] = [Reply(400), reply(403, {"title": "Only members"}, PROBLEM)]
    told, code = refused(fake)
    assert code == 4
    assert told.startswith("the token is not good for a session of a new project: ")
    assert "Only members" in told


def test_an_index_that_limits_the_rate_of_requests_is_left_alone(fake: FakeIndex) -> None:
    fake.script[ROOT] = [Reply(429, headers={"Retry-After": "3600"})]
    told, code = refused(fake)
    assert code == 1
    assert told.startswith("the index limits the rate of requests")
