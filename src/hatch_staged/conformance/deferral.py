"""What an index does later: publications and completions that it answers with 202, caught while they last."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import steps
from hatch_staged.conformance.artifacts import fresh_release

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_staged.conformance.artifacts import Artifact, Release
    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.wire import Answer, Principal

#: So many successes one after the other, each right after something was seen "processing", are no chance.
_TRIES = 4


def publish(principal: Principal, session: Session) -> Answer:
    """Ask for the publication and return the answer, a 202; skip the check if the index does not defer it."""
    answer = principal.post(session.publish)
    if answer.status == 201:
        pytest.skip("the index publishes immediately")
    assert answer.status == 202, f"the publication was neither done nor deferred: {answer}"
    return answer


def complete(principal: Principal, file: FileSession) -> Answer:
    """Ask for the completion and return the answer, a 202; skip the check if the index does not defer it."""
    answer = principal.post(file.complete)
    if answer.status == 201:
        pytest.skip("the index completes files immediately")
    assert answer.status == 202, f"the completion was neither done nor deferred: {answer}"
    return answer


def require_processing(principal: Principal, url: str) -> None:
    """Skip the check if what has its status at `url` is not "processing" any more."""
    if steps.state(principal, url) != "processing":
        pytest.skip("the index was done too soon to see it processing")


def meanwhile(principal: Principal, url: str, act: Callable[[], Answer]) -> Answer:
    """Return what the index answers to `act` while what has its status at `url` is "processing".

    Skips the check if that ends too soon to tell whether the answer was given before.
    """
    require_processing(principal, url)
    answer = act()
    if not answer.ok and answer.status != 409:
        require_processing(principal, url)
    return answer


@dataclass(frozen=True)
class Processing:
    """A file that is being completed, in a session that has no other."""

    release: Release
    session: Session
    artifact: Artifact
    file: FileSession


def while_processing(principal: Principal, root: str, act: Callable[[Processing], Answer]) -> tuple[Processing, Answer]:
    """Return a file and what the index answers to `act` on it while it is "processing", which has to be a refusal.

    What is right as soon as the file is completed may have come just after that.  So a success counts where the file
    is "processing" even afterwards; otherwise it is tried again on another file, until it has succeeded each time.
    Skips the check like `meanwhile`.
    """
    for _ in range(_TRIES):
        found = _being_completed(principal, root)
        answer = meanwhile(principal, found.file.url, partial(act, found))
        if not answer.ok or steps.state(principal, found.file.url) == "processing":
            break
    return found, answer


def _being_completed(principal: Principal, root: str) -> Processing:
    release = fresh_release()
    artifact = release.wheel()
    session = steps.open_session(principal, root, release)
    file = steps.begin(principal, session, artifact)
    steps.transfer(principal, file, artifact.data)
    complete(principal, file)
    return Processing(release, session, artifact, file)
