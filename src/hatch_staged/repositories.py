"""The indexes that a user can name, and how to reach each."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from hatch_staged.errors import ConfigurationError
from hatch_staged.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The embedded index on this machine; it is started when needed, and only then has a URL.
LOCAL = "local"


@dataclass(frozen=True)
class Repository:
    """An index under the name that a user gives it (Hatch says `repo`).

    `url` is the Upload 2.0 root endpoint, `simple` the root of the simple API where published releases appear (None
    where nobody said).  `chosen` is whether the user or the project's configuration names it; otherwise only a stage
    file does.  The rest is for the TLS connection (paths of PEM files) and for the credentials.
    """

    name: str
    url: str
    simple: str | None = None
    user: str | None = None
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    chosen: bool = True

    def is_at(self, url: str) -> bool:
        """Whether `url` is its root endpoint."""
        return same_url(self.url, url)


#: Names that need no configuration.  Neither of these two speaks Upload 2.0 yet, so `look_up` refuses them.
KNOWN: Mapping[str, Repository] = {
    "main": Repository("main", "https://upload.pypi.org/2.0/", "https://pypi.org/simple/"),
    "test": Repository("test", "https://test.pypi.org/2.0/", "https://test.pypi.org/simple/"),
}

_HOSTS = {"main": "PyPI", "test": "TestPyPI"}


def same_url(one: str, other: str) -> bool:
    """Whether two root endpoints are the same, with or without the slash at the end."""
    return one.rstrip("/") == other.rstrip("/")


def same_origin(one: str, other: str) -> bool:
    """Whether two http(s) URLs have the same scheme, host and port."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def is_loopback(url: str) -> bool:
    """Whether the host of `url` is this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def url_mistake(url: str) -> str | None:
    """Say what is wrong with `url` as the address of an index, or None."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # not told which part: it may be one of a password, and Python quotes it
        return "is no URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "must be an http or https URL"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or a password: put them into ~/.pypirc, a keyring or HATCH_INDEX_AUTH"
    return None


def look_up(repo: str, configured: Mapping[str, Repository]) -> Repository:
    """Return what `repo`, a configured or known name or a URL, stands for.

    `LOCAL` must have been dealt with by the caller.  Raises `ConfigurationError` for a name that nobody defined.
    """
    if repo in configured:
        return configured[repo]
    if repo in KNOWN:
        raise ConfigurationError(
            f"{repo!r} ({_HOSTS[repo]}) does not speak Upload 2.0 (PEP 694) yet, so nothing can be staged there",
            hint=f"repo = {LOCAL!r} stages on this machine; plain `hatch publish` publishes there at once",
        )
    if "://" not in repo:
        names = ", ".join(sorted({LOCAL, *KNOWN, *configured}))
        raise ConfigurationError(
            f"unknown repository {repo!r}",
            hint=f"one of {names}, or define tool.hatch.publish.staged.repos.{repo}.url, or give a URL",
        )
    if mistake := url_mistake(repo):
        raise ConfigurationError(f"the repository's URL {mistake}", where=redact(repo))
    return nameless(repo, chosen=True)


def at_url(url: str, configured: Mapping[str, Repository]) -> Repository | None:
    """Return the configured or known repository whose root endpoint is `url`, if there is one."""
    return next((each for each in (*configured.values(), *KNOWN.values()) if each.is_at(url)), None)


def nameless(url: str, *, chosen: bool) -> Repository:
    """Return the repository of which nothing but its root endpoint `url` is known."""
    return Repository(redact(url), url, chosen=chosen)


def local(url: str) -> Repository:
    """Return the embedded index, whose root endpoint is `url` at present."""
    return Repository(LOCAL, url, urljoin(url, "../simple/"))
