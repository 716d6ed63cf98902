"""What time does."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.index import uploading
from tests.index.building import build

from hatch_staged.index import expiry, sessions, uploads
from hatch_staged.index.objects import FolderObjects
from hatch_staged.protocol.states import FileState, RefusedTransitionError, SessionState

if TYPE_CHECKING:
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


def test_published_files_never_expire(index: Index, alice: Principal, clock: Clock) -> None:
    session = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, session, build())
    sessions.publish(index, alice, session.id)
    clock.advance(days=365)
    expiry.sweep(index)
    assert len(list(index.objects.list())) == 1
    assert sessions.status(index, alice, session.id).session.state is SessionState.PUBLISHED


def test_old_orphans_are_swept_and_nothing_else(index: Index, alice: Principal, tmp_path: Path, clock: Clock) -> None:
    index = replace(index, objects=FolderObjects(tmp_path / "objects"))
    session = sessions.create(index, alice, name="foo", version="1.0").session
    uploading.stage(index, alice, session, build())
    [referenced] = [stored.key for stored in index.objects.list()]
    for key in ("files/old", "files/young"):
        asyncio.run(index.objects.put(key, uploading.chunked(b"orphan")))
    age = index.limits.orphan_age
    for key, seconds in ((referenced, age + 1), ("files/old", age + 1), ("files/young", age - 1)):
        modified = clock.now.timestamp() - seconds
        os.utime(tmp_path / "objects" / key, (modified, modified))
    expiry.sweep(index)
    assert {stored.key for stored in index.objects.list()} == {referenced, "files/young"}


def test_nothing_is_swept_that_belongs_to_another_database(index: Index, clock: Clock) -> None:
    asyncio.run(index.objects.put("files/a", uploading.chunked(b"published, says the database that was moved away")))
    clock.advance(days=365)
    expiry.sweep(index)
    assert [stored.key for stored in index.objects.list()] == ["files/a"]
