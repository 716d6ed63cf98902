"""HTTP/1.1 on one connection: what uvicorn leaves open.  Beside the server the only importer of uvicorn and h11.

- The status line of a refusal says why: twine and Hatch show their users that, and no body.
- What is no HTTP is answered with problem details, too.
- A connection is closed when it waits too long for a request, for the rest of one that was answered, or for somebody to
  read an answer.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from hatch_staged.index import problem_responses
from hatch_staged.protocol import problems
from hatch_staged.protocol.messages import META

if TYPE_CHECKING:
    import asyncio

# The header goes no further.
_REASON = problem_responses.REASON.lower().encode()

#: From the beginning of a connection, or of a request, to the end of the request's head (seconds).
HEAD_TIMEOUT = 30
#: Without a byte of a body that nobody reads any more (seconds).
DRAIN_TIMEOUT = 10
#: Who reads an answer slower holds up others (bytes per second).
SLOWEST_READER = 1024


class Connection(h11.Connection):
    """h11's state of a connection."""

    #: what the other side has done wrong
    fault: h11.RemoteProtocolError | None = None

    def __init__(self) -> None:
        super().__init__(h11.SERVER)

    def next_event(self) -> Any:
        """Return what comes next; remember what is wrong with it."""
        try:
            return super().next_event()
        except h11.RemoteProtocolError as fault:
            self.fault = fault
            raise

    def send(self, event: Any) -> Any:
        """Return the bytes of `event`; a reason among the headers of a response goes into its status line."""
        if isinstance(event, h11.Response) and event.status_code >= HTTPStatus.BAD_REQUEST:
            headers = list(event.headers)
            reason = next((value for name, value in headers if name == _REASON), event.reason)
            kept = [(name, value) for name, value in headers if name != _REASON]
            event = h11.Response(status_code=event.status_code, headers=kept, reason=reason)
        return super().send(event)


class Protocol(H11Protocol):
    """uvicorn's protocol, with more care for those who send nothing, or nonsense, or read nothing.

    How much somebody reads is asked every `read_timeout` seconds.
    """

    conn: Connection

    def __init__(self, *arguments: Any, read_timeout: float, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.conn = Connection()
        self._head_due: float | None = None
        self._read_timeout = read_timeout
        self._next_look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        # To be told of every byte that the system does not take at once, also when the connection is to be closed.
        transport.set_write_buffer_limits(high=0)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the other side."""
        self._stop_looking()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Go on with a request."""
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        """Begin to wait for the other side to read."""
        super().pause_writing()
        self._look(None)

    def resume_writing(self) -> None:
        """Go on with an answer."""
        self._stop_looking()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 its signature
        """Answer what is no HTTP, if there is no answer yet."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            hint = self.conn.fault.error_status_hint if self.conn.fault else HTTPStatus.BAD_REQUEST.value
            status = HTTPStatus(hint)
            problem = problems.Problem(
                title=status.phrase,
                status=status.value,
                detail="This is not a request of HTTP/1.1 as the index takes it.",
                meta=META,
            )
            headers = [
                ("Content-Type", problems.CONTENT_TYPE),
                ("Cache-Control", "no-store"),
                ("Connection", "close"),
            ]
            for event in (
                h11.Response(status_code=status.value, headers=headers, reason=status.phrase.encode()),
                h11.Data(data=problems.encode(problem)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event))
        self.transport.close()

    def _watch(self) -> None:
        """Close the connection after a while unless somebody works on a request of it."""
        if self.transport.is_closing():
            return
        # There is none before the first request, whatever uvicorn declares.
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]
            self._head_due = None
            return
        now = self.loop.time()
        if self.conn.their_state is h11.SEND_BODY:
            due = now + DRAIN_TIMEOUT
        else:
            # For the whole head, however slowly it drips.
            due = self._head_due = self._head_due or now + HEAD_TIMEOUT
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_at(due, self.timeout_keep_alive_handler)

    def _look(self, before: int | None) -> None:
        """Drop the connection if too little of the answer was read since there were `before` bytes of it left.

        An abort is the only way: to be closed, it would wait for the rest to be read.  The application, which may wait
        for that too, goes on as if the other side had left.
        """
        left = self.transport.get_write_buffer_size()
        if before is not None and before - left <= SLOWEST_READER * self._read_timeout:
            self.transport.abort()
            return
        self._next_look = self.loop.call_later(self._read_timeout, self._look, left)

    def _stop_looking(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
