"""Whose credentials go to an index: found by its URL, in one order, first wins."""

from __future__ import annotations

import configparser
import json
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit, urlunsplit

from hatch_staged.errors import ConfigurationError, NotAllowedError
from hatch_staged.redaction import hide, redact

if TYPE_CHECKING:
    from collections.abc import Callable

#: The user name that stands for "the password is an API token" on PyPI and on every index that follows it.
TOKEN_USER = "__token__"  # noqa: S105 # a user name

WAYS = "give --auth, set HATCH_INDEX_AUTH, or use ~/.pypirc, the keyring, or trusted publishing in CI"


@dataclass(frozen=True)
class Credentials:
    """A secret and the user whose it is; `user` None makes it a bearer token.

    Raises `ConfigurationError` where they cannot be sent in a header.
    """

    user: str | None
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        sent = self.secret + (self.user or "")
        if not sent.isprintable() or (self.user is None and (not sent.isascii() or " " in sent)):
            raise ConfigurationError("the credentials hold a character that cannot be sent, a line break perhaps")
        if ":" in (self.user or ""):
            raise ConfigurationError("a user name cannot have a colon in it")
        hide(self.secret, self.authorization.partition(" ")[2])

    @property
    def authorization(self) -> str:
        """The value of the ``Authorization`` header: Basic (RFC 7617) or Bearer (RFC 6750)."""
        if self.user is None:
            return f"Bearer {self.secret}"
        return "Basic " + b64encode(f"{self.user}:{self.secret}".encode()).decode("ascii")

    def current(self) -> Credentials:
        """Return these: an `Authorizer` that has nothing else."""
        return self

    def instead_of(self, refused: Credentials) -> Credentials | None:
        """Return None."""
        del refused
        return None


class Authorizer(Protocol):
    """Whoever says which credentials go with a request; several threads ask at once."""

    def current(self) -> Credentials:
        """Return the credentials to send now."""

    def instead_of(self, refused: Credentials) -> Credentials | None:
        """Return others after the index did not accept `refused`, None if there are none."""


class Entry(Protocol):
    """A credential as `keyring` gives it."""

    @property
    def username(self) -> str:
        """Who."""

    @property
    def password(self) -> str:
        """The secret."""


class Keyring(Protocol):
    """The two functions of the module `keyring` that matter here."""

    def get_password(self, service: str, username: str, /) -> str | None:
        """Return the secret of `username` for `service`."""

    def get_credential(self, service: str, username: str | None, /) -> Entry | None:
        """Return a credential for `service`, of anybody if `username` is None."""


class SystemKeyring:
    """The keyring of this machine.  One that is absent, locked or broken has nothing."""

    def get_password(self, service: str, username: str, /) -> str | None:
        """Return the secret of `username` for `service`."""
        with suppress(Exception):  # third-party backends raise whatever they like, and some when imported
            import keyring  # noqa: PLC0415 # it looks for backends then

            return keyring.get_password(service, username)
        return None

    def get_credential(self, service: str, username: str | None, /) -> Entry | None:
        """Return a credential for `service`, of anybody if `username` is None."""
        with suppress(Exception):  # third-party backends raise whatever they like, and some when imported
            import keyring  # noqa: PLC0415 # it looks for backends then

            return keyring.get_credential(service, username)
        return None


@dataclass(frozen=True)
class LastUsers:
    """The users whose credentials were accepted last, by URL, in a JSON file of our own; never a secret."""

    path: Path

    def of(self, url: str) -> str | None:
        """Return the user who worked last at `url`; a file that is missing or damaged knows nobody."""
        return self._read().get(_normal(url))

    def remember(self, url: str, user: str) -> None:
        """Write down, atomically, that `user` worked at `url`; where that is impossible, nothing is remembered."""
        known = self._read()
        users = {**known, _normal(url): user}
        if users == known:
            return
        with suppress(OSError):  # a convenience: it must not turn a publication into a failure
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile("w", encoding="utf-8", dir=self.path.parent, delete=False) as file:
                json.dump(users, file, indent=2, sort_keys=True)
            try:
                Path(file.name).replace(self.path)
            except OSError:
                Path(file.name).unlink()
                raise

    def _read(self) -> dict[str, str]:
        try:
            users = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {url: user for url, user in users.items() if isinstance(user, str)} if isinstance(users, dict) else {}


@dataclass(frozen=True)
class Sources:
    """Where credentials are looked up, besides the options and their variables."""

    pypirc: Path
    keyring: Keyring
    last_users: LastUsers
    #: asks a person, given the URL to show and the user if known, for user and secret; None without a terminal
    prompt: Callable[[str, str | None], tuple[str, str]] | None = None
    #: takes part in trusted publishing (see there); gives None where the index does not offer it, or we must not ask
    trusted_publishing: Callable[[], Authorizer | None] = lambda: None


def find(url: str, sources: Sources, *, user: str | None = None, secret: str | None = None) -> Authorizer:
    """Return the credentials, or what makes them, for the index at `url`.

    Looked up in this order: `user` and `secret` (the options ``--user`` and ``--auth``, or their variables),
    ``.pypirc``, the keyring, trusted publishing, a person.  A secret without a user is an API token.  Raises
    `NotAllowedError` if there are none, and `ConfigurationError` for a ``.pypirc`` that cannot be read and for a URL
    with a password in it.
    """
    if "@" in urlsplit(url).netloc:
        raise ConfigurationError("credentials do not belong into the URL of an index", where=redact(url), hint=WAYS)
    if secret:
        return Credentials(user or TOKEN_USER, secret)
    found = _in_pypirc(url, sources.pypirc, user) or _in_keyring(url, sources, user)
    if found is None and (trusted := _by_trusted_publishing(sources)) is not None:
        return trusted
    if found is None and sources.prompt is not None:
        answered, secret = sources.prompt(redact(url), user or sources.last_users.of(url))
        found = Credentials(answered or TOKEN_USER, secret) if secret else None
    if found is None:
        raise NotAllowedError("no credentials for this index", where=redact(url), hint=WAYS)
    return found


def _by_trusted_publishing(sources: Sources) -> Authorizer | None:
    try:
        return sources.trusted_publishing()
    except NotAllowedError:
        if sources.prompt is None:
            raise
        # somebody is there who can do better
        return None


def _in_pypirc(url: str, path: Path, user: str | None) -> Credentials | None:
    # raw: a password may hold a percent sign
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (configparser.Error, OSError, UnicodeDecodeError):
        # the parser's own message quotes the line, which may be the one with the password
        raise ConfigurationError("this is not a readable .pypirc file", where=str(path)) from None
    for section in parser.values():
        if _normal(section.get("repository", "")) != _normal(url):
            continue
        username, password = section.get("username") or TOKEN_USER, section.get("password")
        if password and user in {None, username}:
            return Credentials(username, password)
    return None


def _in_keyring(url: str, sources: Sources, user: str | None) -> Credentials | None:
    if user is None:
        entry = sources.keyring.get_credential(url, None)
        if entry is not None and entry.password:
            return Credentials(entry.username or TOKEN_USER, entry.password)
    # many backends cannot answer "anybody": then the likely ones
    likely = (sources.last_users.of(url), TOKEN_USER) if user is None else (user,)
    for name in filter(None, likely):
        secret = sources.keyring.get_password(url, name)
        if secret:
            return Credentials(name, secret)
    return None


def _normal(url: str) -> str:
    """Return `url` in the one form in which URLs are compared: host in lower case, one slash at the end."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        # no URL, and so equal to none that we ask for
        return url
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/") + "/", parts.query, ""))
