"""No session is left behind, whatever becomes of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.fake_index import TOKEN, Reply, reply

from hatch_staged.conformance import steps
from hatch_staged.conformance.artifacts import fresh_release
from hatch_staged.conformance.register import Register
from hatch_staged.conformance.target import Target
from hatch_staged.conformance.wire import Wire

if TYPE_CHECKING:
    from tests.conformance.fake_index import FakeIndex

    from hatch_staged.conformance.wire import Principal


def opened(fake: FakeIndex, owner: Principal) -> str:
    return steps.open_session(owner, fake.root, fresh_release()).url.removeprefix(fake.origin)


def deleted(fake: FakeIndex) -> list[str]:
    return [seen.path for seen in fake.seen if seen.method == "DELETE"]


def test_what_a_check_created_is_canceled_after_it_and_what_several_share_at_the_end(
    fake: FakeIndex, owner: Principal
) -> None:
    register = Register(Target(fake.root, TOKEN), owner.wire)
    shared = opened(fake, owner)
    register.keep_new()
    own = opened(fake, owner)
    register.cancel_new()
    assert deleted(fake) == [own]
    register.cancel_all()
    assert deleted(fake) == [own, shared]


@pytest.mark.parametrize("status", [403, 404])
def test_what_is_not_the_owners_is_canceled_by_the_other(fake: FakeIndex, owner: Principal, status: int) -> None:
    register = Register(Target(fake.root, TOKEN, TOKEN), owner.wire)
    url = opened(fake, owner)
    fake.script["DELETE", url] = [Reply(status), Reply(204)]
    register.cancel_new()
    assert deleted(fake) == [url, url]


def test_a_session_that_nobody_can_read_is_found_by_its_location(fake: FakeIndex, owner: Principal) -> None:
    register = Register(Target(fake.root, TOKEN), owner.wire)
    located = {"Location": "/somewhere"}
    fake.script["POST", "/root"] = [Reply(201, b"<html>", located), reply(201, {"links": []}), Reply(201)]
    for _ in range(3):
        owner.post(fake.root)
    register.cancel_new()
    assert deleted(fake) == ["/somewhere"]


def test_what_cannot_be_canceled_keeps_nothing_else_from_it(fake: FakeIndex, owner: Principal) -> None:
    register = Register(Target(fake.root, TOKEN), owner.wire)
    fake.script["POST", "/root"] = [
        reply(201, {"links": {"session": "http://127.0.0.1:1/"}}),
        reply(201, {"links": {"session": f"{fake.origin}/there"}}),
    ]
    for _ in range(2):
        owner.post(fake.root)
    register.cancel_all()
    assert deleted(fake) == ["/there"]


def test_a_run_that_was_ended_leaves_nothing_either(fake: FakeIndex) -> None:
    wire = Wire(limit=1)
    target = Target(fake.root, TOKEN)
    register = Register(target, wire)
    url = opened(fake, target.owner(wire))
    register.cancel_all()
    assert deleted(fake) == [url]
    wire.close()
