"""PEP 694, "File Upload Mechanisms"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import steps
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.wire import MEDIA_TYPE

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal


@covers("MECHANISM-01", "Servers MUST implement required file upload mechanisms.")
def test_the_required_mechanism_uploads(owner: Principal, session: Session, release: Release) -> None:
    answer = owner.post(session.upload, release.wheel().request(mechanism="http-post-bytes"))
    assert answer.status == 202, f"the required mechanism was answered with {answer}"
    steps.finish(owner, steps.FileSession(answer.json()), release.wheel())


@covers("MECHANISM-02", "Such mechanisms serve as a fallback if no server specific implementations exist.")
def test_the_required_mechanism_is_advertised(owner: Principal, session: Session) -> None:
    for body in (session.body, steps.session_status(owner, session)):
        mechanisms = body.get("mechanisms")
        assert isinstance(mechanisms, list), f"mechanisms is no list: {mechanisms}"
        assert "http-post-bytes" in mechanisms, f"there are only the mechanisms {mechanisms}"


@covers("MECHANISM-06", "MUST NOT change the major or minor version number of this specification.")
def test_mechanisms_of_its_own_leave_the_version_as_it_is(owner: Principal, index: Target, release: Release) -> None:
    answer = owner.post(index.root, release.request())
    body = answer.json()
    if set(body["mechanisms"]) <= {"http-post-bytes"}:
        pytest.skip("the index has no mechanisms of its own")
    assert answer.media_type == MEDIA_TYPE, f"the media type is {answer.media_type}"
    assert body["meta"].get("api-version") == "2.0", f"meta has the version {body['meta']}"
