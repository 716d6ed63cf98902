"""Too many requests at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.testclient import TestClient
from tests.index.test_upload_api import is_problem

from hatch_staged.index.capacity import Capacity

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send


def test_too_many_requests_at_once_are_told_to_come_again() -> None:
    answer = TestClient(Capacity(Response(), most=0)).get("/")
    is_problem(answer, 503)
    assert answer.headers["retry-after"] == "1"


def test_whoever_is_answered_makes_room_whatever_the_answer_is() -> None:
    async def ask() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        statuses: list[int] = []

        async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
            begun.set()
            await go_on.wait()
            raise LookupError

        async def send(message: Message) -> None:
            statuses.extend([message["status"]] if "status" in message else [])

        async def receive() -> Message:
            raise AssertionError

        capacity = Capacity(failing, most=1)
        scope = {"type": "http", "method": "GET", "path": "/"}
        for _ in range(2):
            begun.clear()
            go_on.clear()
            first = asyncio.create_task(capacity(scope, receive, send))
            await begun.wait()
            await capacity(scope, receive, send)
            go_on.set()
            [error] = await asyncio.gather(first, return_exceptions=True)
            assert isinstance(error, LookupError)
        assert statuses == [503, 503]

    asyncio.run(ask())
