"""Requests on a wire: connections, TLS, repetitions, and to whom the credentials go.  The only importer of httpx2.

It knows nothing of PEP 694: an answer of any status is returned as it is, only the want of an answer is an error.
"""

from __future__ import annotations

import logging
import os
import ssl
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import httpx2

from hatch_staged import __version__
from hatch_staged.client import addresses
from hatch_staged.client.answers import Answer, FailingError, printable
from hatch_staged.client.waiting import Waiter
from hatch_staged.errors import ConfigurationError, ProtocolError, StagedError, UnreachableError
from hatch_staged.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from hatch_staged.client.addresses import Resolve
    from hatch_staged.client.credentials import Authorizer, Credentials
    from hatch_staged.client.waiting import Attempts

    #: bytes, or a function that begins to yield them anew for each attempt
    Content = bytes | Callable[[], Iterator[bytes]] | None
    #: scheme, host, port
    Origin = tuple[str, str, int | None]

#: An answer that is read into memory is no longer (bytes): the page of a release with 100,000 files would fit.
MAX_BODY_SIZE = 64 * 1024 * 1024
#: A page or a file is at most this many redirects away.
MAX_REDIRECTS = 5

#: A file comes with at least so many bytes per second, as an average of so many seconds.
_SLOWEST = 1024
_AVERAGE_SECONDS = 60.0

_CHUNK = 256 * 1024

# The embedded index and the tests of a company's index are on this machine, which no proxy can reach.
_LOOPBACK = {"127.0.0.1": "all://127.0.0.1", "localhost": "all://localhost", "::1": "all://[::1]"}

# They log every URL, and session tokens are in URLs; `hatch -vv` would show them.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

#: What an index answers to credentials that are wrong, or not valid any more: PyPI says 403 for both.
_REFUSED = frozenset({401, 403})
#: How often a request is made again for it: the token that another one has got meanwhile may end as well.
RENEWALS = 2

# They name what to trust in place of the system's store.
_TRUST_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")

_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class Repeat(Enum):
    """When a failed request may be made again."""

    #: only if no byte of it can have reached the index
    UNSENT = "unsent"
    #: also if the index says that it did not act on it: 429 and 503
    UNHEEDED = "unheeded"
    #: whatever happened, because twice is the same as once
    ALWAYS = "always"

    def after_error(self, error: httpx2.TransportError) -> bool:
        """Whether to repeat after `error`, which came instead of an answer."""
        if isinstance(error, httpx2.LocalProtocolError):
            # our own fault, every time
            return False
        return self is Repeat.ALWAYS or isinstance(error, _NEVER_SENT)

    def after_status(self, status: int) -> bool:
        """Whether to repeat after an answer with `status`."""
        unheeded = status in {429, 503} and self is not Repeat.UNSENT
        return unheeded or (status in {500, 502, 504} and self is Repeat.ALWAYS)


class Transport:
    """Connections to one index: `endpoint` is the URL of its Upload 2.0 root; safe to share between threads.

    The credentials that `authorizer` gives go to the origin of `endpoint`, and to origins that the index itself has
    named (`trust`); never from https to http.  `ca_cert` is a file of certificates to trust in place of the system's,
    `client_cert` and `client_key` identify us.  `timeout` is the seconds to wait for a connection, or for the next
    byte.  An answer that is read into memory has at most `max_body` bytes, all of them within `deadline` seconds of
    its headers.  `resolve` says where a host is that a redirect names: none from outside leads into a private network.
    A context manager that closes its connections.  Raises `ConfigurationError` for an endpoint that is
    no http(s) URL, for certificates that cannot be read, and for a proxy that cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        authorizer: Authorizer | None = None,
        *,
        ca_cert: Path | None = None,
        client_cert: Path | None = None,
        client_key: Path | None = None,
        timeout: float = 60.0,
        deadline: float = 300.0,
        max_body: int = MAX_BODY_SIZE,
        waiter: Waiter | None = None,
        resolve: Resolve = addresses.resolve,
    ) -> None:
        try:
            self._home = _origin(endpoint)
        except ProtocolError as error:
            raise ConfigurationError("the URL of an index is an http or https URL", where=error.where) from None
        self.endpoint = endpoint
        self._authorizer = authorizer
        self.waiter = waiter or Waiter()
        self._deadline = deadline
        self._max_body = max_body
        self._resolve = resolve
        self._trusted = {self._home}
        self._reached = False
        self._http = _connections(_tls(ca_cert, client_cert, client_key), timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def trust(self, url: str) -> None:
        """Let credentials go to the origin of `url`, which the index named; raise `ProtocolError` if it is not safe."""
        self._trusted.add(self.safe(url))

    def safe(self, url: str) -> Origin:
        """Return the origin of `url`, which the index named; raise `ProtocolError` if what is secret must not go there.

        A session token is in the path of the URLs of a stage.
        """
        origin = _origin(url)
        if _downgraded(self._home, origin):
            raise ProtocolError("the index names a URL without TLS, where nothing secret goes", where=redact(url))
        return origin

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: Content = None,
        repeat: Repeat,
        authorized: bool = True,
    ) -> Answer:
        """Make a request of the upload API and return its answer; redirects are not followed.

        It has the credentials, unless it is not to be `authorized`.  Raises `ConfigurationError` if `url` is not one
        that the index named and they were to go there, `UnreachableError` without an answer.
        """
        if authorized and _origin(url) not in self._trusted:
            raise ConfigurationError(
                "this URL does not belong to the index, so it gets no credentials",
                where=redact(url),
                hint=f"is the index {redact(self.endpoint)} the right one?",
            )
        response, answer = self._send(method, url, headers, content, repeat, authorized=authorized, whole=True)
        response.close()
        return answer

    def fetch(self, url: str, *, headers: Mapping[str, str], repeat: Repeat = Repeat.ALWAYS) -> Answer:
        """GET a page or a file of any origin, redirects followed, and return the last answer with its body.

        Raises `UnreachableError` without an answer, `ProtocolError` for a redirect that is not to be followed.
        """
        response, answer = self._follow(url, headers, repeat, whole=True)
        response.close()
        return answer

    @contextmanager
    def stream(self, url: str, *, headers: Mapping[str, str]) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """GET like `fetch`, but where the answer is successful give its body in pieces, as they arrive.

        It may take its time, but not less than `_SLOWEST`, which is `FailingError`.
        """
        wanted = {**headers, "Accept-Encoding": "identity"}
        response, answer = self._follow(url, wanted, Repeat.ALWAYS, whole=False)
        try:
            response.stream = _Steady(cast("httpx2.SyncByteStream", response.stream), url, self.waiter.now)
            yield answer, _pieces(response)
        finally:
            response.close()

    def _follow(
        self, url: str, headers: Mapping[str, str], repeat: Repeat, *, whole: bool
    ) -> tuple[httpx2.Response, Answer]:
        authorized = True
        for _ in range(MAX_REDIRECTS + 1):
            # once elsewhere, a redirect back is the stranger's wish, not ours
            authorized = authorized and _origin(url) == self._home
            response, answer = self._send("GET", url, headers, None, repeat, authorized=authorized, whole=whole)
            target = answer.redirected
            if target is None:
                return response, answer
            response.close()
            if _downgraded(_origin(url), _origin(target)):
                raise ProtocolError("a redirect from https to http is not followed", where=redact(target))
            self._refuse_to_enter(url, target)
            url = target
        raise ProtocolError(f"more than {MAX_REDIRECTS} redirects", where=redact(url))

    def _refuse_to_enter(self, url: str, target: str) -> None:
        """Raise `ProtocolError` if a server outside would make us ask one that only we can reach."""
        (_, before, _), (_, after, _) = _origin(url), _origin(target)
        if before == after or not addresses.is_private(after, self._resolve):
            return
        if not addresses.is_private(before, self._resolve):
            raise ProtocolError("a redirect into a private network is not followed", where=redact(target))

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: Content,
        repeat: Repeat,
        *,
        authorized: bool,
        whole: bool,
    ) -> tuple[httpx2.Response, Answer]:
        """Make a request, if need be again and again; the caller closes the response.

        The answer has a body unless it is successful and not wanted `whole`.
        """
        granted = self._authorizer.current() if authorized and self._authorizer is not None else None
        renewals = 0
        attempts = self.attempts()
        while True:
            request = self._http.build_request(
                method, url, headers=_with(granted, headers), content=content() if callable(content) else content
            )
            try:
                response, answer = self._once(request, url, whole=whole)
            except httpx2.RequestError as error:
                again = isinstance(error, httpx2.TransportError) and repeat.after_error(error)
                failure = _unreachable(error, url)
                if not again or _certificate_refused(error) or not attempts.pause(f"{failure.where}: {failure.what}"):
                    raise failure from error
                continue
            self._reached = True
            if granted is not None and renewals < RENEWALS and answer.status in _REFUSED:
                # the index did not act on it, so it can be made again whatever it was
                response.close()
                renewals += 1
                other = cast("Authorizer", self._authorizer).instead_of(granted)
                if other is None:
                    return response, answer
                granted = other
                continue
            asked = self.waiter.retry_after(answer.headers.get("retry-after"))
            told = f"{redact(url)}: the index failed ({answer.status})"
            if not repeat.after_status(answer.status) or not attempts.pause(told, asked):
                return response, answer
            response.close()

    def attempts(self) -> Attempts:
        """Return what counts the attempts of one request."""
        return self.waiter.attempts(reached=self._reached)

    def _once(self, request: httpx2.Request, url: str, *, whole: bool) -> tuple[httpx2.Response, Answer]:
        response = self._http.send(request, stream=True)
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            answer = Answer(url, response.status_code, headers)
            if whole or not answer.successful:
                answer = Answer(url, response.status_code, headers, self._body(response, url))
        except BaseException:
            response.close()
            raise
        return response, answer

    def _body(self, response: httpx2.Response, url: str) -> bytes:
        """Return the body, decoded, unless it is too long or takes too long."""
        response.stream = _Timed(cast("httpx2.SyncByteStream", response.stream), url, self._deadline, self.waiter.now)
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > self._max_body:
                raise ProtocolError(f"an answer of more than {self._max_body} bytes", where=redact(url))
        return bytes(body)


class _Timed(httpx2.SyncByteStream):
    """A body as it arrives, for so many `seconds`: below the decoder, which may take much and give nothing."""

    def __init__(self, stream: httpx2.SyncByteStream, url: str, seconds: float, now: Callable[[], datetime]) -> None:
        self._stream = stream
        self._url = url
        self._seconds = seconds
        self._now = now

    def __iter__(self) -> Iterator[bytes]:
        end = self._now() + timedelta(seconds=self._seconds)
        for piece in self._stream:
            if self._now() > end:
                what = f"the index is too slow: its answer is not complete after {self._seconds:.0f} seconds"
                raise FailingError(what, where=redact(self._url), hint="try again later")
            yield piece

    def close(self) -> None:
        self._stream.close()


class _Steady(httpx2.SyncByteStream):
    """A body as it arrives, of any length: one that drips, a byte before each time-out, would never end."""

    def __init__(self, stream: httpx2.SyncByteStream, url: str, now: Callable[[], datetime]) -> None:
        self._stream = stream
        self._url = url
        self._now = now

    def __iter__(self) -> Iterator[bytes]:
        since, size = self._now(), 0
        for piece in self._stream:
            size += len(piece)
            seconds = (self._now() - since).total_seconds()
            if seconds > _AVERAGE_SECONDS:
                if size < _SLOWEST * seconds:
                    what = f"the index is too slow: {size} bytes of a file in {seconds:.0f} seconds"
                    raise FailingError(what, where=redact(self._url), hint="try again later")
                since, size = self._now(), 0
            yield piece

    def close(self) -> None:
        self._stream.close()


def _with(granted: Credentials | None, headers: Mapping[str, str]) -> Mapping[str, str]:
    return headers if granted is None else {**headers, "Authorization": granted.authorization}


def _origin(url: str) -> Origin:
    try:
        # two opinions: httpx2 decides where a request goes, but lets ports and hosts pass that cannot be
        parsed, _ = httpx2.URL(url), urlsplit(url).port
    except (httpx2.InvalidURL, ValueError):
        raise ProtocolError("this is not a URL", where=redact(url)) from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ProtocolError("this is not an http or https URL", where=redact(url))
    return parsed.scheme, parsed.host, parsed.port


def _downgraded(before: Origin, after: Origin) -> bool:
    return before[0] == "https" and after[0] != "https"


def _connections(tls: ssl.SSLContext, timeout: float) -> httpx2.Client:
    """Return a client that uses the proxies of the system, except for what is on this machine."""
    try:
        return httpx2.Client(
            verify=tls,
            timeout=timeout,
            headers={"User-Agent": f"hatch-staged/{__version__}"},
            mounts=dict.fromkeys(_LOOPBACK.values()),
            follow_redirects=False,
        )
    except (ImportError, ValueError, httpx2.InvalidURL):
        # not told which: a password may be in it, and httpx2 quotes it
        raise ConfigurationError(
            "a proxy of this system cannot be used: it has no http or https URL",
            hint="set HTTPS_PROXY, HTTP_PROXY or ALL_PROXY to one, or the host of the index in NO_PROXY",
        ) from None


def _tls(ca_cert: Path | None, client_cert: Path | None, client_key: Path | None) -> ssl.SSLContext:
    if client_key and not client_cert:
        raise ConfigurationError("--client-key needs --client-cert beside it", where=str(client_key))
    try:
        if not ca_cert and not client_cert:
            return _system_trust(*(os.environ.get(name) for name in _TRUST_VARIABLES))
        context = ssl.create_default_context(cafile=ca_cert) if ca_cert else httpx2.create_ssl_context()
        if client_cert:
            context.load_cert_chain(client_cert, client_key, password=_no_passphrase)
    except OSError as error:
        files = ", ".join(str(path) for path in (ca_cert, client_cert, client_key) if path)
        # the variable names a file in place of the system's trust store
        where = files or "SSL_CERT_FILE"
        raise ConfigurationError(f"these certificates cannot be used: {error.strerror}", where=where) from error
    return context


@cache
def _system_trust(*_variables: str | None) -> ssl.SSLContext:
    """Return what all transports share that identify nobody: to read the system's trust store takes 20 ms each time."""
    return httpx2.create_ssl_context()


def _no_passphrase() -> str:
    """Keep OpenSSL from asking whoever is at the terminal."""
    raise ConfigurationError("the client's private key is encrypted", hint="use a key without a passphrase")


def _pieces(response: httpx2.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_raw(_CHUNK)
    except httpx2.RequestError as error:
        raise _unreachable(error, str(response.url)) from error


def _unreachable(error: httpx2.RequestError, url: str) -> StagedError:
    hint = "is the URL right, and the index up?"
    if _certificate_refused(error):
        hint = "--ca-cert names the authority that signed the certificate of the index"
    elif isinstance(error, httpx2.ConnectError) and urlsplit(url).hostname in _LOOPBACK:
        hint = "is the index up? It is on this machine: the local index of another one cannot be reached from here"
    # h11 quotes a header that it cannot send, and that one may be the secret
    local = isinstance(error, httpx2.LocalProtocolError)
    # of a peer that breaks the rules it quotes the line, with a token perhaps
    told = ("" if local else printable(str(error)).rstrip(".")) or type(error).__name__
    unsent = local or isinstance(error, _NEVER_SENT) or not isinstance(error, httpx2.TransportError)
    kind = UnreachableError if unsent else FailingError
    return kind(f"the index cannot be reached: {told}", where=redact(url), hint=hint)


def _certificate_refused(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None
