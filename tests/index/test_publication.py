"""Publication: what is checked, and what is left to the worker."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.index import uploading
from tests.index.building import build

from hatch_staged.index import catalogue, publication, sessions, tokens, uploads
from hatch_staged.index.authorization import authenticate
from hatch_staged.index.configuration import Limits
from hatch_staged.index.database import file_rows, published_rows, session_rows
from hatch_staged.index.objects import MemoryObjects
from hatch_staged.index.records import Artifact, FileUpload, Received
from hatch_staged.index.refusals import ConflictingError, UnknownError
from hatch_staged.index.worker import work
from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.protocol.states import FileState, RefusedTransitionError, SessionState

if TYPE_CHECKING:
    from tests.index.building import Built
    from tests.index.conftest import Clock

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index
    from hatch_staged.index.records import PublishingSession
    from hatch_staged.index.uploads import FileStatus

WHEEL, SDIST = build(), build("foo-1.0.tar.gz")
SIZE = len(WHEEL.data) + len(SDIST.data)


@pytest.fixture
def deferring(index: Index) -> Index:
    """Return the index, which publishes a single file at once."""
    return replace(index, limits=Limits(immediate_files=1))


@pytest.fixture
def session(index: Index, alice: Principal) -> PublishingSession:
    return sessions.create(index, alice, name="foo", version="1.0").session


@pytest.fixture
def wheel(index: Index, alice: Principal, session: PublishingSession) -> FileStatus:
    return uploading.stage(index, alice, session, WHEEL)


@pytest.fixture
def sdist(index: Index, alice: Principal, session: PublishingSession) -> FileStatus:
    return uploading.stage(index, alice, session, SDIST)


def published(index: Index) -> list[str]:
    return [artifact.filename for artifact in catalogue.published(index, "foo").artifacts]


def stored(index: Index, file: FileStatus) -> str:
    with index.database.reading() as tx:
        found = file_rows.find(tx, file.file.id)
    assert found is not None
    assert found.received is not None
    return found.received.object_key


def is_taken(index: Index, built: Built) -> bool:
    with index.database.reading() as tx:
        return published_rows.published_as(tx, parse_filename(built.filename).key) is not None


def publish_by_another_way(index: Index, built: Built) -> bool:
    """Publish a file as the legacy API does, without any session; whether its name was free."""
    said = parse_filename(built.filename)
    artifact = Artifact(
        file_id=index.new_token(),
        filename=built.filename,
        name_key=said.key,
        size=len(built.data),
        hashes={"sha256": built.sha256},
        object_key=f"files/{index.new_token()}",
        version=str(said.version),
        requires_python=None,
        metadata_sha256="",
        upload_time=index.clock(),
    )
    file = FileUpload(
        id=artifact.file_id,
        session_id=None,
        filename=artifact.filename,
        name_key=artifact.name_key,
        size=artifact.size,
        hashes=artifact.hashes,
        state=FileState.COMPLETED,
    )
    with index.database.writing() as tx:
        file_rows.add(tx, file)
        file_rows.record_received(tx, file.id, Received(artifact.object_key, artifact.size, artifact.hashes))
        file_rows.record_completed(tx, file.id, at=index.clock(), requires_python=None, core_metadata=built.metadata)
        return published_rows.add(tx, artifact, project=said.project, at=index.clock())


# What is checked


@pytest.mark.usefixtures("wheel")
def test_file_without_a_session_has_its_name(index: Index, alice: Principal, session: PublishingSession) -> None:
    assert publish_by_another_way(index, build("Foo-1.0.0-py3-none-any.whl"))
    with pytest.raises(ConflictingError) as caught:
        sessions.publish(index, alice, session.id)
    assert [error.source for error in caught.value.errors] == [WHEEL.filename]


@pytest.mark.parametrize("immediate_files", [0, 9])
def test_lost_bytes_are_never_published(
    index: Index, alice: Principal, session: PublishingSession, immediate_files: int
) -> None:
    """A refusal leaves everything as it was; a failure later says in the session, and beside the files, why."""
    index = replace(index, limits=Limits(immediate_files=immediate_files))
    wheel, sdist = (uploading.stage(index, alice, session, built) for built in (WHEEL, SDIST))
    uploading.put(index, stored(index, wheel), b"half")
    index.objects.delete(stored(index, sdist))
    if immediate_files:
        with pytest.raises(ConflictingError) as caught:
            sessions.publish(index, alice, session.id)
        assert {error.source for error in caught.value.errors} == {WHEEL.filename, SDIST.filename}
    else:
        sessions.publish(index, alice, session.id)
        work(index)
    ended = sessions.status(index, alice, session.id)
    assert ended.session.state is (SessionState.OPEN if immediate_files else SessionState.ERROR)
    assert any(WHEEL.filename in notice for notice in ended.session.notices) != bool(immediate_files)
    assert [(file.state, "lost" in file.notice) for file in ended.files] == [
        (FileState.COMPLETED, not immediate_files)
    ] * 2
    assert not is_taken(index, WHEEL)
    with pytest.raises(UnknownError):
        published(index)
    # Found again, one of them: what was said of it was of the publication before.
    uploading.put(index, stored(index, wheel), WHEEL.data)
    uploads.delete(index, alice, sdist.address)
    found = sessions.publish(replace(index, limits=Limits(immediate_files=0)), alice, session.id)
    assert (found.session.notices, [file.notice for file in found.files]) == ((), [""])
    work(replace(index, objects=MemoryObjects()))
    assert sessions.status(index, alice, session.id).session.state is SessionState.ERROR
    # In either case the client may replace the offending files, and publish again.
    for built in (WHEEL, SDIST):
        uploading.stage(index, alice, session, built)
    again = sessions.publish(index, alice, session.id)
    assert again.session.notices == ()
    assert {file.notice for file in again.files} == {""}
    assert again == sessions.status(index, alice, session.id)
    work(index)
    assert published(index) == [WHEEL.filename, SDIST.filename]


@pytest.mark.usefixtures("wheel")
def test_file_that_changes_while_the_session_is_published(
    index: Index, alice: Principal, session: PublishingSession, sdist: FileStatus
) -> None:
    class Meddling(MemoryObjects):
        """Objects with somebody who deletes a file as soon as they are looked at."""

        def size(self, key: str) -> int:
            size = index.objects.size(key)
            uploads.delete(index, alice, sdist.address)
            return size

    with pytest.raises(ConflictingError, match="changed while"):
        sessions.publish(replace(index, objects=Meddling()), alice, session.id)
    assert not is_taken(index, WHEEL)
    assert sessions.publish(index, alice, session.id).session.state is SessionState.PUBLISHED


@pytest.mark.parametrize(("room", "fits"), [(0, True), (-1, False)])
@pytest.mark.parametrize("immediate_files", [0, 9])
@pytest.mark.usefixtures("wheel")
def test_published_files_of_a_project_have_a_quota(
    index: Index, alice: Principal, session: PublishingSession, *, room: int, fits: bool, immediate_files: int
) -> None:
    sessions.publish(index, alice, session.id)
    index = replace(index, limits=Limits(immediate_files=immediate_files, project_size=SIZE + room))
    second = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, second, SDIST)
    if fits:
        sessions.publish(index, alice, second.id)
        work(index)
        assert published(index) == [WHEEL.filename, SDIST.filename]
        # a name alone takes nothing
        third = sessions.create(index, alice, name="foo", version="1.0").session
        sessions.publish(replace(index, limits=Limits(project_size=1)), alice, third.id)
    else:
        with pytest.raises(ConflictingError, match=f"would have {SIZE} bytes"):
            sessions.publish(index, alice, second.id)
        assert sessions.status(index, alice, second.id).session.state is SessionState.OPEN
        assert not is_taken(index, SDIST)


# What is left to the worker


@pytest.mark.usefixtures("wheel", "sdist")
def test_many_files_are_published_later_and_all_at_once(
    deferring: Index, alice: Principal, session: PublishingSession, clock: Clock
) -> None:
    index = deferring
    accepted = sessions.publish(index, alice, session.id)
    assert accepted.session.state is SessionState.PROCESSING
    assert accepted == sessions.status(index, alice, session.id)
    # "the reserved files remain staged"
    assert len(catalogue.staged(index, session.token).artifacts) == 2
    assert catalogue.projects(index) == ()
    with pytest.raises(UnknownError):
        published(index)
    with pytest.raises(UnknownError):
        catalogue.published_file(index, WHEEL.sha256, WHEEL.filename)
    clock.advance(minutes=1)
    work(index)
    assert sessions.status(index, alice, session.id).session.state is SessionState.PUBLISHED
    assert catalogue.projects(index) == ("foo",)
    found = catalogue.published(index, "foo").artifacts
    assert [artifact.filename for artifact in found] == [WHEEL.filename, SDIST.filename]
    assert {artifact.upload_time for artifact in found} == {clock.now}


@pytest.mark.usefixtures("wheel")
def test_as_many_files_as_the_limit_says_are_published_at_once(
    deferring: Index, alice: Principal, session: PublishingSession
) -> None:
    assert sessions.publish(deferring, alice, session.id).session.state is SessionState.PUBLISHED


@pytest.mark.usefixtures("wheel", "sdist")
def test_session_in_processing_takes_no_change(
    deferring: Index, alice: Principal, session: PublishingSession, wheel: FileStatus, clock: Clock
) -> None:
    index = deferring
    sessions.publish(index, alice, session.id)
    for refused in (
        lambda: sessions.publish(index, alice, session.id),
        lambda: sessions.cancel(index, alice, session.id),
        lambda: sessions.extend(index, alice, session.id, seconds=1),
        lambda: uploads.delete(index, alice, wheel.address),
        lambda: uploading.create(index, alice, session, build("foo-1.0-cp312-none-any.whl")),
    ):
        with pytest.raises(RefusedTransitionError, match="refused while processing"):
            refused()
    # nor does its time run out
    clock.advance(days=8)
    assert sessions.status(index, alice, session.id).session.state is SessionState.PROCESSING
    work(index)
    assert sessions.status(index, alice, session.id).session.state is SessionState.PUBLISHED


@pytest.mark.usefixtures("wheel", "sdist")
def test_reserved_name_counts_as_published_for_every_upload(
    deferring: Index, alice: Principal, session: PublishingSession
) -> None:
    index = deferring
    sessions.publish(index, alice, session.id)
    assert not publish_by_another_way(index, build("Foo-1.0.0-py3-none-any.whl"))
    with index.database.writing() as tx:
        # The API lets only one session of a release live; this stands for one that slipped through.
        session_rows.add(tx, replace(session, id="second", token="second", version_key="another"))
    second = sessions.status(index, alice, "second").session
    with pytest.raises(ConflictingError, match="is published"):
        uploading.create(index, alice, second, WHEEL)


@pytest.mark.usefixtures("wheel", "sdist")
def test_token_that_is_revoked_meanwhile_publishes_nothing(deferring: Index, alice: Principal) -> None:
    index = deferring
    secret = tokens.create(index, user="alice")
    asking = authenticate(index, secret)
    session = sessions.create(index, alice, name="foo", version="2.0").session
    for tag in ("py3", "cp312"):
        uploading.stage(index, alice, session, build(f"foo-2.0-{tag}-none-any.whl"))
    sessions.publish(index, asking, session.id)
    assert tokens.revoke(index, asking.token_id)
    work(index)
    failed = sessions.status(index, alice, session.id).session
    assert (failed.state, failed.notices) == (SessionState.ERROR, ("The token that asked for this was revoked.",))
    assert not is_taken(index, build("foo-2.0-py3-none-any.whl"))
    sessions.publish(index, alice, session.id)
    work(index)
    assert sessions.status(index, alice, session.id).session.state is SessionState.PUBLISHED


@pytest.mark.usefixtures("wheel", "sdist")
def test_quota_is_asked_again(deferring: Index, alice: Principal, session: PublishingSession) -> None:
    sessions.publish(deferring, alice, session.id)
    work(replace(deferring, limits=Limits(immediate_files=1, project_size=SIZE - 1)))
    failed = sessions.status(deferring, alice, session.id)
    assert failed.session.state is SessionState.ERROR
    assert f"would have {SIZE} bytes" in failed.session.notices[0]
    assert {file.notice for file in failed.files} == {""}
    sessions.cancel(deferring, alice, session.id)
    assert sessions.status(deferring, alice, session.id).session.notices == ()


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.usefixtures("wheel")
def test_another_worker_may_be_faster(
    deferring: Index, alice: Principal, session: PublishingSession, sdist: FileStatus, *, lost: bool
) -> None:
    class Faster(MemoryObjects):
        """Objects with another worker who looks at them first."""

        def size(self, key: str) -> int:
            publication.carry_out(deferring, session.id)
            if lost:
                raise FileNotFoundError
            return deferring.objects.size(key)

    sessions.publish(deferring, alice, session.id)
    work(replace(deferring, objects=Faster()))
    assert sessions.status(deferring, alice, session.id).session.state is SessionState.PUBLISHED
    assert published(deferring) == [WHEEL.filename, sdist.file.filename]


def test_unknown_session_is_nothing_to_do(index: Index) -> None:
    publication.carry_out(index, "nothing")
