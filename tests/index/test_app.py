"""The application while it runs."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient
from tests.index.building import build
from tests.index.conftest import Api

from hatch_staged.index import tokens, worker
from hatch_staged.index.app import create_app
from hatch_staged.index.configuration import Limits
from hatch_staged.index.objects import MemoryObjects, StoredObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_staged.index.core import Index


def test_worker_is_woken_by_what_is_left_to_it(index: Index) -> None:
    """Each turn waits for the one before to be told, so that nothing but waking can have brought it about."""
    index = replace(index, limits=Limits(immediate_size=0, immediate_files=0, work_interval=10**6))
    turns = queue.SimpleQueue[bool]()

    def work(index: Index, stopping: Callable[[], bool]) -> None:
        worker.work(index, stopping)
        turns.put(stopping())

    with TestClient(create_app(index, work=work), base_url="http://index.test") as client:
        api = Api(client, tokens.create(index, user="alice"))
        session = api.create()
        file = api.post(session["links"]["upload"], build().declared()).json()
        api.send(file["mechanism"]["file_url"], build().data)
        assert turns.get(timeout=30) is False  # of the start
        assert api.post(file["links"]["complete"]).status_code == 202
        assert turns.get(timeout=30) is False
        assert api.get(file["links"]["file-upload-session"]).json()["status"] == "completed"
        assert api.post(session["links"]["publish"]).status_code == 202
        assert turns.get(timeout=30) is False
        assert api.get(session["links"]["session"]).json()["status"] == "published"


class BrokenOnce(MemoryObjects):
    """Objects that cannot be listed the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = 0
        self.swept = threading.Event()

    def list(self) -> Iterator[StoredObject]:
        """Fail, then list."""
        self.listed += 1
        if self.listed == 1:
            raise OSError("the disk is away")
        self.swept.set()
        return super().list()


@pytest.mark.usefixtures("alice")  # without a token there is nothing to sweep
def test_sweeping_goes_on_after_a_failure_and_ends_with_the_application(
    index: Index, caplog: pytest.LogCaptureFixture
) -> None:
    objects = BrokenOnce()
    with (
        caplog.at_level(logging.ERROR),
        TestClient(create_app(replace(index, objects=objects, limits=Limits(sweep_interval=0)))),
    ):
        assert objects.swept.wait(timeout=30)
    assert "sweeping failed" in caplog.text
    assert "the disk is away" in caplog.text
