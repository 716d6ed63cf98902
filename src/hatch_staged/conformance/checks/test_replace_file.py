"""PEP 694, "Replacing a Partially or Fully Uploaded File"."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance import deferral, steps
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.steps import FileSession

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.deferral import Processing
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Answer, Principal

_RACERS = 8


@covers("FILE-REPLACE-02", "if a client attempts to do so, the server MUST return a 409 Conflict.")
@pytest.mark.parametrize("sent", [False, True], ids=["begun", "sent"])
def test_an_upload_under_way_cannot_be_replaced(
    owner: Principal, session: Session, release: Release, *, sent: bool
) -> None:
    artifact = release.wheel()
    file = steps.begin(owner, session, artifact)
    if sent:
        steps.transfer(owner, file, artifact.data)
    for rival in (artifact, release.wheel(content="another")):
        answer = owner.post(session.upload, rival.request())
        assert answer.status == 409, f"an upload under way was replaced: {answer}"
        answer.json()
    steps.finish(owner, file, artifact)


@covers("FILE-REPLACE-02", "A file whose upload is still in-progress cannot be replaced")
def test_a_file_in_processing_cannot_be_replaced(owner: Principal, index: Target) -> None:
    def replace(found: Processing) -> Answer:
        return owner.post(found.session.upload, found.release.wheel(content="another").request())

    found, answer = deferral.while_processing(owner, index.root, replace)
    assert answer.status == 409, f"a file in processing was replaced: {answer}"
    state = steps.file_state(owner, found.file)
    assert state == "completed", f"{state} after a refused replacement"


@covers("FILE-REPLACE-02", "A file whose upload is still in-progress cannot be replaced")
def test_of_concurrent_uploads_of_a_file_one_is_accepted(owner: Principal, session: Session, release: Release) -> None:
    rivals = [release.wheel(content=f"rival {number}") for number in range(_RACERS)]
    with ThreadPoolExecutor(_RACERS) as pool:
        answers = list(pool.map(lambda rival: owner.post(session.upload, rival.request()), rivals))
    codes = sorted(answer.status for answer in answers)
    assert codes == [202] + [409] * (_RACERS - 1), f"concurrent uploads of a file were answered with {codes}"
    [winner] = [number for number, answer in enumerate(answers) if answer.status == 202]
    steps.finish(owner, FileSession(answers[winner].json()), rivals[winner])
