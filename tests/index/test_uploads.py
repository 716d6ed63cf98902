"""File upload sessions."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest
from tests.index import uploading
from tests.index.building import build, metadata_of

from hatch_staged.index import catalogue, sessions, uploads
from hatch_staged.index.configuration import Limits
from hatch_staged.index.objects import MemoryObjects
from hatch_staged.index.refusals import (
    ConflictingError,
    ForbiddenError,
    InvalidRequestError,
    MechanismError,
    TooLargeError,
    UnknownError,
)
from hatch_staged.protocol.states import FileState, RefusedTransitionError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.index.building import Built

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index
    from hatch_staged.index.records import PublishingSession

WHEEL = build()


@pytest.fixture
def session(index: Index, alice: Principal) -> PublishingSession:
    return sessions.create(index, alice, name="foo", version="1.0").session


def objects(index: Index) -> list[str]:
    return [stored.key for stored in index.objects.list()]


def state(index: Index, alice: Principal, file: uploads.FileStatus) -> FileState:
    return uploads.status(index, alice, file.address).file.state


def test_completed_file_is_in_the_stage_with_its_metadata(
    index: Index, alice: Principal, session: PublishingSession
) -> None:
    file = uploading.stage(index, alice, session, WHEEL)
    assert file.file.state is FileState.COMPLETED
    assert file == uploads.status(index, alice, file.address)
    artifact = catalogue.staged_file(index, session.token, WHEEL.filename)
    assert artifact.hashes == WHEEL.hashes
    assert (artifact.size, artifact.requires_python) == (len(WHEEL.data), ">=3.8")
    assert artifact.metadata_sha256 == hashlib.sha256(WHEEL.metadata).hexdigest()
    assert catalogue.core_metadata(index, artifact) == WHEEL.metadata
    uploads.delete(index, alice, file.address)
    with pytest.raises(UnknownError, match="was deleted"):
        catalogue.core_metadata(index, artifact)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"filename": "../foo-1.0.tar.gz"}, InvalidRequestError),
        ({"filename": "foo-1.1.tar.gz"}, InvalidRequestError),
        ({"hashes": {"md5": "0" * 32}}, InvalidRequestError),
        ({"mechanism": "vnd-other-post"}, MechanismError),
        ({"size": 1001}, ConflictingError),
    ],
)
def test_refused_declaration_leaves_the_session_as_it_was(
    index: Index, alice: Principal, session: PublishingSession, wrong: dict[str, Any], error: type[Exception]
) -> None:
    small = replace(index, limits=Limits(file_size=1000))
    right: dict[str, Any] = {
        "filename": "foo-1.0.tar.gz",
        "size": 1000,
        "hashes": {"sha256": "0" * 64},
        "mechanism": "http-post-bytes",
    }
    with pytest.raises(error):
        uploads.create(small, alice, session.id, **{**right, **wrong})
    assert sessions.status(index, alice, session.id).files == ()
    uploads.create(small, alice, session.id, **right)


def test_session_has_only_so_much_room(index: Index, alice: Principal, session: PublishingSession) -> None:
    """What counts is what is declared of the files that are in it."""
    index = replace(index, limits=Limits(session_size=2 * len(WHEEL.data)))
    uploading.stage(index, alice, session, WHEEL)
    other = build("foo-1.0-py2-none-any.whl")
    too_large = replace(other, data=other.data + b"x")
    for refused in (too_large, replace(WHEEL, data=3 * WHEEL.data)):
        with pytest.raises(ConflictingError, match="takes sessions of at most"):
            uploading.create(index, alice, session, refused)
    # The file that would have been replaced is still there.
    assert [file.state for file in sessions.status(index, alice, session.id).files] == [FileState.COMPLETED]
    uploads.delete(index, alice, uploading.create(index, alice, session, other).address)
    # What is replaced or deleted makes room.
    uploads.delete(index, alice, uploading.create(index, alice, session, replace(WHEEL, data=2 * WHEEL.data)).address)
    uploading.create(index, alice, session, too_large)
    uploading.create(index, alice, session, replace(WHEEL, data=WHEEL.data[:-1]))


def test_session_has_only_so_many_files_with_the_deleted_ones(
    index: Index, alice: Principal, session: PublishingSession
) -> None:
    index = replace(index, limits=Limits(session_files=3))
    uploads.delete(index, alice, uploading.create(index, alice, session, WHEEL).address)
    for _ in range(2):
        uploading.stage(index, alice, session, WHEEL)
    for refused in (WHEEL, build("foo-1.0.tar.gz")):
        with pytest.raises(ConflictingError, match="at most 3 files"):
            uploading.create(index, alice, session, refused)
    assert [file.state for file in sessions.status(index, alice, session.id).files] == [FileState.COMPLETED]


def test_wrong_declaration_is_refused_without_waiting_for_writers(
    index: Index, alice: Principal, session: PublishingSession
) -> None:
    right: dict[str, Any] = {
        "filename": "foo-1.0.tar.gz",
        "size": 1,
        "hashes": {"sha256": "0" * 64},
        "mechanism": "http-post-bytes",
    }
    with index.database.writing():
        for key, wrong in (("filename", "foo.zip"), ("hashes", {}), ("mechanism", "vnd-other-post")):
            with pytest.raises((InvalidRequestError, MechanismError)):
                uploads.create(index, alice, session.id, **{**right, key: wrong})


def test_published_name_is_refused(index: Index, alice: Principal, session: PublishingSession) -> None:
    uploading.stage(index, alice, session, WHEEL)
    sessions.publish(index, alice, session.id)
    again = sessions.create(index, alice, name="foo", version="1.0").session
    with pytest.raises(ConflictingError, match="is published"):
        uploading.create(index, alice, again, WHEEL)
    assert uploading.create(index, alice, again, build("foo-1.0.tar.gz")).file.state is FileState.PENDING


SPELLED = [
    ("foo_bar-1.0-py3-none-any.whl", "Foo.BAR-1.0-py3-none-any.whl"),
    ("foo_bar-1.0-py3-none-any.whl", "foo_bar-1.00.0-py3-none-any.whl"),
    ("foo_bar-1.0-py2.py3-none-any.whl", "foo_bar-1.0-py3.PY2-none-any.whl"),
    ("foo_bar-1.0-2-py3-none-any.whl", "foo_bar-1.0-02-py3-none-any.whl"),
    ("foo_bar-1.0.tar.gz", "foo-bar-1.tar.gz"),
]


@pytest.mark.parametrize(("published", "other"), SPELLED)
def test_published_name_is_refused_in_every_spelling(
    index: Index, alice: Principal, published: str, other: str
) -> None:
    session = sessions.create(index, alice, name="foo-bar", version="1.0").session
    uploading.stage(index, alice, session, build(published))
    sessions.publish(index, alice, session.id)
    again = sessions.create(index, alice, name="foo-bar", version="1").session
    with pytest.raises(ConflictingError, match="is published"):
        uploading.create(index, alice, again, build(other))


@pytest.mark.parametrize(("first", "second"), SPELLED)
def test_completed_file_is_replaced_in_every_spelling(index: Index, alice: Principal, first: str, second: str) -> None:
    session = sessions.create(index, alice, name="foo-bar", version="1.0").session
    for name in (first, second):
        uploading.stage(index, alice, session, build(name))
    assert [file.filename for file in sessions.status(index, alice, session.id).files] == [second]
    assert len(objects(index)) == 1


def test_completed_file_is_replaced_but_no_other(index: Index, alice: Principal, session: PublishingSession) -> None:
    first = uploading.create(index, alice, session, WHEEL)
    with pytest.raises(ConflictingError, match="pending"):
        uploading.create(index, alice, session, WHEEL)
    uploading.send(index, alice, first, WHEEL.data)
    uploads.complete(index, alice, first.address)

    second = uploading.create(index, alice, session, WHEEL)
    assert state(index, alice, first) is FileState.CANCELED
    assert objects(index) == []
    with pytest.raises(InvalidRequestError):
        uploads.complete(index, alice, second.address)
    with pytest.raises(ConflictingError, match="error"):
        uploading.create(index, alice, session, WHEEL)
    uploads.delete(index, alice, second.address)
    uploading.stage(index, alice, session, WHEEL)
    assert [file.state for file in sessions.status(index, alice, session.id).files] == [FileState.COMPLETED]


def test_bytes_sent_again_replace_the_first(index: Index, alice: Principal, session: PublishingSession) -> None:
    file = uploading.create(index, alice, session, WHEEL)
    uploading.send(index, alice, file, b"wrong")
    uploading.send(index, alice, file, WHEEL.data)
    assert len(objects(index)) == 1
    assert uploads.complete(index, alice, file.address).file.state is FileState.COMPLETED


def test_bytes_that_cannot_be_deleted_cost_those_that_replace_them_nothing(
    index: Index, alice: Principal, session: PublishingSession
) -> None:
    stuck: list[str] = []

    class Stuck(MemoryObjects):
        def delete(self, key: str) -> None:
            if not stuck:
                stuck.append(key)
                raise OSError("it cannot be deleted")
            super().delete(key)

    index = replace(index, objects=Stuck())
    file = uploading.create(index, alice, session, WHEEL)
    uploading.send(index, alice, file, b"wrong")
    with pytest.raises(OSError, match="cannot be deleted"):
        uploading.send(index, alice, file, WHEEL.data)
    assert uploads.complete(index, alice, file.address).file.state is FileState.COMPLETED


@pytest.mark.parametrize("announced", [True, False])
def test_more_bytes_than_declared_are_refused_at_once(
    index: Index, alice: Principal, session: PublishingSession, *, announced: bool
) -> None:
    file = uploading.create(index, alice, session, WHEEL)
    sent = []

    async def too_many() -> AsyncIterator[bytes]:
        for _ in range(100):
            sent.append(1)
            yield WHEEL.data

    length = 100 * len(WHEEL.data) if announced else None
    with pytest.raises(TooLargeError):
        asyncio.run(uploads.begin(index, alice, file.address, length=length).take(too_many()))
    assert len(sent) == (0 if announced else 2)
    assert objects(index) == []
    assert state(index, alice, file) is FileState.PENDING
    uploading.send(index, alice, file, WHEEL.data)
    assert uploads.complete(index, alice, file.address).file.state is FileState.COMPLETED


OTHER = build(metadata=metadata_of("bar", "1.0"))


@pytest.mark.parametrize(
    ("declared", "sent", "reason"),
    [
        (WHEEL, None, "no bytes were received"),
        (WHEEL, WHEEL.data[:-1], "were declared"),
        (WHEEL, WHEEL.data[:-1] + b"x", "the sha256 declared"),
        (replace(WHEEL, hashes={**WHEEL.hashes, "blake2b": "0" * 128}), WHEEL.data, "the blake2b declared"),
        (replace(WHEEL, data=b"no zip", hashes={"sha256": hashlib.sha256(b"no zip").hexdigest()}), b"no zip", "broken"),
        (OTHER, OTHER.data, "is of bar 1.0"),
    ],
)
def test_invalid_file_is_in_error_and_says_why(
    index: Index, alice: Principal, session: PublishingSession, *, declared: Built, sent: bytes | None, reason: str
) -> None:
    file = uploading.create(index, alice, session, declared)
    if sent is not None:
        uploading.send(index, alice, file, sent)
    with pytest.raises(InvalidRequestError, match=reason) as caught:
        uploads.complete(index, alice, file.address)
    assert caught.value.errors[0].source == WHEEL.filename
    [listed] = sessions.status(index, alice, session.id).files
    assert listed.state is FileState.ERROR
    assert reason in listed.notice
    # "deletion is the only forward action"
    with pytest.raises(RefusedTransitionError):
        uploads.complete(index, alice, file.address)
    with pytest.raises(RefusedTransitionError):
        uploading.send(index, alice, file, WHEEL.data)
    uploads.delete(index, alice, file.address)
    assert sessions.status(index, alice, session.id).files == ()
    assert objects(index) == []


def test_deleted_file_remembers_its_end(index: Index, alice: Principal, session: PublishingSession) -> None:
    file = uploading.stage(index, alice, session, WHEEL)
    uploads.delete(index, alice, file.address)
    assert objects(index) == []
    assert state(index, alice, file) is FileState.CANCELED
    assert catalogue.staged(index, session.token).artifacts == ()
    with pytest.raises(RefusedTransitionError):
        uploads.delete(index, alice, file.address)


@pytest.mark.parametrize("end", [sessions.publish, sessions.cancel])
def test_file_of_an_ended_session_cannot_change(
    index: Index,
    alice: Principal,
    session: PublishingSession,
    end: Callable[[Index, Principal, str], object],
) -> None:
    file = uploading.stage(index, alice, session, WHEEL)
    end(index, alice, session.id)
    for use_case in (uploads.complete, uploads.delete):
        with pytest.raises(RefusedTransitionError):
            use_case(index, alice, file.address)
    with pytest.raises(RefusedTransitionError):
        uploading.send(index, alice, file, WHEEL.data)
    with pytest.raises(RefusedTransitionError):
        uploading.create(index, alice, session, WHEEL)


def test_address_takes_the_token_of_its_own_session(
    index: Index, alice: Principal, bob: Principal, session: PublishingSession
) -> None:
    other = sessions.create(index, alice, name="foo", version="2.0").session
    file = uploading.create(index, alice, session, WHEEL)
    for wrong in (
        uploads.FileAddress(other.token, file.file.id),
        uploads.FileAddress("nothing", file.file.id),
        uploads.FileAddress(session.token, "nothing"),
    ):
        with pytest.raises(UnknownError):
            uploads.status(index, alice, wrong)
    with pytest.raises(ForbiddenError):
        uploads.status(index, bob, file.address)


def test_file_that_is_deleted_while_its_bytes_arrive_leaves_none(
    index: Index, alice: Principal, session: PublishingSession
) -> None:
    file = uploading.create(index, alice, session, WHEEL)

    async def interrupted() -> AsyncIterator[bytes]:
        yield WHEEL.data
        await asyncio.to_thread(uploads.delete, index, alice, file.address)

    with pytest.raises(RefusedTransitionError):
        uploading.receive(index, alice, file, interrupted())
    assert objects(index) == []


def test_file_that_is_sent_again_while_it_is_inspected_is_not_completed(
    index: Index, alice: Principal, session: PublishingSession
) -> None:
    file = uploading.create(index, alice, session, WHEEL)
    uploading.send(index, alice, file, WHEEL.data)

    class Meddling(MemoryObjects):
        """Objects with somebody who sends the file again as soon as it is read."""

        def open(self, key: str) -> BinaryIO:
            opened = index.objects.open(key)
            uploading.send(index, alice, file, b"other")
            return opened

    with pytest.raises(ConflictingError, match="sent again"):
        uploads.complete(replace(index, objects=Meddling()), alice, file.address)
    assert state(index, alice, file) is FileState.PENDING
