"""What the checks share: the index, who asks it, and something fresh to ask about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import steps
from hatch_staged.conformance.artifacts import fresh_release
from hatch_staged.conformance.target import TARGET
from hatch_staged.conformance.wire import Principal, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target

# About ten times as many as a run makes.
_MOST_REQUESTS = 20_000


@pytest.fixture(scope="session")
def index(pytestconfig: pytest.Config) -> Target:
    """Return the index under trial."""
    return pytestconfig.stash[TARGET]


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    """Return the connections of the run."""
    wire = Wire(limit=_MOST_REQUESTS)
    yield wire
    wire.close()


@pytest.fixture(scope="session")
def owner(index: Target, wire: Wire) -> Principal:
    """Return whose token it is; what they create is theirs."""
    return Principal(wire, index.token)


@pytest.fixture(scope="session")
def other(index: Target, wire: Wire) -> Principal:
    """Return somebody else, who has nothing to do with the owner's projects."""
    if index.other_token is None:
        pytest.skip("--other-token was not given")
    return Principal(wire, index.other_token)


@pytest.fixture(scope="session")
def anonymous(wire: Wire) -> Principal:
    """Return somebody without credentials."""
    return Principal(wire)


@pytest.fixture
def release() -> Release:
    """Return a release of a project that nobody knows."""
    return fresh_release()


@pytest.fixture
def session(owner: Principal, index: Target, release: Release) -> Session:
    """Return an open publishing session for `release`."""
    return steps.open_session(owner, index.root, release)


@pytest.fixture(autouse=True)
def _leave_nothing(index: Target, wire: Wire, owner: Principal) -> Iterator[None]:
    """Cancel the sessions that a check created and did not end."""
    begin = len(wire.journal)
    yield
    created = [each for each in wire.journal[begin:] if (each.method, each.url) == ("POST", index.root) and each.ok]
    for answer in created:
        url = steps.Session(answer.json()).url
        # What the index says to that is not what this check is about, nor is who created the session.
        if not owner.delete(url).ok and index.other_token is not None:
            Principal(wire, index.other_token).delete(url)
