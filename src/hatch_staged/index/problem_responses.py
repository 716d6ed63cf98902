"""Errors into responses, in one place: problem details (RFC 9457) as PEP 694, "Errors", wants them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from hatch_staged.index.fronts import Front
from hatch_staged.index.refusals import ConflictingError, RefusedError, SessionExistsError, TimedOutError
from hatch_staged.protocol import problems
from hatch_staged.protocol.messages import META
from hatch_staged.protocol.states import RefusedTransitionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.requests import Request

    Handler = Callable[[Request, Exception], Awaitable[Response]]

#: The header that `hatch_staged.index.wire` makes the reason in the status line of.
REASON = "X-Reason"
_LONGEST_REASON = 300

_CHALLENGE = 'Basic realm="hatch-staged", Bearer realm="hatch-staged"'


class ProblemResponses(Front):
    """The front of what goes wrong."""

    def handlers(self) -> dict[type[Exception], Handler]:
        """Return what answers which error."""
        return {
            RefusedError: self.refusal,
            RefusedTransitionError: self.refused_transition,
            HTTPException: self.http_error,
            ClientDisconnect: self.disconnect,
            Exception: self.fault,
        }

    async def refusal(self, request: Request, error: Exception) -> Response:
        """Answer a `RefusedError`."""
        assert isinstance(error, RefusedError)  # noqa: S101 - starlette's handlers take any Exception
        headers = {}
        if error.status is HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = _CHALLENGE
        if isinstance(error, TimedOutError):
            # The rest is not waited for.
            headers["Connection"] = "close"
        if isinstance(error, SessionExistsError):
            headers["Location"] = self.urls(request).session(error.session_id)
        return respond(error.status, error.title, error.detail, errors=error.errors, headers=headers)

    async def refused_transition(self, _request: Request, error: Exception) -> Response:
        """Answer a `RefusedTransitionError`: whatever the tables refuse is a conflict."""
        return respond(ConflictingError.status, ConflictingError.title, f"{error}.")

    async def http_error(self, _request: Request, error: Exception) -> Response:
        """Answer what the routing refuses: unknown paths and methods."""
        assert isinstance(error, HTTPException)  # noqa: S101 - starlette's handlers take any Exception
        status = HTTPStatus(error.status_code)
        return respond(status, status.phrase, status.description, headers=error.headers)

    async def disconnect(self, _request: Request, _error: Exception) -> Response:
        """Answer a client that left in the middle of its request, and will not read this."""
        return Response(status_code=HTTPStatus.BAD_REQUEST.value)

    async def fault(self, _request: Request, _error: Exception) -> Response:
        """Answer any other error; what it was goes to the server's log, and is not the client's to read."""
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return respond(status, status.phrase, "The index failed; its operator finds the reason in its log.")


def respond(
    status: HTTPStatus,
    title: str,
    detail: str,
    *,
    errors: Sequence[problems.ProblemError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem as a response."""
    body = problems.Problem(title=title, status=status.value, detail=detail, meta=META, errors=tuple(errors))
    return Response(
        problems.encode(body),
        status_code=status.value,
        media_type=problems.CONTENT_TYPE,
        headers={"Cache-Control": "no-store", REASON: _reason(detail), **(headers or {})},
    )


def _reason(detail: str) -> str:
    """Return `detail` as it may stand in a status line."""
    return "".join(each if each.isascii() and each.isprintable() else "?" for each in detail[:_LONGEST_REASON])
