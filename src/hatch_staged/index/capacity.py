"""How many requests the index works on at once."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from hatch_staged.index import problem_responses

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

#: Each takes a connection, and the larger part of a file that is uploaded some memory.
MOST_REQUESTS = 256


class Capacity:
    """Passes requests on to `app`, but at most so many at once; who comes then is told to come again."""

    def __init__(self, app: ASGIApp, *, most: int = MOST_REQUESTS) -> None:
        self._app = app
        self._free = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not self._free:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            headers = {"Retry-After": "1", "Connection": "close"}
            busy = problem_responses.respond(status, status.phrase, "The index is busy; try again.", headers=headers)
            await busy(scope, receive, send)
            return
        self._free -= 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._free += 1
