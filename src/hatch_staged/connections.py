"""From the name of an index to a client that speaks with it, as the user whose credentials were found.

What speaks is imported where it does: a run in a staged environment may have nothing to ask.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hatch_staged import repositories
from hatch_staged.client.progress import unheard
from hatch_staged.errors import ConfigurationError, NotAllowedError
from hatch_staged.redaction import redact
from hatch_staged.repositories import LOCAL, Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hatch_staged.client.credentials import Authorizer, LastUsers
    from hatch_staged.client.transport import Transport
    from hatch_staged.client.trusted_publishing import Ambient
    from hatch_staged.client.upload_api import Client
    from hatch_staged.local import LocalIndex

#: Seconds, and one attempt: a run that has the bytes already does not wait for an index that is not there.
HURRIED_SECONDS = 5.0
#: Bytes: the page of a project with tens of thousands of files.
LARGEST_PAGE = 16 * 1024 * 1024

_CHOOSE = "if it is the right one, say so with --repo and its URL"


@dataclass(frozen=True)
class Login:
    """What the options and variables say about who asks.

    `typed` is whether `auth` was given on the command line; from a variable it may be meant for another index.
    `prompt` is None where nobody can be asked.
    """

    user: str | None = None
    auth: str | None = field(default=None, repr=False)
    typed: bool = False
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    prompt: Callable[[str, str | None], tuple[str, str]] | None = None


@dataclass(frozen=True)
class Connections:
    """The indexes that this user can reach.

    `configured` are those of the configuration files, `memory` is the file that remembers who worked last where,
    `ambient` vouches for a job of CI, None for what does so on this system, `tell` takes a line on why an index is
    asked again.
    """

    configured: Mapping[str, Repository]
    local: LocalIndex
    login: Login
    memory: Path
    ambient: Ambient | None = None
    tell: Callable[[str], None] = unheard
    _found: dict[tuple[str, str | None], Authorizer] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def named(self, repo: str) -> Repository:
        """Return the index that `repo` (a name or a URL) means; the local one is started if need be."""
        if repo == LOCAL:
            return repositories.local(self.local.start())
        return repositories.look_up(repo, self.configured)

    def at(self, url: str, *asked: str | None) -> Repository:
        """Return the index whose root endpoint is `url`; the local one is started if need be.

        It counts as chosen if it is configured or one of `asked`.
        """
        found = repositories.at_url(url, self.configured)
        if found is None and self.local.has(url):
            return repositories.local(self.local.start())
        return found or repositories.nameless(
            url, chosen=any(repositories.same_url(url, each) for each in asked if each)
        )

    def around(self, url: str) -> Repository:
        """Return the index on whose host `url` is; the local one is started if need be.

        Of one that is not configured nothing is known but `url`.
        """
        found = next((each for each in self.configured.values() if repositories.same_origin(each.url, url)), None)
        local = self.local.url
        if found is None and local is not None and repositories.same_origin(local, url):
            return self.at(local)
        return found or repositories.nameless(url, chosen=False)

    @contextmanager
    def open(self, repository: Repository, *, ask: bool = True) -> Iterator[Client]:
        """Give a client that is logged in to `repository`; whoever it was worked, if nothing is raised inside.

        A person is asked for credentials only if `ask`.
        """
        from hatch_staged.client.credentials import Credentials  # noqa: PLC0415 - see above

        found = self._credentials(repository, ask=ask)
        with self._client(repository, found) as client:
            yield client
        if repository.name != LOCAL and isinstance(found, Credentials) and found.user is not None:
            self._last_users.remember(repository.url, found.user)

    def hurried(self, repository: Repository) -> Client:
        """Return a client without credentials, for pages, that gives up soon."""
        return self._client(
            repository, attempts=1, timeout=HURRIED_SECONDS, deadline=HURRIED_SECONDS, max_body=LARGEST_PAGE
        )

    def anonymous(self, repository: Repository) -> Client:
        """Return a client without credentials, for pages and files."""
        return self._client(repository, max_body=LARGEST_PAGE)

    @property
    def _last_users(self) -> LastUsers:
        from hatch_staged.client.credentials import LastUsers  # noqa: PLC0415 - see above

        return LastUsers(self.memory)

    def _credentials(self, repository: Repository, *, ask: bool) -> Authorizer:
        from hatch_staged.client.credentials import TOKEN_USER, Credentials  # noqa: PLC0415 - see above

        if repository.name == LOCAL:
            # Its own token, whatever the options say: HATCH_INDEX_AUTH may be there for another index.
            return Credentials(TOKEN_USER, self.local.token())
        user = self.login.user or repository.user
        asked_for = (repository.url, user)
        if asked_for not in self._found:
            self._found[asked_for] = self._find_credentials(repository, user, ask=ask)
        return self._found[asked_for]

    def _find_credentials(self, repository: Repository, user: str | None, *, ask: bool) -> Authorizer:
        from hatch_staged.client import credentials  # noqa: PLC0415 - see above

        sources = credentials.Sources(
            pypirc=_expanded("~/.pypirc"),
            keyring=credentials.SystemKeyring(),
            last_users=self._last_users,
            trusted_publishing=lambda: self._trusted_publishing(repository),
            prompt=self.login.prompt if ask else None,
        )
        if self.login.auth is None or self.login.typed or self._is_trusted(repository):
            return credentials.find(repository.url, sources, user=user, secret=self.login.auth)
        try:
            return credentials.find(repository.url, sources, user=user)
        except NotAllowedError:
            raise NotAllowedError(
                "HATCH_INDEX_AUTH is not sent to an index that only the stage file names",
                where=redact(repository.url),
                hint=_CHOOSE,
            ) from None

    def _trusted_publishing(self, repository: Repository) -> Authorizer | None:
        """Return what mints tokens of `repository` for this job, None where there is no such thing or it is not safe.

        Whoever is sent our identity can be us at another index, whose audience they named.  So the index must have been
        chosen, not just be in a stage file, and nobody may listen in.
        """
        from hatch_staged.client.trusted_publishing import SystemAmbient, TrustedPublishing  # noqa: PLC0415 - see above

        ambient = self.ambient or SystemAmbient()
        safe = urlsplit(repository.url).scheme == "https" or repositories.is_loopback(repository.url)
        if not (safe and ambient.present()):
            return None
        if not repository.chosen:
            raise NotAllowedError(
                "there is no trusted publishing with an index that only the stage file names",
                where=redact(repository.url),
                hint=_CHOOSE,
            )
        return TrustedPublishing(repository.url, ambient, lambda: self._transport(repository)).begin()

    def _is_trusted(self, repository: Repository) -> bool:
        """Whether a secret from a variable may go to `repository`.

        Anybody can write any index into a stage file, and the variable is often there for PyPI.  So the index must
        have been chosen, or have accepted us before, or be on this machine, but not in the place of the local one.
        """
        return (
            repository.chosen
            or self._last_users.of(repository.url) is not None
            or (repositories.is_loopback(repository.url) and repository.url != self.local.url)
        )

    def _client(self, repository: Repository, found: Authorizer | None = None, **limits: Any) -> Client:
        from hatch_staged.client.upload_api import Client  # noqa: PLC0415 - see above

        return Client(self._transport(repository, found, **limits))

    def _transport(
        self, repository: Repository, found: Authorizer | None = None, *, attempts: int | None = None, **limits: Any
    ) -> Transport:
        from hatch_staged.client.transport import Transport  # noqa: PLC0415 - see above
        from hatch_staged.client.waiting import Patience, Waiter  # noqa: PLC0415 - see above

        patience = Patience() if attempts is None else Patience(attempts=attempts)
        return Transport(
            repository.url,
            found,
            waiter=Waiter(patience, tell=self.tell),
            ca_cert=_file(self.login.ca_cert or repository.ca_cert),
            client_cert=_file(self.login.client_cert or repository.client_cert),
            client_key=_file(self.login.client_key or repository.client_key),
            **limits,
        )


def _expanded(path: str) -> Path:
    """Return `path` with the home folder in the place of ``~``; as it is, and so not there, where nobody has one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _file(path: str | None) -> Path | None:
    if path is None:
        return None
    file = _expanded(path)
    if not file.is_file():
        raise ConfigurationError("there is no such file", where=path)
    return file
