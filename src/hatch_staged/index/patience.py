"""How long the index waits for the body of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from hatch_staged.index.refusals import TimedOutError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Patience:
    """Passes requests on to `app`; raises `TimedOutError` there when a body stops arriving for `timeout` seconds."""

    def __init__(self, app: ASGIApp, *, timeout: float) -> None:
        self._app = app
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        # What comes after the body, and where nobody reads one, is the end of the connection: that may take its time.
        awaited = scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"}

        async def receive_in_time() -> Message:
            nonlocal awaited
            if not awaited:
                return await receive()
            with anyio.move_on_after(self._timeout):
                message = await receive()
                awaited = message.get("more_body", False)
                return message
            raise TimedOutError(f"Nothing arrived for {self._timeout:g} seconds.")

        await self._app(scope, receive_in_time, send)
