"""PEP 694, "Security Implications": "Session authorization"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import steps
from hatch_staged.conformance.endpoints import exceptions
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.membership import Colleague, Membership
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal


@covers("SECURITY-01", "a principal that loses upload permission while a session is open is denied")
@covers("SECURITY-01", "including artifact uploads, file upload session completion, session extension requests")
def test_who_loses_permission_is_denied_each_request(membership: Membership) -> None:
    for answers in (membership.revoked, membership.revoked_own):
        allowed = exceptions(answers, 403)
        assert not allowed, f"after the revocation: {allowed}"


@covers("SECURITY-01", "a principal that gains permission may join an open session.")
def test_who_gains_permission_joins_and_goes_on(membership: Membership) -> None:
    for answers in (membership.granted, membership.restored):
        denied = [str(answer) for answer in answers.values() if not answer.ok]
        assert not denied, f"with permission: {denied}"


@covers("SECURITY-02", "may add to, cancel, or publish another principal's open session.")
def test_who_is_authorized_adds_to_the_session_of_another_and_publishes_it(
    owner: Principal, index: Target, shared: Release, colleague: Colleague
) -> None:
    session = steps.open_session(owner, index.root, shared)
    steps.delete(colleague.principal, steps.stage(owner, session, shared.wheel()))
    sdist = shared.sdist()
    steps.stage(colleague.principal, session, sdist)
    files = steps.staged_files(owner, session)
    assert files.keys() == {sdist.filename}, f"the session has the files {sorted(files)}"
    steps.publish(colleague.principal, session)


@covers("SECURITY-02", "may add to, cancel, or publish another principal's open session.")
def test_who_is_authorized_cancels_the_session_of_another(
    owner: Principal, index: Target, shared: Release, colleague: Colleague
) -> None:
    session = steps.open_session(owner, index.root, shared)
    steps.cancel(colleague.principal, session)
    state = steps.state(owner, session.url)
    assert state in steps.CANCELED, f"{state} after its cancellation"


@covers("SECURITY-03", "a principal whose permission is revoked mid-session")
@covers("SECURITY-03", "retains read-only preview access to the staged files")
def test_who_has_lost_permission_still_sees_the_stage(membership: Membership) -> None:
    if membership.preview is None:
        pytest.skip("the index has no previews")
    seen, staged = membership.preview
    assert seen == staged, "the staged file has other bytes"
    assert membership.revoked["status"].status == 403, f"the permission was not revoked: {membership.revoked['status']}"
