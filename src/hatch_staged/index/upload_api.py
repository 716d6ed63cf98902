"""The Upload 2.0 API (PEP 694) over HTTP: requests into use cases, their results into messages."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hatch_staged.index import sessions, uploads, urls
from hatch_staged.index.fronts import Call, Front, resource
from hatch_staged.protocol import messages
from hatch_staged.protocol.mechanisms import HTTP_POST_BYTES, HttpPostBytes
from hatch_staged.protocol.states import FileState, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.routing import Route

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index
    from hatch_staged.index.sessions import SessionStatus
    from hatch_staged.index.uploads import FileStatus

_BYTES = "application/octet-stream"
_JSON = "application/json"
# "A ``Retry-After`` response header MUST be present to indicate to clients when they should next poll for an updated
# status" (seconds).
_RETRY_AFTER = "1"
_UNSETTLED = {FileState.PENDING, FileState.PROCESSING, SessionState.PROCESSING}

_EXPIRED = "This session was canceled because it expired."


class UploadApi(Front):
    """The front for clients that stage and publish; it calls `wake` when it has left something to the worker."""

    def __init__(self, index: Index, base_url: str | None, *, wake: Callable[[], None]) -> None:
        super().__init__(index, base_url)
        self._wake = wake

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        do, message = self.blocking, messages.CONTENT_TYPE
        return [
            resource(urls.UPLOAD, POST=do(self.create_session, message)),
            resource(urls.SESSION, GET=do(self.session_status), DELETE=do(self.cancel)),
            resource(urls.SESSION_FILES, POST=do(self.create_file, message)),
            resource(urls.PUBLISH, POST=do(self.publish, message)),
            resource(urls.EXTEND, POST=do(self.extend, message)),
            resource(urls.FILE, GET=do(self.file_status), DELETE=do(self.delete_file)),
            resource(urls.FILE_BYTES, POST=self.receive),
            resource(urls.FILE_ATTESTATIONS, POST=do(self.attest, _JSON)),
            resource(urls.COMPLETE, POST=do(self.complete, message)),
        ]

    def create_session(self, call: Call) -> Response:
        """Answer "Create a Publishing Session"."""
        body = call.message(messages.CreateSession)
        status = sessions.create(self.index, call.principal, name=body.name, version=body.version)
        return self._session(call, status, HTTPStatus.CREATED)

    def session_status(self, call: Call) -> Response:
        """Answer "Publishing Session Status"."""
        return self._session(call, sessions.status(self.index, call.principal, call["session_id"]), HTTPStatus.OK)

    def cancel(self, call: Call) -> Response:
        """Answer "Publishing Session Cancellation"."""
        return self._session(call, sessions.cancel(self.index, call.principal, call["session_id"]), HTTPStatus.OK)

    def publish(self, call: Call) -> Response:
        """Answer "Complete a Publishing Session"."""
        call.message(messages.Action)
        status = sessions.publish(self.index, call.principal, call["session_id"])
        return self._session(call, status, self._done(status.session.state))

    def extend(self, call: Call) -> Response:
        """Answer "Publishing Session Extension"."""
        body = call.message(messages.Extend)
        status = sessions.extend(self.index, call.principal, call["session_id"], seconds=body.extend_for)
        return self._session(call, status, HTTPStatus.OK)

    def create_file(self, call: Call) -> Response:
        """Answer "Create a File Upload Session"."""
        body = call.message(messages.CreateFile)
        status = uploads.create(
            self.index,
            call.principal,
            call["session_id"],
            filename=body.filename,
            size=body.size,
            hashes=body.hashes,
            mechanism=body.mechanism,
        )
        return self._file(call, status, HTTPStatus.ACCEPTED)

    def file_status(self, call: Call) -> Response:
        """Answer "File Upload Session Status"."""
        return self._file(call, uploads.status(self.index, call.principal, _address(call.request)), HTTPStatus.OK)

    async def receive(self, request: Request) -> Response:
        """Take the bytes of a file: the mechanism ``http-post-bytes``."""
        reception = await run_in_threadpool(self.acting, request, partial(self._begin, request))
        await reception.take(request.stream())
        return _no_content()

    def _begin(self, request: Request, principal: Principal) -> uploads.Reception:
        self.require_type(request, _BYTES)
        length = request.headers.get("content-length", "")
        return uploads.begin(
            self.index, principal, _address(request), length=int(length) if length.isdecimal() else None
        )

    def attest(self, call: Call) -> Response:
        """Take the attestations of a file."""
        uploads.attest(self.index, call.principal, _address(call.request), call.body)
        return _no_content()

    def complete(self, call: Call) -> Response:
        """Answer "Complete a File Upload Session"."""
        call.message(messages.Action)
        status = uploads.complete(self.index, call.principal, _address(call.request))
        return self._file(call, status, self._done(status.file.state))

    def delete_file(self, call: Call) -> Response:
        """Answer "Cancellation and Deletion" of a file."""
        uploads.delete(self.index, call.principal, _address(call.request))
        return _no_content()

    def _done(self, state: SessionState | FileState) -> HTTPStatus:
        """Return the code for what is done, or wake the worker, to whom it is left."""
        if state not in {SessionState.PROCESSING, FileState.PROCESSING}:
            return HTTPStatus.CREATED
        self._wake()
        return HTTPStatus.ACCEPTED

    def _session(self, call: Call, status: SessionStatus, code: HTTPStatus) -> Response:
        links, session = self.urls(call.request), status.session
        body = messages.Session(
            meta=messages.META,
            links=messages.SessionLinks(
                session=links.session(session.id),
                upload=links.session(session.id, urls.SESSION_FILES),
                publish=links.session(session.id, urls.PUBLISH),
                extend=links.session(session.id, urls.EXTEND),
                stage=links.stage(session.token),
            ),
            mechanisms=uploads.MECHANISMS,
            session_token=session.token,
            expires_at=session.expires_at,
            status=session.state,
            files={
                file.filename: messages.SessionFile(
                    status=file.state,
                    link=links.file(uploads.FileAddress(session.token, file.id)),
                    notices=(file.notice,) if file.notice else (),
                )
                for file in status.files
            },
            notices=(*session.notices, *((_EXPIRED,) if session.expired else ())),
        )
        return _answer(body, code, location=body.links.session)

    def _file(self, call: Call, status: FileStatus, code: HTTPStatus) -> Response:
        links = self.urls(call.request)
        mechanism = HttpPostBytes(
            identifier=HTTP_POST_BYTES,
            file_url=links.file(status.address, urls.FILE_BYTES),
            attestations_url=links.file(status.address, urls.FILE_ATTESTATIONS),
        )
        # Without ``extend``: a file upload session is extended with its publishing session.
        body = messages.FileUploadSession(
            meta=messages.META,
            links=messages.FileLinks(
                file_upload_session=links.file(status.address),
                complete=links.file(status.address, urls.COMPLETE),
            ),
            status=status.file.state,
            expires_at=status.session.expires_at,
            mechanism=msgspec.to_builtins(mechanism),
        )
        return _answer(body, code, location=body.links.file_upload_session)


def _answer(body: messages.Session | messages.FileUploadSession, code: HTTPStatus, *, location: str) -> Response:
    # The body has the session token in it, or URLs that have.
    headers = {"Cache-Control": "no-store"}
    if code is not HTTPStatus.OK:
        headers["Location"] = location
    if body.status in _UNSETTLED:
        headers["Retry-After"] = _RETRY_AFTER
    return Response(messages.encode(body), status_code=code.value, media_type=messages.CONTENT_TYPE, headers=headers)


def _no_content() -> Response:
    return Response(status_code=HTTPStatus.NO_CONTENT.value)


def _address(request: Request) -> uploads.FileAddress:
    return uploads.FileAddress(request.path_params["session_token"], request.path_params["file_id"])
