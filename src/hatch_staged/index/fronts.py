"""What the HTTP fronts share: who asks, request bodies with limits, and link building."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import anyio
import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from hatch_staged.index import authorization, multipart
from hatch_staged.index.refusals import (
    InvalidRequestError,
    MediaTypeError,
    RefusedError,
    TimedOutError,
    TooLargeError,
)
from hatch_staged.index.urls import Urls
from hatch_staged.protocol import messages, problems

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index

    Endpoint = Callable[[Request], Awaitable[Response]]

_BASIC_USER = "__token__"

# How msgspec names the part of a message that is wrong.
_MISSING = re.compile(r"missing required field `([^`]+)`")
_PLACE = re.compile(r" - at `\$\.?([^`]*)`")

_Decoded = TypeVar("_Decoded", bound=msgspec.Struct)
_Result = TypeVar("_Result")


class Front:
    """The base of the fronts: an index, and where it is to be found from outside.

    `base_url` is the URL of the index's root as clients see it; without one, links point where the request went.
    """

    def __init__(self, index: Index, base_url: str | None) -> None:
        self.index = index
        self.base_url = base_url
        # Whose token was good when it was asked for last, by its secret: their bodies are waited for, nothing else.
        self._admitted: dict[str | None, Principal] = {}

    def urls(self, request: Request) -> Urls:
        """Return the links for an answer to `request`."""
        return Urls((self.base_url or str(request.base_url)).rstrip("/"))

    def principal(self, request: Request) -> Principal:
        """Return who makes `request`, now (blocking); raise `UnauthenticatedError`."""
        secret = _secret(request)
        self._admitted.pop(secret, None)
        principal = self._admitted[secret] = authorization.authenticate(self.index, secret)
        return principal

    def blocking(self, answer: Callable[[Call], Response], content_type: str | None = None) -> Endpoint:
        """Return the endpoint that has a thread `answer` what somebody asks; a body has to be of `content_type`.

        Raises what `principal`, `require_type` and `body` do.
        """

        async def endpoint(request: Request) -> Response:
            if _secret(request) not in self._admitted:
                # Who has never shown a token is not waited for.
                await run_in_threadpool(self.principal, request)
            if content_type is not None:
                self.require_type(request, content_type)
            body = await self.body(request)
            return await run_in_threadpool(
                self.acting, request, lambda principal: answer(Call(request, principal, body))
            )

        return endpoint

    def acting(self, request: Request, act: Callable[[Principal], _Result]) -> _Result:
        """Return what `act` returns for who makes `request` (blocking); it has to ask whether their token is good.

        Raises `UnauthenticatedError` if it is not any more.
        """
        principal = self._admitted.get(_secret(request)) or self.principal(request)
        try:
            return act(principal)
        except RefusedError:
            self.principal(request)
            raise

    def require_type(self, request: Request, content_type: str) -> None:
        """Raise `MediaTypeError` unless the body of `request` has this type."""
        given = request.headers.get("content-type", "")
        kind = given.partition(";")[0].strip().lower()
        if kind == multipart.CONTENT_TYPE:
            # twine and others, which show their users this sentence.
            raise MediaTypeError(f"This is Upload 2.0; a form goes to {self.urls(request).legacy()}.")
        if kind != content_type:
            raise MediaTypeError(f"The content type has to be {content_type}, not {given or 'absent'}.")

    async def body(self, request: Request) -> bytes:
        """Return the body of `request`; raise `TooLargeError` or `TimedOutError`."""
        limits, body = self.index.limits, bytearray()
        with anyio.move_on_after(limits.body_timeout) as waiting:
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.request_size:
                    raise TooLargeError(f"A request may have at most {limits.request_size} bytes.")
        if waiting.cancelled_caught:
            raise TimedOutError(f"The request did not arrive within {limits.body_timeout} seconds.")
        return bytes(body)


@dataclass(frozen=True)
class Call:
    """A request that has arrived as a whole, and who makes it."""

    request: Request
    principal: Principal
    body: bytes

    def __getitem__(self, name: str) -> str:
        """Return a part of the path, see `hatch_staged.index.urls`."""
        value: str = self.request.path_params[name]
        return value

    def message(self, kind: type[_Decoded]) -> _Decoded:
        """Return the message in the body.

        Raises `InvalidRequestError` whose `errors` name the key that is wrong.
        """
        try:
            return messages.decode(self.body, kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            fault = problems.ProblemError(source=_key(str(error)), message=str(error))
            raise InvalidRequestError("The body is not the message that is expected here.", errors=[fault]) from None


def resource(path: str, **methods: Endpoint) -> Route:
    """Return one route for a path with all its `methods`, so that 405 can name them."""

    async def endpoint(request: Request) -> Response:
        # Starlette adds HEAD where there is GET.
        return await methods["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, endpoint, methods=list(methods))


def _secret(request: Request) -> str | None:
    """Return the token in the Authorization header: ``Bearer <token>``, or Basic with the user ``__token__``."""
    scheme, _, value = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:  # neither ASCII, nor base64, nor UTF-8
        return None
    return password if user == _BASIC_USER else None


def _key(fault: str) -> str:
    """Return the key that msgspec complains about, in dots; "body" if it is the whole."""
    place, missing = _PLACE.search(fault), _MISSING.search(fault)
    parts = [place[1] if place else "", missing[1] if missing else ""]
    return ".".join(part for part in parts if part) or "body"
