"""What the tests of the conformance suite share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.fake_index import TOKEN, FakeIndex

from hatch_staged.conformance.wire import Principal, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def fake() -> Iterator[FakeIndex]:
    """Run an index that does as it is told."""
    with FakeIndex() as index:
        yield index


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Return connections that may make a few requests."""
    wire = Wire(limit=20)
    yield wire
    wire.close()


@pytest.fixture
def owner(wire: Wire) -> Principal:
    """Return somebody whom the fake index knows."""
    return Principal(wire, TOKEN)
