"""Trusted publishing: what proves the identity of a CI job, exchanged for a token of the index that lives for minutes.

The two endpoints are those of PyPI, at the root of the origin; PEP 807 (a draft) describes the exchange.  No secret is
ever printed here, so none has to be masked in the log of a job.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

import msgspec

from hatch_staged.client.answers import printable
from hatch_staged.client.credentials import TOKEN_USER, WAYS, Credentials
from hatch_staged.client.transport import Repeat
from hatch_staged.errors import ConfigurationError, NotAllowedError, ProtocolError, StagedError, UnreachableError
from hatch_staged.protocol import messages
from hatch_staged.redaction import hide, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatch_staged.client.answers import Answer
    from hatch_staged.client.transport import Transport

AUDIENCE = "/_/oidc/audience"
MINT_TOKEN = "/_/oidc/mint-token"  # noqa: S105 # a path

_JSON = {"Accept": "application/vnd.pypi.pytp.v1+json, application/json"}

#: "an expiration point of not more than 15 minutes (900 seconds) after the time of their request", if none is told
_SHORTEST_LIFE = 900
#: "or more than 6 hours (21,600 seconds)"
_LONGEST_LIFE = 21_600
#: A token that has less left is replaced, so that what begins with it is let in (seconds).
_MARGIN = 300
#: A token that is younger is refused for another reason than its age (seconds).
_FRESH = 60

_REGISTER = "is this repository, workflow and environment registered with the project, as its trusted publisher?"
_GRANT = "on GitHub the job needs `permissions: id-token: write`, on GitLab `id_tokens` with the index's audience"


#: audience -> the domain whose it is: with a proof that is made out to it, whoever has that can be this job there
_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {"pypi": "pypi.org", "testpypi": "test.pypi.org", "sigstore": "sigstore.dev"}
)

#: The variables by which the services are recognised.
SERVICES = ("GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "GOOGLE_SERVICE_ACCOUNT_NAME")


class Ambient(Protocol):
    """Whoever vouches for this process: a CI service, or a cloud."""

    def present(self) -> bool:
        """Whether there is somebody to be asked."""

    def identity(self, audience: str) -> str:
        """Return an OIDC token for `audience`; raise `NotAllowedError` if we get none."""


class SystemAmbient:
    """The services that the library `id` knows."""

    _google = ("Google", "Google Compute Engine")

    def __init__(self, product_name: Path = Path("/sys/class/dmi/id/product_name")) -> None:
        self._product_name = product_name

    def present(self) -> bool:
        """Whether we run in one of them, by what `id` looks at; so elsewhere no index is asked for its audience."""
        if any(os.environ.get(name) for name in SERVICES):
            return True
        with suppress(OSError, UnicodeDecodeError):
            return self._product_name.read_text(encoding="utf-8").strip() in self._google
        return False

    def identity(self, audience: str) -> str:
        """Return an OIDC token for `audience`; raise `NotAllowedError` if we get none."""
        from id import IdentityError, detect_credential  # noqa: PLC0415 # hardly any run needs it

        try:
            token = detect_credential(audience)
        except IdentityError as error:
            told = printable(str(error))
        except Exception as error:  # noqa: BLE001 # it lets pass what urllib3, json and subprocess raise
            told = type(error).__name__
        else:
            if token:
                return token
            told = "nobody vouches for it"
        raise NotAllowedError(f"this job cannot prove its identity: {told}", hint=_GRANT)


class _Audience(msgspec.Struct):
    audience: str


class _Minted(msgspec.Struct):
    token: str
    #: "an optional integer containing a Unix timestamp"
    expires: int | None = None


class _Reason(msgspec.Struct):
    code: str = ""
    description: str = ""


class _Refusal(msgspec.Struct):
    message: str = ""
    errors: tuple[_Reason, ...] = ()

    def sentences(self) -> str:
        """Return what a person should read."""
        reasons = [reason.description or reason.code for reason in self.errors]
        return "; ".join(filter(None, reasons)) or self.message


_Decoded = TypeVar("_Decoded", bound=msgspec.Struct)


class TrustedPublishing:
    """The tokens that the index at `endpoint` mints for this job: after `begin`, an `Authorizer` that renews them.

    `connect` opens a transport without credentials, `now` gives the seconds since the epoch.  Several threads share
    one token, and it is renewed once for all of them.
    """

    def __init__(
        self, endpoint: str, ambient: Ambient, connect: Callable[[], Transport], now: Callable[[], float] = time.time
    ) -> None:
        self._endpoint = endpoint
        self._ambient = ambient
        self._connect = connect
        self._now = now
        self._lock = Lock()
        self._audience = ""
        self._held = Credentials(TOKEN_USER, "")
        self._minted_at = self._renewed_from = self._ends = 0.0

    def begin(self) -> TrustedPublishing | None:
        """Mint the first token and return this; None if the index does not offer trusted publishing.

        Raises `NotAllowedError` where it does, but not to us, or wants to know who we are for somebody else.
        """
        with self._lock:
            audience = self._ask_for_audience()
            if audience is None:
                return None
            self._refuse_anothers(audience)
            self._audience = audience
            self._mint()
        return self

    def current(self) -> Credentials:
        """Return a token with minutes to live, or the last one if there is no other."""
        with self._lock:
            now = self._now()
            if now >= self._renewed_from:
                try:
                    self._mint()
                except StagedError:
                    # GitLab vouches for a job once, and PyPI lets nobody in twice for that: the index shall say when
                    # this one ends
                    self._renewed_from = now + _MARGIN
            return self._held

    def instead_of(self, refused: Credentials) -> Credentials | None:
        """Return a token that is newer than the one in `refused`, None if its age is not why it was refused.

        Raises why there is no other one, if it has come to its end.
        """
        with self._lock:
            if self._held != refused:
                return self._held
            now = self._now()
            if now < self._minted_at + _FRESH:
                return None
            try:
                self._mint()
            except StagedError as error:
                if now < self._ends:
                    return None
                error.what = f"the index's token for this job has expired, and there is no other: {error.what}"
                raise
            return self._held

    def _ask_for_audience(self) -> str | None:
        url = urljoin(self._endpoint, AUDIENCE)
        with self._connect() as transport:
            answer = transport.exchange("GET", url, headers=_JSON, repeat=Repeat.ALWAYS)
        if answer.successful:
            told = _decode(answer, _Audience)
            # any web page may be there
            return None if told is None else told.audience or None
        if answer.status == 403:  # noqa: PLR2004 # as PyPI answers
            raise _refused(answer, "trusted publishing is not enabled at this index", WAYS)
        _raise_failure(answer)
        return None

    def _refuse_anothers(self, audience: str) -> None:
        """Raise `NotAllowedError` if the index wants a proof that is good for somebody else, whom we know."""
        domain = _ELSEWHERE.get(audience)
        host = urlsplit(self._endpoint).hostname or ""
        if domain is not None and host != domain and not host.endswith(f".{domain}"):
            raise NotAllowedError(
                f"the index wants a proof of this job's identity that is for {domain}, and gets none",
                where=redact(urljoin(self._endpoint, AUDIENCE)),
                hint=WAYS,
            )

    def _mint(self) -> None:
        identity = self._ambient.identity(self._audience)
        hide(identity)
        asked_at = self._now()
        with self._connect() as transport:
            answer = transport.exchange(
                "POST",
                urljoin(self._endpoint, MINT_TOKEN),
                headers={**_JSON, "Content-Type": "application/json"},
                content=msgspec.json.encode({"token": identity}),
                # PyPI takes each identity once, so after a lost answer it would refuse
                repeat=Repeat.UNHEEDED,
            )
        if not answer.successful:
            _raise_failure(answer)
            raise _refused(answer, "the index mints no token for this job", _REGISTER)
        minted = _decode(answer, _Minted)
        try:
            held = Credentials(TOKEN_USER, minted.token) if minted is not None and minted.token else None
        except ConfigurationError:
            held = None
        if held is None:
            raise ProtocolError("the index answers with no token where it should mint one", where=redact(answer.url))
        ends = None if minted is None else minted.expires
        # within what the PEP allows: the index's clock may be another than ours
        life = _SHORTEST_LIFE if ends is None else min(max(ends - int(asked_at), _SHORTEST_LIFE), _LONGEST_LIFE)
        self._held, self._minted_at = held, asked_at
        self._renewed_from, self._ends = asked_at + life - _MARGIN, asked_at + life


def _decode(answer: Answer, kind: type[_Decoded]) -> _Decoded | None:
    try:
        return messages.decode(answer.body, kind)
    except msgspec.DecodeError:
        return None


def _raise_failure(answer: Answer) -> None:
    if answer.status == 429 or answer.status >= 500:  # noqa: PLR2004 # too many requests, server errors
        what = f"the index kept failing at trusted publishing ({answer.status})"
        raise UnreachableError(what, where=redact(answer.url), hint="try again later")


def _refused(answer: Answer, what: str, hint: str) -> NotAllowedError:
    refusal = _decode(answer, _Refusal)
    said = printable(refusal.sentences()) if refusal is not None else ""
    told = f"{what} ({answer.status})" + (f": {said}" if said else "")
    return NotAllowedError(told, where=redact(answer.url), hint=hint)
