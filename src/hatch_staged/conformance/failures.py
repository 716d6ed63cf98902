"""Sessions whose publication has to fail, although all their files are completed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import legacy, steps
from hatch_staged.conformance.artifacts import Artifact, Release, fresh_release

if TYPE_CHECKING:
    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Principal


@dataclass(frozen=True)
class Doomed:
    """A publishing session that cannot be published as long as `file` is in it."""

    release: Release
    session: Session
    #: what is in the way of the publication
    artifact: Artifact
    #: its file upload session, completed
    file: FileSession
    #: what was published instead
    rival: Artifact

    def repair(self, principal: Principal) -> Artifact:
        """Put a small source distribution into the session in place of the file; return it."""
        steps.delete(principal, self.file)
        artifact = self.release.sdist()
        steps.stage(principal, self.session, artifact)
        return artifact


def doom(principal: Principal, index: Target) -> Doomed:
    """Return a session whose publication has to fail; skip the check if nothing is known to make it fail."""
    if index.project_quota is None and index.legacy is not None:
        return collide(principal, index)
    return exhaust_quota(principal, index)


def exhaust_quota(principal: Principal, index: Target) -> Doomed:
    """Stage two versions of a project, each of which fits into its quota; publish one, and return the other."""
    first, second = _rivals(principal, index)
    steps.publish(principal, first.session)
    return second


def collide(principal: Principal, index: Target) -> Doomed:
    """Stage a file, publish another one with its name through the legacy API, and return the session of the first."""
    url = index.require_legacy()
    release = second_version(principal, index)
    session = steps.open_session(principal, index.root, release)
    artifact, rival = release.wheel(), release.wheel(content="published by another way")
    file = steps.stage(principal, session, artifact)
    answer = legacy.upload(principal, url, release, rival)
    assert answer.ok, f"an open session kept a file name from the legacy API: {answer}"
    return Doomed(release, session, artifact, file, rival)


def second_version(principal: Principal, index: Target) -> Release:
    """Return the second version of a project whose first one is published.

    A new project need not take uploads through the legacy API while its first session is open.
    """
    first = fresh_release("1.0")
    session = steps.open_session(principal, index.root, first)
    steps.stage(principal, session, first.wheel())
    steps.publish(principal, session)
    return Release(first.project, "2.0")


def fail_now(principal: Principal, doomed: Doomed) -> Answer:
    """Return the refusal of a publication; skip the check if the index defers it."""
    answer = principal.post(doomed.session.publish)
    if answer.status == 202:
        pytest.skip("the index publishes later")
    assert not answer.ok, f"published although it is not possible: {answer}"
    return answer


def fail_later(principal: Principal, doomed: Doomed) -> Doomed:
    """Bring the session into the state "error" and return it; skip the check if the index refuses at once."""
    answer = principal.post(doomed.session.publish)
    _require_acceptance(answer)
    state = steps.session_state(principal, doomed.session)
    assert state == "error", f"after a publication that has to fail, the session is {state}: {answer}"
    return doomed


def failed(principal: Principal, index: Target) -> Doomed:
    """Return a session in the state "error"; skip the check if nothing is known to bring one there."""
    if index.project_quota is None and index.legacy is not None:
        return fail_later(principal, collide(principal, index))
    rivals = _rivals(principal, index)
    # At once, so that the quota is not exhausted yet when the second one is asked for.
    answers = [principal.post(rival.session.publish) for rival in rivals]
    for answer in answers:
        _require_acceptance(answer)
    states = [steps.session_state(principal, rival.session) for rival in rivals]
    assert "error" in states, f"of two publications beyond the quota became {states}"
    assert steps.PUBLISHED.intersection(states), f"of two publications beyond the quota became {states}"
    return rivals[states.index("error")]


def require_blame(principal: Principal, index: Target) -> None:
    """Fail unless a file that is to blame for a publication that failed later has a notice, which no other has."""
    doomed = collide(principal, index)
    innocent = doomed.release.sdist()
    steps.stage(principal, doomed.session, innocent)
    fail_later(principal, doomed)
    files = steps.staged_files(principal, doomed.session)
    told = {notice for notice in steps.notices(files[doomed.artifact.filename]) if notice.strip()}
    assert told, f"no notice of the file says why: {files}"
    shared = told.intersection(steps.notices(files[innocent.filename]))
    assert not shared, f"a file that is not to blame has the same notice: {shared}"


def _rivals(principal: Principal, index: Target) -> tuple[Doomed, Doomed]:
    """Stage two versions of a project, each of which fits into its quota, but not with the other."""
    quota = index.require_project_quota()
    project = fresh_release().project
    releases = (Release(project, "1.0"), Release(project, "2.0"))
    first, second = (_sized(release, quota) for release in releases)
    sessions = [steps.open_session(principal, index.root, release) for release in releases]
    file = steps.stage(principal, sessions[0], first)
    answer = principal.post(sessions[1].upload, second.request())
    if answer.status == 409:
        pytest.skip("the index counts what is staged towards the quota")
    assert answer.status == 202, f"an upload could not be begun: {answer}"
    other = steps.finish(principal, steps.FileSession(answer.json()), second)
    return (
        Doomed(releases[0], sessions[0], first, file, rival=second),
        Doomed(releases[1], sessions[1], second, other, rival=first),
    )


def _require_acceptance(answer: Answer) -> None:
    if answer.refused:
        pytest.skip("the index finds within the request that it cannot publish")
    assert answer.ok, f"the publication was neither done nor refused: {answer}"


def _sized(release: Release, quota: int) -> Artifact:
    """Return a wheel of three quarters of `quota`."""
    padding = quota * 3 // 4 - len(release.wheel().data)
    return release.wheel(content=secrets.token_hex(padding // 2))
