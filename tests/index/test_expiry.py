"""What time does."""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.index import uploading
from tests.index.building import build

from hatch_staged.index import catalogue, expiry, sessions, uploads
from hatch_staged.index.database import session_rows
from hatch_staged.index.objects import FolderObjects, MemoryObjects
from hatch_staged.index.refusals import ConflictingError, UnknownError
from hatch_staged.protocol.states import FileState, RefusedTransitionError, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.index.conftest import Clock

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index


def test_expired_session_is_canceled_and_remembers_why(
    index: Index, alice: Principal, bob: Principal, clock: Clock
) -> None:
    session = sessions.create(index, alice, name="foo", version="1.0").session
    file = uploading.stage(index, alice, session, build())
    clock.now = session.expires_at - timedelta(seconds=1)
    assert sessions.status(index, alice, session.id).session.state is SessionState.OPEN
    clock.advance(seconds=1)
    for use_case in (sessions.publish, sessions.cancel):
        with pytest.raises(RefusedTransitionError):
            use_case(index, alice, session.id)
    ended = sessions.status(index, alice, session.id).session
    assert (ended.state, ended.expired) == (SessionState.CANCELED, True)
    assert uploads.status(index, alice, file.address).file.state is FileState.CANCELED
    assert list(index.objects.list()) == []
    assert sessions.create(index, bob, name="foo", version="1.0").session.created_by == "bob"


def test_sweep_expires_too(index: Index, alice: Principal, clock: Clock) -> None:
    session = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, session, build())
    clock.advance(days=7)
    expiry.sweep(index)
    assert list(index.objects.list()) == []


def test_each_session_expires_on_its_own(index: Index, alice: Principal, clock: Clock) -> None:
    states: list[list[str]] = []

    class Watching(MemoryObjects):
        def delete(self, key: str) -> None:
            super().delete(key)
            with index.database.writing() as tx:
                found = [session_rows.find(tx, each.id) for each in due]
            states.append(sorted(each.state.value for each in found if each))

    watched = replace(index, objects=Watching())
    due = [sessions.create(index, alice, name=name, version="1.0").session for name in ("foo", "bar")]
    for session in due:
        uploading.stage(watched, alice, session, build(f"{session.project}-1.0.tar.gz"))
    clock.advance(days=7)
    expiry.expire_due(watched)
    assert states == [["canceled", "open"], ["canceled", "canceled"]]


def test_session_that_is_extended_while_others_expire_lives(index: Index, alice: Principal, clock: Clock) -> None:
    """The first one that expires takes so long that others get their turn."""
    early = index.clock()

    class Extending(MemoryObjects):
        def delete(self, key: str) -> None:
            super().delete(key)
            now, clock.now = clock.now, early
            for each in due:
                with suppress(RefusedTransitionError):
                    sessions.extend(index, alice, each.id, seconds=60)
            clock.now = now

    watched = replace(index, objects=Extending())
    due = [sessions.create(index, alice, name=name, version="1.0").session for name in ("foo", "bar")]
    for session in due:
        uploading.stage(watched, alice, session, build(f"{session.project}-1.0.tar.gz"))
    clock.advance(days=7)
    expiry.expire_due(watched)
    states = sorted(sessions.status(index, alice, session.id).session.state.value for session in due)
    assert states == ["canceled", "open"]


def test_published_files_never_expire(index: Index, alice: Principal, clock: Clock) -> None:
    session = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, session, build())
    sessions.publish(index, alice, session.id)
    clock.advance(days=365)
    for _ in range(2):
        expiry.sweep(index)
    assert len(list(index.objects.list())) == 1
    assert len(catalogue.published(index, "foo").artifacts) == 1


@pytest.mark.parametrize("end", ["publish", "cancel", "expire"])
def test_ended_session_is_remembered_for_the_time_of_retention(
    index: Index, alice: Principal, bob: Principal, clock: Clock, end: str
) -> None:
    session = sessions.create(index, alice, name="foo", version="1.0").session
    deleted = uploading.stage(index, alice, session, build("foo-1.0.tar.gz"))
    uploads.delete(index, alice, deleted.address)
    file = uploading.stage(index, alice, session, build())
    if end == "publish":
        sessions.publish(index, alice, session.id)
    elif end == "cancel":
        sessions.cancel(index, alice, session.id)
    else:
        clock.advance(days=7)
        expiry.sweep(index)
    clock.advance(seconds=index.limits.retention - 1)
    live = sessions.create(index, bob, name="bar", version="2.0").session
    expiry.sweep(index)
    sessions.status(index, alice, session.id)
    uploads.status(index, alice, file.address)

    clock.advance(seconds=1)
    expiry.sweep(index)
    with pytest.raises(UnknownError):
        sessions.status(index, alice, session.id)
    for each in (file, deleted):
        with pytest.raises(UnknownError):
            uploads.status(index, alice, each.address)
    with pytest.raises(UnknownError, match="no such stage"):
        catalogue.staged(index, session.token)
    assert sessions.status(index, bob, live.id).session.state is SessionState.OPEN
    published = [build().filename] if end == "publish" else []
    assert len(list(index.objects.list())) == len(published)
    if published:
        [artifact] = catalogue.published(index, "foo").artifacts
        assert catalogue.core_metadata(index, artifact) == build().metadata
        again = sessions.create(index, alice, name="foo", version="1.0").session
        with pytest.raises(ConflictingError):
            uploading.create(index, alice, again, build())


def test_old_orphans_are_swept_and_nothing_else(index: Index, alice: Principal, tmp_path: Path, clock: Clock) -> None:
    index = replace(index, objects=FolderObjects(tmp_path / "objects"))
    session = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, session, build())
    [referenced] = [stored.key for stored in index.objects.list()]
    for key in ("files/old", "files/young"):
        uploading.put(index, key, b"orphan")
    age = index.limits.orphan_age
    for key, seconds in ((referenced, age + 1), ("files/old", age + 1), ("files/young", age - 1)):
        modified = clock.now.timestamp() - seconds
        os.utime(tmp_path / "objects" / key, (modified, modified))
    expiry.sweep(index)
    assert {stored.key for stored in index.objects.list()} == {referenced, "files/young"}


def test_no_orphan_survives_the_sweep(
    index: Index, alice: Principal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, and also where nothing else is."""
    monkeypatch.setattr(expiry, "_BATCH", 2)
    for number in range(5):
        uploading.put(index, f"files/{number}", b"orphan")
    clock.advance(days=365)
    expiry.sweep(index)
    assert list(index.objects.list()) == []
    session = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, session, build())
    [referenced] = index.objects.list()
    for number in range(5):
        uploading.put(index, f"files/{number}", b"orphan")
    expiry.sweep_orphans(index, older_than=-(10**9))
    assert [stored.key for stored in index.objects.list()] == [referenced.key]


def test_sweep_stops_between_two_of_whatever_it_does(
    index: Index, alice: Principal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a server that ends need not wait for all of it."""
    monkeypatch.setattr(expiry, "_BATCH", 1)
    for number in range(2):
        uploading.put(index, f"files/{number}", b"orphan")
    for name in ("foo", "bar"):
        sessions.create(index, alice, name=name, version="1.0")

    def left() -> tuple[int, int, int]:
        with index.database.reading() as tx:
            now, every = len(session_rows.due(tx, clock.now)), len(session_rows.ended_before(tx, clock.now))
        return now, every, len(list(index.objects.list()))

    clock.advance(days=7)
    expiry.sweep(index, after(1))
    assert left() == (1, 1, 2)
    expiry.sweep(index)
    clock.advance(days=365)
    for number in range(2):
        uploading.put(index, f"files/{number}", b"orphan")
    expiry.sweep(index, after(1))
    assert left() == (0, 1, 2)
    expiry.sweep(index, after(2))
    assert left() == (0, 0, 1)


def after(calls: int) -> Callable[[], bool]:
    """Return a function that says to stop, but for the first calls."""
    asked = itertools.count()
    return lambda: next(asked) >= calls


def test_nothing_is_swept_that_belongs_to_another_database(index: Index, clock: Clock) -> None:
    uploading.put(index, "files/a", b"published, says the database that was moved away")
    clock.advance(days=365)
    expiry.sweep(index)
    assert [stored.key for stored in index.objects.list()] == ["files/a"]
