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

#: The first line and the headers of a request (bytes).
HEAD_SIZE = 16 * 1024
#: From the beginning of a connection, or from an answer, to the end of the next head (seconds).  The rest of a body
#: that nobody reads any more has to come in this time, too.
HEAD_TIMEOUT = 30
#: Who reads an answer slower holds up others (bytes per second).
SLOWEST_READER = 1024


class Connection(h11.Connection):
    """h11's state of a connection."""

    #: what the other side has done wrong
    fault: h11.RemoteProtocolError | None = None
    #: of the last request
    method = b""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, HEAD_SIZE)

    def next_event(self) -> Any:
        """Return what comes next; remember what is wrong with it."""
        try:
            event = super().next_event()
            if isinstance(event, h11.Request):
                self.method = event.method
                _check(event)
        except h11.RemoteProtocolError as fault:
            self.fault = fault
            raise
        return event

    def send(self, event: Any) -> Any:
        """Return the bytes of `event`; a reason among the headers of a response goes into its status line."""
        if isinstance(event, h11.Response) and event.status_code >= HTTPStatus.BAD_REQUEST:
            headers = list(event.headers)
            reason = next((value for name, value in headers if name == _REASON), event.reason)
            kept = [(name, value) for name, value in headers if name != _REASON]
            event = h11.Response(status_code=event.status_code, headers=kept, reason=reason)
        return super().send(event)


def _check(request: h11.Request) -> None:
    """Raise `h11.RemoteProtocolError` for what h11 lets pass."""
    # It bounds only a head that comes in pieces.
    headers = sum(len(name) + len(value) + len(":\r\n") for name, value in request.headers)
    if len(request.method) + len(request.target) + headers > HEAD_SIZE:
        raise h11.RemoteProtocolError("the head is too large", error_status_hint=431)
    # RFC 9112: "might indicate an attempt to perform request smuggling"
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in request.headers}:
        raise h11.RemoteProtocolError("the body has two lengths")


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
        # It may just be about to answer what came before.
        if self.cycle is not None:
            self.cycle.disconnected = True
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            hint = self.conn.fault.error_status_hint if self.conn.fault else HTTPStatus.BAD_REQUEST.value
            status = HTTPStatus(hint)
            problem = problems.Problem(
                title=status.phrase,
                status=status.value,
                detail="This is not a request of HTTP/1.1 as the index takes it.",
                meta=META,
            )
            body = problems.encode(problem)
            bodiless = self.conn.our_state is h11.SEND_RESPONSE and self.conn.method == b"HEAD"
            headers = [
                ("Content-Length", str(len(body))),
                ("Content-Type", problems.CONTENT_TYPE),
                ("Cache-Control", "no-store"),
                ("Connection", "close"),
            ]
            for event in (
                h11.Response(status_code=status.value, headers=headers, reason=status.phrase.encode()),
                h11.Data(data=b"" if bodiless else body),
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
        # For all of it, however slowly it drips.
        due = self._head_due = self._head_due or self.loop.time() + HEAD_TIMEOUT
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
