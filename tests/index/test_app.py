"""The application while it runs."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.testclient import TestClient

from hatch_staged.index.app import create_app
from hatch_staged.index.core import Limits
from hatch_staged.index.objects import MemoryObjects, StoredObject

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from hatch_staged.index.core import Index


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
