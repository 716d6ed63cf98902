"""The worker: what it does with a whole index."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from tests.index import uploading
from tests.index.building import build

from hatch_staged.index import catalogue, sessions, tokens, uploads
from hatch_staged.index.authorization import authenticate
from hatch_staged.index.configuration import Limits
from hatch_staged.index.core import open_index
from hatch_staged.index.objects import MemoryObjects, ObjectsError
from hatch_staged.index.worker import work
from hatch_staged.protocol.states import FileState, SessionState

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index

DEFERRING = Limits(immediate_size=0, immediate_files=0)


def test_work_is_taken_up_after_a_restart(tmp_path: Path) -> None:
    with open_index(tmp_path, limits=DEFERRING) as index:
        alice = authenticate(index, tokens.create(index, user="alice"))
        session = sessions.create(index, alice, name="foo", version="1.0").session
        uploading.stage(index, alice, session, build())
    with open_index(tmp_path, limits=DEFERRING) as index:
        work(index)
        assert sessions.publish(index, alice, session.id).session.state is SessionState.PROCESSING
    with open_index(tmp_path, limits=DEFERRING) as index:
        work(index)
        assert sessions.status(index, alice, session.id).session.state is SessionState.PUBLISHED
        assert len(catalogue.published(index, "foo").artifacts) == 1


def test_failing_disk_is_nobodys_fault_and_keeps_nobody_waiting(
    index: Index, alice: Principal, caplog: pytest.LogCaptureFixture
) -> None:
    class Disk(MemoryObjects):
        failing = ""

        def open(self, key: str) -> BinaryIO:
            if key == self.failing:
                raise ObjectsError("input/output error")
            return super().open(key)

    disk = Disk()
    index = replace(index, limits=DEFERRING, objects=disk)
    session = sessions.create(index, alice, name="foo", version="1.0").session
    first = uploading.stage(index, alice, session, build())
    [stored] = disk.list()
    disk.failing = stored.key
    second = uploading.stage(index, alice, session, build("foo-1.0.tar.gz"))
    with caplog.at_level(logging.ERROR):
        work(index)
    assert caplog.text.count("is tried again later") == 1
    assert "Traceback" in caplog.text
    states = [uploads.status(index, alice, file.address).file.state for file in (first, second)]
    assert states == [FileState.PROCESSING, FileState.COMPLETED]
    disk.failing = ""
    work(index)
    assert uploads.status(index, alice, first.address).file.state is FileState.COMPLETED


def test_file_whose_bytes_are_lost_is_in_error_and_can_be_uploaded_again(
    index: Index, alice: Principal, caplog: pytest.LogCaptureFixture
) -> None:
    index = replace(index, limits=DEFERRING)
    session = sessions.create(index, alice, name="foo", version="1.0").session
    file = uploading.stage(index, alice, session, build())
    [stored] = index.objects.list()
    index.objects.delete(stored.key)
    work(index)
    failed = uploads.status(index, alice, file.address).file
    assert (failed.state, failed.notice) == (
        FileState.ERROR,
        "the index has lost the bytes; upload the file again",
    )
    assert caplog.text == ""
    uploads.delete(index, alice, file.address)
    uploading.stage(index, alice, session, build())
    work(index)
    [again] = sessions.status(index, alice, session.id).files
    assert again.state is FileState.COMPLETED


def test_worker_stops_between_two_jobs(index: Index, alice: Principal) -> None:
    index = replace(index, limits=DEFERRING)
    session = sessions.create(index, alice, name="foo", version="1.0").session
    for built in (build(), build("foo-1.0.tar.gz")):
        uploading.stage(index, alice, session, built)
    asked = itertools.count()
    work(index, lambda: next(asked) == 1)
    states = {file.state for file in sessions.status(index, alice, session.id).files}
    assert states == {FileState.PROCESSING, FileState.COMPLETED}


def test_publications_do_not_wait_for_files(index: Index, alice: Principal) -> None:
    index = replace(index, limits=DEFERRING)
    ready, waiting = (sessions.create(index, alice, name=name, version="1.0").session for name in ("foo", "bar"))
    uploading.stage(index, alice, ready, build())
    work(index)
    file = uploading.stage(index, alice, waiting, build("bar-1.0.tar.gz"))
    sessions.publish(index, alice, ready.id)
    asked = itertools.count()
    work(index, lambda: next(asked) == 1)
    assert sessions.status(index, alice, ready.id).session.state is SessionState.PUBLISHED
    assert uploads.status(index, alice, file.address).file.state is FileState.PROCESSING
