"""The Upload 2.0 API (PEP 694) over HTTP: requests into use cases, their results into messages."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hatch_staged.index import multipart, sessions, uploads, urls
from hatch_staged.index.fronts import Front, require_type, resource
from hatch_staged.index.refusals import MediaTypeError
from hatch_staged.protocol import messages
from hatch_staged.protocol.mechanisms import HTTP_POST_BYTES, HttpPostBytes
from hatch_staged.protocol.states import FileState, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.routing import Route

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
        return [
            resource(urls.UPLOAD, POST=self.create_session),
            resource(urls.SESSION, GET=self.session_status, DELETE=self.cancel),
            resource(urls.SESSION_FILES, POST=self.create_file),
            resource(urls.PUBLISH, POST=self.publish),
            resource(urls.EXTEND, POST=self.extend),
            resource(urls.FILE, GET=self.file_status, DELETE=self.delete_file),
            resource(urls.FILE_BYTES, POST=self.receive),
            resource(urls.FILE_ATTESTATIONS, POST=self.attest),
            resource(urls.COMPLETE, POST=self.complete),
        ]

    async def create_session(self, request: Request) -> Response:
        """Answer "Create a Publishing Session"."""
        principal = await self.principal(request)
        if request.headers.get("content-type", "").startswith(multipart.CONTENT_TYPE):
            # twine and others, which show their users this sentence.
            raise MediaTypeError(f"This is Upload 2.0; a form goes to {self.urls(request).legacy()}.")
        body = await self.message(request, messages.CreateSession)
        status = await run_in_threadpool(sessions.create, self.index, principal, name=body.name, version=body.version)
        return self._session(request, status, HTTPStatus.CREATED)

    async def session_status(self, request: Request) -> Response:
        """Answer "Publishing Session Status"."""
        principal = await self.principal(request)
        status = await run_in_threadpool(sessions.status, self.index, principal, request.path_params["session_id"])
        return self._session(request, status, HTTPStatus.OK)

    async def cancel(self, request: Request) -> Response:
        """Answer "Publishing Session Cancellation"."""
        principal = await self.principal(request)
        status = await run_in_threadpool(sessions.cancel, self.index, principal, request.path_params["session_id"])
        return self._session(request, status, HTTPStatus.OK)

    async def publish(self, request: Request) -> Response:
        """Answer "Complete a Publishing Session"."""
        principal = await self.principal(request)
        await self.message(request, messages.Action)
        status = await run_in_threadpool(sessions.publish, self.index, principal, request.path_params["session_id"])
        return self._session(request, status, self._done(status.session.state))

    async def extend(self, request: Request) -> Response:
        """Answer "Publishing Session Extension"."""
        principal = await self.principal(request)
        body = await self.message(request, messages.Extend)
        status = await run_in_threadpool(
            sessions.extend, self.index, principal, request.path_params["session_id"], seconds=body.extend_for
        )
        return self._session(request, status, HTTPStatus.OK)

    async def create_file(self, request: Request) -> Response:
        """Answer "Create a File Upload Session"."""
        principal = await self.principal(request)
        body = await self.message(request, messages.CreateFile)
        status = await run_in_threadpool(
            uploads.create,
            self.index,
            principal,
            request.path_params["session_id"],
            filename=body.filename,
            size=body.size,
            hashes=body.hashes,
            mechanism=body.mechanism,
        )
        return self._file(request, status, HTTPStatus.ACCEPTED)

    async def file_status(self, request: Request) -> Response:
        """Answer "File Upload Session Status"."""
        principal = await self.principal(request)
        status = await run_in_threadpool(uploads.status, self.index, principal, _address(request))
        return self._file(request, status, HTTPStatus.OK)

    async def receive(self, request: Request) -> Response:
        """Take the bytes of a file: the mechanism ``http-post-bytes``."""
        principal = await self.principal(request)
        require_type(request, _BYTES)
        length = request.headers.get("content-length", "")
        await uploads.receive(
            self.index,
            principal,
            _address(request),
            request.stream(),
            length=int(length) if length.isdecimal() else None,
        )
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    async def attest(self, request: Request) -> Response:
        """Take the attestations of a file."""
        principal = await self.principal(request)
        require_type(request, _JSON)
        body = await self.body(request)
        await run_in_threadpool(uploads.attest, self.index, principal, _address(request), body)
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    async def complete(self, request: Request) -> Response:
        """Answer "Complete a File Upload Session"."""
        principal = await self.principal(request)
        await self.message(request, messages.Action)
        status = await run_in_threadpool(uploads.complete, self.index, principal, _address(request))
        return self._file(request, status, self._done(status.file.state))

    async def delete_file(self, request: Request) -> Response:
        """Answer "Cancellation and Deletion" of a file."""
        principal = await self.principal(request)
        await run_in_threadpool(uploads.delete, self.index, principal, _address(request))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    def _done(self, state: SessionState | FileState) -> HTTPStatus:
        """Return the code for what is done, or wake the worker, to whom it is left."""
        if state not in {SessionState.PROCESSING, FileState.PROCESSING}:
            return HTTPStatus.CREATED
        self._wake()
        return HTTPStatus.ACCEPTED

    def _session(self, request: Request, status: SessionStatus, code: HTTPStatus) -> Response:
        links, session = self.urls(request), status.session
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

    def _file(self, request: Request, status: FileStatus, code: HTTPStatus) -> Response:
        links = self.urls(request)
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


def _address(request: Request) -> uploads.FileAddress:
    return uploads.FileAddress(request.path_params["session_token"], request.path_params["file_id"])
