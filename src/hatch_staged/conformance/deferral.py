"""What an index does later: publications and completions that it answers with 202, caught while they last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_staged.conformance.steps import FileSession, Session
    from hatch_staged.conformance.wire import Answer, Principal


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
