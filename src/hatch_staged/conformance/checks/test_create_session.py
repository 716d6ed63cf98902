"""PEP 694, "Create a Publishing Session"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.steps import Session

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal


@covers("SESSION-CREATE-10", "Upon successful session creation, the server returns a 201 Created response.")
@covers("SESSION-CREATE-11", "The response MUST also include a Location header")
def test_a_session_is_created_and_located(owner: Principal, index: Target, release: Release) -> None:
    answer = owner.post(index.root, release.request())
    assert answer.status == 201, f"created with {answer}"
    assert answer.location == Session(answer.json()).url
