"""What the checks share: the index, who asks it, and something fresh to ask about."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import steps
from hatch_staged.conformance.artifacts import Release, fresh_release
from hatch_staged.conformance.conversation import Conversation, converse
from hatch_staged.conformance.membership import Colleague, Membership, come_and_go
from hatch_staged.conformance.register import Register
from hatch_staged.conformance.target import TARGET
from hatch_staged.conformance.wire import Principal, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target

# About ten times as many as a run makes.
_MOST_REQUESTS = 20_000
# About twenty times as long as one takes that waits for nothing (seconds), and twice as many as wait for an expiry.
_LONGEST_RUN = 1800
_MOST_WAITS = 20

_VERSIONS = count(1)


@pytest.fixture(scope="session")
def index(pytestconfig: pytest.Config) -> Target:
    """Return the index under trial."""
    return pytestconfig.stash[TARGET]


@pytest.fixture(scope="session")
def wire(index: Target) -> Iterator[Wire]:
    """Return the connections of the run."""
    wire = Wire(limit=_MOST_REQUESTS, seconds=_LONGEST_RUN + _MOST_WAITS * index.patience)
    yield wire
    wire.close()


@pytest.fixture(scope="session")
def owner(index: Target, wire: Wire) -> Principal:
    """Return whose token it is; what they create is theirs."""
    return index.owner(wire)


@pytest.fixture(scope="session")
def other(index: Target, wire: Wire) -> Principal:
    """Return somebody else, who has nothing to do with the owner's projects."""
    return index.other(wire)


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


@pytest.fixture(scope="session")
def established(owner: Principal, index: Target) -> Release:
    """Return a published release of a project that is the owner's and nobody else's."""
    return _published(owner, index)


@pytest.fixture
def upcoming(established: Release) -> Release:
    """Return a release of that project that is not published."""
    return Release(established.project, f"{next(_VERSIONS)}.0")


@pytest.fixture(scope="session")
def colleague(index: Target, other: Principal, owner: Principal) -> Iterator[Colleague]:
    """Return the other one with a project of the owner's that they may upload to."""
    index.require_grant()
    release = _published(owner, index)
    with index.granted(release.project):
        yield Colleague(other, release.project)


@pytest.fixture
def shared(colleague: Colleague) -> Release:
    """Return a release of the colleague's project that is not published."""
    return Release(colleague.project, f"{next(_VERSIONS)}.0")


@pytest.fixture(scope="session")
def membership(index: Target, other: Principal, owner: Principal) -> Membership:
    """Return what the other one was answered while their permission for a project came and went."""
    index.require_grant()
    return come_and_go(owner, other, index, _published(owner, index).project)


@pytest.fixture(scope="session")
def conversation(owner: Principal, index: Target) -> Conversation:
    """Return what the index answered in a run through the whole API."""
    return converse(owner, index.root)


@pytest.fixture(scope="session")
def abandoned(owner: Principal, index: Target) -> tuple[Session, ...]:
    """Return sessions that were canceled at once: of different projects, and twice of the same release."""
    releases = [fresh_release() for _ in range(7)]
    sessions = []
    for release in [*releases, releases[0]]:
        session = steps.open_session(owner, index.root, release)
        sessions.append(session)
        owner.delete(session.url)
    return tuple(sessions)


@pytest.fixture(scope="session")
def register(index: Target, wire: Wire) -> Iterator[Register]:
    """Return where the sessions are that were created; none is left at the end of the run."""
    register = Register(index, wire)
    yield register
    register.cancel_all()


@pytest.fixture(autouse=True)
def _leave_nothing(register: Register) -> Iterator[None]:
    """Cancel the sessions that a check created and did not end, and none that several checks share."""
    register.keep_new()
    yield
    register.cancel_new()


def _published(owner: Principal, index: Target) -> Release:
    """Publish a release of a new project."""
    release = fresh_release("0.1")
    session = steps.open_session(owner, index.root, release)
    steps.stage(owner, session, release.wheel())
    steps.publish(owner, session)
    return release
