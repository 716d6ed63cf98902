"""Completion that is left to the worker."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

import pytest
from tests.index import uploading
from tests.index.building import build

from hatch_staged.index import catalogue, completion, sessions, uploads
from hatch_staged.index.configuration import Limits
from hatch_staged.index.objects import MemoryObjects
from hatch_staged.index.refusals import ConflictingError, InvalidRequestError
from hatch_staged.index.worker import work
from hatch_staged.protocol.states import FileState, RefusedTransitionError, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.index.conftest import Clock

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index
    from hatch_staged.index.records import PublishingSession

WHEEL = build()


@pytest.fixture
def index(index: Index) -> Index:
    return replace(index, limits=Limits(immediate_size=0))


@pytest.fixture
def session(index: Index, alice: Principal) -> PublishingSession:
    return sessions.create(index, alice, name="foo", version="1.0").session


def staged(index: Index, session: PublishingSession) -> list[str]:
    return [artifact.filename for artifact in catalogue.staged(index, session.token).artifacts]


def test_large_file_is_completed_later(
    index: Index, alice: Principal, session: PublishingSession, clock: Clock
) -> None:
    file = uploading.stage(index, alice, session, WHEEL)
    assert file.file.state is FileState.PROCESSING
    assert uploads.status(index, alice, file.address) == file
    assert staged(index, session) == []
    clock.advance(minutes=1)
    work(index)
    assert uploads.status(index, alice, file.address).file.state is FileState.COMPLETED
    [artifact] = catalogue.staged(index, session.token).artifacts
    assert artifact.upload_time == clock.now
    assert catalogue.core_metadata(index, artifact) == WHEEL.metadata


@pytest.mark.parametrize(("room", "state"), [(0, FileState.COMPLETED), (-1, FileState.PROCESSING)])
def test_limit_is_the_largest_size_that_is_completed_at_once(
    index: Index, alice: Principal, session: PublishingSession, room: int, state: FileState
) -> None:
    sdist = build("foo-1.0.tar.gz")
    index = replace(index, limits=Limits(immediate_size=len(sdist.data) + room))
    assert uploading.stage(index, alice, session, sdist).file.state is state


def test_little_is_read_of_a_wheel() -> None:
    assert completion.inspected_size(WHEEL.filename, 64_000) == 1000


def test_file_that_is_not_valid_is_in_error_and_says_why(
    index: Index, alice: Principal, session: PublishingSession
) -> None:
    file = uploading.create(index, alice, session, WHEEL)
    uploading.send(index, alice, file, WHEEL.data[:-1])
    assert uploads.complete(index, alice, file.address).file.state is FileState.PROCESSING
    work(index)
    [listed] = sessions.status(index, alice, session.id).files
    assert listed.state is FileState.ERROR
    assert "were declared" in listed.notice
    uploads.delete(index, alice, file.address)
    uploading.stage(index, alice, session, WHEEL)
    work(index)
    [listed] = sessions.status(index, alice, session.id).files
    assert (listed.state, listed.notice) == (FileState.COMPLETED, "")


def test_file_without_bytes_is_refused_at_once(index: Index, alice: Principal, session: PublishingSession) -> None:
    file = uploading.create(index, alice, session, WHEEL)
    with pytest.raises(InvalidRequestError, match="no bytes"):
        uploads.complete(index, alice, file.address)
    assert uploads.status(index, alice, file.address).file.state is FileState.ERROR


def test_nothing_happens_to_a_file_in_processing(index: Index, alice: Principal, session: PublishingSession) -> None:
    file = uploading.stage(index, alice, session, WHEEL)
    for refused in (
        lambda: uploads.delete(index, alice, file.address),
        lambda: uploads.complete(index, alice, file.address),
        lambda: uploading.send(index, alice, file, WHEEL.data),
    ):
        with pytest.raises(RefusedTransitionError, match="refused while processing"):
            refused()
    with pytest.raises(ConflictingError, match="is processing in this session"):
        uploading.create(index, alice, session, WHEEL)
    with pytest.raises(ConflictingError) as caught:
        sessions.publish(index, alice, session.id)
    assert [error.message for error in caught.value.errors] == ["This file is processing."]
    work(index)
    assert staged(index, session) == [WHEEL.filename]


@pytest.fixture(params=["before", "meanwhile"])
def work_with(
    request: pytest.FixtureRequest, index: Index, caplog: pytest.LogCaptureFixture
) -> Callable[[Callable[[], object]], None]:
    """Return a function that lets the worker work, with something that happens before or while it inspects.

    It does not complain of that.
    """

    class Meddling(MemoryObjects):
        def __init__(self, meddle: Callable[[], object]) -> None:
            super().__init__()
            self._meddle = meddle

        def open(self, key: str) -> BinaryIO:
            self._meddle()
            return index.objects.open(key)

    def run(meddle: Callable[[], object]) -> None:
        if request.param == "before":
            meddle()
            work(index)
        else:
            work(replace(index, objects=Meddling(meddle)))
        assert caplog.text == ""

    return run


def test_canceled_session_takes_its_files_with_it(
    index: Index, alice: Principal, session: PublishingSession, work_with: Callable[[Callable[[], object]], None]
) -> None:
    file = uploading.stage(index, alice, session, WHEEL)
    work_with(lambda: sessions.cancel(index, alice, session.id))
    assert sessions.status(index, alice, session.id).session.state is SessionState.CANCELED
    assert uploads.status(index, alice, file.address).file.state is FileState.CANCELED
    assert list(index.objects.list()) == []


def test_another_worker_may_be_faster(
    index: Index, alice: Principal, session: PublishingSession, work_with: Callable[[Callable[[], object]], None]
) -> None:
    file = uploading.stage(index, alice, session, WHEEL)
    work_with(lambda: completion.carry_out(index, file.file.id))
    assert staged(index, session) == [WHEEL.filename]


def test_unknown_file_is_nothing_to_do(index: Index) -> None:
    completion.carry_out(index, "nothing")
