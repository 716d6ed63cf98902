"""Why the index refuses: raised by the use cases, made into problem details (RFC 9457) by the front, in one place."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_staged.protocol.problems import ProblemError


class RefusedError(Exception):
    """The base of all refusals.  `detail` is a sentence for a person; `errors` name the parts that are wrong."""

    status: ClassVar[HTTPStatus]
    title: ClassVar[str]

    def __init__(self, detail: str, *, errors: Sequence[ProblemError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)


class InvalidRequestError(RefusedError):
    """The request says something that cannot be right, whatever the state of the index."""

    status = HTTPStatus.BAD_REQUEST
    title = "The request is not valid"


class UnauthenticatedError(RefusedError):
    """PEP 694: "``401 Unauthorized`` indicates missing or invalid authentication"."""

    status = HTTPStatus.UNAUTHORIZED
    title = "Credentials are missing or not valid"


class ForbiddenError(RefusedError):
    """PEP 694: "``403 Forbidden`` indicates insufficient permissions"."""

    status = HTTPStatus.FORBIDDEN
    title = "Forbidden"


class UnknownError(RefusedError):
    """There is nothing of this name."""

    status = HTTPStatus.NOT_FOUND
    title = "Not found"


class ConflictingError(RefusedError):
    """The present state of the session, of the file, or of the index does not allow this."""

    status = HTTPStatus.CONFLICT
    title = "The present state does not allow this"


class SessionExistsError(ConflictingError):
    """This project and version have a live session: "the server MUST respond with a ``409 Conflict``"."""

    title = "A session for this project and version exists"

    def __init__(self, detail: str, *, session_id: str) -> None:
        super().__init__(detail)
        self.session_id = session_id


class TimedOutError(RefusedError):
    """The rest of the request does not come."""

    status = HTTPStatus.REQUEST_TIMEOUT
    title = "The request did not arrive in time"


class TooLargeError(RefusedError):
    """More bytes than declared, or than the index takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    title = "Too large"


class MediaTypeError(RefusedError):
    """The body is of a type that is not taken here."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    title = "The body has the wrong content type"


class NotAcceptableError(RefusedError):
    """The client takes none of the types that there are."""

    status = HTTPStatus.NOT_ACCEPTABLE
    title = "None of the accepted types is available"


class MechanismError(RefusedError):
    """The ``mechanism`` "is not supported": the server "MUST return a ``422 Unprocessable Content``"."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = "The file upload mechanism is not supported"
