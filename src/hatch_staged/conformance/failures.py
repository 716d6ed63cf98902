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
    quota = index.require_project_quota()
    published = fresh_release("1.0")
    release = Release(published.project, "2.0")
    rival, artifact = _sized(published, quota), _sized(release, quota)
    first, second = (steps.open_session(principal, index.root, each) for each in (published, release))
    steps.stage(principal, first, rival)
    answer = principal.post(second.upload, artifact.request())
    if answer.status == 409:
        pytest.skip("the index counts what is staged towards the quota")
    assert answer.status == 202, f"an upload could not be begun: {answer}"
    file = steps.finish(principal, steps.FileSession(answer.json()), artifact)
    steps.publish(principal, first)
    return Doomed(release, second, artifact, file, rival)


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
    if answer.refused:
        pytest.skip("the index finds within the request that it cannot publish")
    assert answer.status == 202, f"published although it is not possible: {answer}"
    state = steps.session_state(principal, doomed.session)
    assert state == "error", f"after a publication that has to fail, the session is {state}"
    return doomed


def _sized(release: Release, quota: int) -> Artifact:
    """Return a wheel of more than half of `quota` and less than all of it."""
    least = len(release.wheel().data)
    # Hexadecimal digits compress to half, and a little more.
    artifact = release.wheel(content=secrets.token_hex(max(0, quota * 3 // 4 - least)))
    assert quota < 2 * len(artifact.data) < 2 * quota, f"no wheel can be made that fits into {quota} bytes only once"
    return artifact
