"""HTTP as the suite speaks it: every exchange remembered, and all of them bounded in number, time and size.

The only importer of httpx2 here.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field, replace
from functools import cache
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

#: Of all requests; content types may have parameters.
MEDIA_TYPE = "application/vnd.pypi.upload.v2+json"
OCTETS = "application/octet-stream"
META = {"api-version": "2.0"}

# An index may take its time to look into a file (seconds); also for a whole answer.
_TIMEOUT = 60.0
# Of an answer, and of one that is remembered for longer than its check (bytes).
_LARGEST = 16 * 2**20
_LARGEST_KEPT = 64 * 2**10
# Between the requests to an index that limits their rate, and all in all (seconds).
_LEAST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_SHOWN = 300
_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 5


class Found(dict[str, Any]):
    """What was found in an answer; fails the check that looks up what is missing."""

    def __missing__(self, key: str) -> NoReturn:
        """Say so."""
        raise AssertionError(f"{key} is missing in: {str(dict(self))[:_SHOWN]}")


@dataclass(frozen=True)
class Answer:
    """What an index answered, with as much of the request as tells it apart."""

    method: str
    url: str
    status: int
    headers: httpx2.Headers = field(repr=False)
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether it is a success (2xx)."""
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether the index refused (4xx)."""
        return 400 <= self.status < 500

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case; empty if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def location(self) -> str:
        """The absolute URL in the Location header, as it is there; fails if there is none."""
        assert "location" in self.headers, f"there is no Location header in: {self}"
        told: str = self.headers["location"]
        return told if urlsplit(told).scheme else urljoin(self.url, told)

    @property
    def retry_after(self) -> float | None:
        """The Retry-After header in seconds, None if there is none or if it is a date."""
        value = self.headers.get("retry-after", "")
        return float(value) if value.isdecimal() else None

    def json(self) -> dict[str, Any]:
        """Return the JSON object in the body; fails if there is none, and later whenever a missing key is looked up."""
        try:
            body = json.loads(self.content, object_hook=Found)
        except ValueError:
            pytest.fail(f"the body is not JSON: {self}")
        assert isinstance(body, dict), f"the body is not a JSON object: {self}"
        return body

    def __str__(self) -> str:
        """Return the exchange in a line, for a report."""
        body = " ".join(self.content[:_SHOWN].decode(errors="replace").split())
        return f"{self.method} {self.url} -> {self.status} {body}".rstrip()


class NoAnswerError(AssertionError):
    """The index did not answer a request at all; fails the check that made it."""


@dataclass
class Wire:
    """All connections of a run.

    `limit` bounds the number of requests, `seconds` the time; a suite that was stopped by them has no verdict.
    """

    limit: int
    seconds: float = 600.0
    sleep: Callable[[float], None] = time.sleep
    journal: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open nothing yet; redirects are the check's to judge."""
        self._made = 0
        self._end = time.monotonic() + self.seconds
        # Cookies of one principal would make another of the next.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx2.Client(
            verify=_system_trust(), timeout=_TIMEOUT, follow_redirects=False, cookies=no_cookies
        )

    def request(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None) -> Answer:
        """Return the answer; raise `NoAnswerError` if there is none.

        Asks again, after a while, who limits the rate of requests.  Ends the run if that goes on, and when it has made
        too many requests or taken too long.
        """
        waited = 0.0
        while (answer := self._ask(method, url, headers, content)).status == HTTPStatus.TOO_MANY_REQUESTS:
            pause = max(answer.retry_after or 0.0, _LEAST_PAUSE)
            waited += pause
            if waited > _LONGEST_PAUSE:
                pytest.exit(f"the index limits the rate of requests, and the suite stops: {answer}", returncode=1)
            self.sleep(pause)
        kept = answer if len(answer.content) <= _LARGEST_KEPT else replace(answer, content=b"")
        self.journal.append(kept)
        return answer

    def extend(self, requests: int, seconds: float) -> None:
        """Allow for some more, to tidy up."""
        self.limit = max(self.limit, self._made + requests)
        self._end = max(self._end, time.monotonic() + seconds)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _ask(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        if self._made >= self.limit:
            pytest.exit(f"the suite has made {self.limit} requests and stops", returncode=1)
        if time.monotonic() > self._end:
            pytest.exit(f"the suite has run for {self.seconds / 60:.0f} minutes and stops", returncode=1)
        self._made += 1
        try:
            with self._client.stream(method, url, headers=dict(headers), content=content) as response:
                body = _read(response, f"{method} {url}")
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise NoAnswerError(f"{method} {url} got no answer: {error}") from None
        return Answer(method, url, response.status_code, response.headers, body)


@dataclass(frozen=True)
class Principal:
    """Somebody who asks an index, with a token or without one.

    Each method returns the answer, whatever it is.  A body given as ``json`` is sent as this API's messages are.
    """

    wire: Wire
    token: str | None = field(default=None, repr=False)
    #: how the token is sent: ``Basic``, as the password of `user`, or ``Bearer``
    scheme: str = "Basic"
    user: str = "__token__"

    def get(self, url: str, **headers: str) -> Answer:
        """GET; the content type is on it because "all non-file-upload requests" have it."""
        return self.request("GET", url, {"Content-Type": MEDIA_TYPE, **_names(headers)})

    def follow(self, url: str, **headers: str) -> Answer:
        """GET and follow redirects; the token goes no further than the origin of `url`."""
        asker = self
        for _ in range(_MOST_REDIRECTS):
            answer = asker.request("GET", url, _names(headers))
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                break
            if origin(answer.location) != origin(url):
                asker = Principal(self.wire)
            url = answer.location
        return answer

    def delete(self, url: str) -> Answer:
        """DELETE."""
        return self.request("DELETE", url, {"Content-Type": MEDIA_TYPE})

    def post(self, url: str, message: object | None = None, **headers: str) -> Answer:
        """POST a message as JSON; without one, the request that only has ``meta``."""
        body = {"meta": META} if message is None else message
        return self.request("POST", url, {"Content-Type": MEDIA_TYPE, **_names(headers)}, json.dumps(body).encode())

    def send(self, url: str, data: bytes) -> Answer:
        """POST the bytes of a file, as ``http-post-bytes`` does."""
        return self.request("POST", url, {"Content-Type": OCTETS}, data)

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> Answer:
        """Make any request, with the token added to `headers`."""
        return self.wire.request(method, url, {**self._credentials(), **(headers or {})}, content)

    def _credentials(self) -> dict[str, str]:
        if self.token is None:
            return {}
        if self.scheme == "Bearer":
            return {"Authorization": f"Bearer {self.token}"}
        return {"Authorization": f"Basic {base64.b64encode(f'{self.user}:{self.token}'.encode()).decode()}"}


def origin(url: str) -> tuple[str, str]:
    """Return the part of a URL that says whose it is."""
    return urlsplit(url)[:2]


def multipart(fields: Mapping[str, str], filename: str, data: bytes) -> tuple[str, bytes]:
    """Return the content type and the body of a form with `fields` and the file ``content``."""
    form = httpx2.Request("POST", "http://form.invalid", data=dict(fields), files={"content": (filename, data, OCTETS)})
    return form.headers["content-type"], form.read()


@cache
def _system_trust() -> ssl.SSLContext:
    """Return what all connections trust; to read the system's trust store takes 20 ms each time."""
    return httpx2.create_ssl_context()


def _read(response: httpx2.Response, asked: str) -> bytes:
    deadline = time.monotonic() + _TIMEOUT
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _LARGEST:
            raise NoAnswerError(f"{asked} got an answer of more than {_LARGEST // 2**20} MiB")
        if time.monotonic() > deadline:
            raise NoAnswerError(f"{asked} got an answer that does not end within {_TIMEOUT:.0f} seconds")
    return bytes(body)


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
