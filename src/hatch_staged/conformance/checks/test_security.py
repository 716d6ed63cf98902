"""PEP 694, "Security Implications": "Session authorization"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import simple, stages, steps
from hatch_staged.conformance.artifacts import Release
from hatch_staged.conformance.endpoints import endpoints, exceptions
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.wire import META

if TYPE_CHECKING:
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal


@pytest.fixture
def upcoming(established: Release) -> Release:
    """Return the next release of an established project."""
    return Release(established.project, "2.0")


@pytest.fixture
def upcoming_session(owner: Principal, index: Target, upcoming: Release) -> Session:
    """Return an open session of the owner for it."""
    return steps.open_session(owner, index.root, upcoming)


@covers("SECURITY-01", "Indexes MUST re-validate authorization on each session request")
def test_who_loses_permission_is_denied_and_who_gains_it_goes_on(
    index: Target, upcoming: Release, upcoming_session: Session, colleague: Principal
) -> None:
    wheel = upcoming.wheel()
    file = steps.begin(colleague, upcoming_session, wheel)
    index.revoke_other(upcoming.project)
    asked = endpoints(index.root, upcoming, upcoming_session, file)
    denied = exceptions(asked, lambda each: each.ask(colleague), lambda answer: answer.status == 403)
    index.grant_other(upcoming.project)
    assert not denied, f"without permission: {denied}"
    steps.finish(colleague, file, wheel)
    if upcoming_session.extend is not None:
        answer = colleague.post(upcoming_session.extend, {"meta": META, "extend-for": 60})
        assert answer.ok, f"with permission: {answer}"
    steps.publish(colleague, upcoming_session)


@covers("SECURITY-02", "may add to, cancel, or publish another principal's open session.")
def test_who_is_authorized_adds_to_the_session_of_another_and_publishes_it(
    owner: Principal, upcoming: Release, upcoming_session: Session, colleague: Principal
) -> None:
    theirs = steps.stage(owner, upcoming_session, upcoming.wheel())
    steps.delete(colleague, theirs)
    sdist = upcoming.sdist()
    steps.stage(colleague, upcoming_session, sdist)
    steps.publish(colleague, upcoming_session)
    assert steps.staged_files(owner, upcoming_session).keys() == {sdist.filename}


@covers("SECURITY-02", "may add to, cancel, or publish another principal's open session.")
def test_who_is_authorized_cancels_the_session_of_another(
    owner: Principal, upcoming_session: Session, colleague: Principal
) -> None:
    steps.cancel(colleague, upcoming_session)
    assert steps.session_status(owner, upcoming_session)["status"] == "canceled"


@covers("SECURITY-03", "retains read-only preview access to the staged files")
def test_who_has_lost_permission_still_sees_the_stage(
    owner: Principal, index: Target, upcoming: Release, upcoming_session: Session, colleague: Principal
) -> None:
    stage = stages.require_stage(upcoming_session)
    wheel = upcoming.wheel()
    steps.stage(owner, upcoming_session, wheel)
    index.revoke_other(upcoming.project)
    status, listed = colleague.get(upcoming_session.url), simple.files(colleague, stage, upcoming.project)
    data = simple.download(colleague, listed[wheel.filename])
    index.grant_other(upcoming.project)
    assert status.status == 403, f"the permission was not revoked: {status}"
    assert data == wheel.data
