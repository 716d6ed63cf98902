"""What an index does later: refusals that have to come meanwhile, and successes that may have come after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.fake_index import Reply, reply
from tests.conformance.test_steps import file_body

from hatch_staged.conformance import deferral
from hatch_staged.conformance.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.fake_index import FakeIndex

    from hatch_staged.conformance.wire import Principal

DELETED, REFUSED, LIMITED = Reply(204), reply(409, {"title": "It is processing"}), Reply(400)


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Return connections that may make as many requests as several tries take."""
    wire = Wire(limit=50)
    yield wire
    wire.close()


def deleting(fake: FakeIndex, owner: Principal, states: list[str], *deletions: Reply) -> int:
    """Delete a file while it is processing; `states` are what the index says of files, one after the other."""
    fake.script["POST", "/root"] = [reply(201, fake.session(0))]
    fake.script["POST", "/sessions/0/files"] = [reply(202, file_body(fake))]
    fake.script["POST", "/f/bytes"] = [Reply(204)]
    fake.script["POST", "/f/complete"] = [reply(202, file_body(fake, "processing"))]
    fake.script["GET", "/f"] = [reply(200, file_body(fake, state)) for state in states]
    fake.script["DELETE", "/f"] = list(deletions)
    _, answer = deferral.while_processing(owner, fake.root, lambda found: owner.delete(found.file.url))
    return answer.status


@pytest.mark.parametrize(
    ("states", "deletions", "counts"),
    [
        # refused, as it has to be
        (["processing"], [REFUSED], 409),
        # too late, then refused
        (["processing", "completed", "processing", "canceled", "processing"], [DELETED, DELETED, REFUSED], 409),
        # it is processing even afterwards
        (["processing"], [DELETED], 204),
        # each time
        (["processing", "canceled"] * 4, [DELETED], 204),
        # refused for another reason, and processing even afterwards
        (["processing"], [LIMITED], 400),
    ],
)
def test_what_counts(fake: FakeIndex, owner: Principal, states: list[str], deletions: list[Reply], counts: int) -> None:
    assert deleting(fake, owner, states, *deletions) == counts


@pytest.mark.parametrize(
    ("states", "deletions"),
    [
        (["completed"], [DELETED]),
        (["processing", "canceled", "completed"], [DELETED]),
        (["processing", "gone"], [LIMITED]),
    ],
)
def test_what_came_too_late_is_no_verdict(
    fake: FakeIndex, owner: Principal, states: list[str], deletions: list[Reply]
) -> None:
    with pytest.raises(pytest.skip.Exception, match="too soon"):
        deleting(fake, owner, states, *deletions)
