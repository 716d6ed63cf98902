"""The table ``tool.hatch.publish.staged``: read, checked as a whole, merged with the user's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_staged.errors import ConfigurationError
from hatch_staged.repositories import KNOWN, LOCAL, Repository, url_mistake

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

_SECRETS = ("auth", "password", "token")
_WHERE_SECRETS_BELONG = "credentials belong into ~/.pypirc, a keyring or HATCH_INDEX_AUTH"
_REPO_FIELDS = ("simple", "user", "ca-cert", "client-cert", "client-key")


@dataclass(frozen=True)
class Settings:
    """What the configuration files say.

    `stage_file` is relative to the project's root; `jobs` counts files; `expected` are patterns of file names.
    """

    repo: str = LOCAL
    stage_file: str = ".stage.toml"
    jobs: int = 4
    repos: Mapping[str, Repository] = field(default_factory=dict)
    expected: tuple[str, ...] = ()
    #: whether the stage file gets the session token
    share_token: bool = True


def read(project: Mapping[str, object], user: Mapping[str, object]) -> Settings:
    """Merge the project's table (``[tool.hatch.publish.staged]``) over the user's (``[publish.staged]``).

    Raises one `ConfigurationError` that names every mistake in both, each with its TOML path.
    """
    mistakes: list[str] = []
    ours = _Table(project, "tool.hatch.publish.staged", mistakes)
    theirs = _Table(user, "publish.staged", mistakes)
    defaults = Settings()
    share_token = [value for value in (ours.flag("share-token"), theirs.flag("share-token")) if value is not None]
    settings = Settings(
        repo=ours.repo() or theirs.repo() or defaults.repo,
        stage_file=ours.text("stage-file") or theirs.text("stage-file") or defaults.stage_file,
        jobs=ours.count("jobs") or theirs.count("jobs") or defaults.jobs,
        repos={**theirs.repos(), **ours.repos()},
        expected=ours.texts("expected") or theirs.texts("expected") or defaults.expected,
        share_token=[*share_token, defaults.share_token][0],
    )
    for table in (theirs, ours):
        table.refuse_secrets()
        # Hatch itself reads it, and shows a traceback for a mistake in it.
        table.flag("disable")
        table.refuse_unknown({"repo", "stage-file", "jobs", "repos", "expected", "share-token", "disable", *_SECRETS})
    if mistakes:
        raise ConfigurationError("; ".join(mistakes))
    return settings


def _is_text(value: object) -> TypeGuard[str]:
    """Whether it is text that a terminal may be shown: a cloned project says what it likes."""
    return isinstance(value, str) and value != "" and value.isprintable()


class _Table:
    """A TOML table that takes note of every mistake in it, with the path of its key."""

    def __init__(self, values: Mapping[str, object], path: str, mistakes: list[str]) -> None:
        self._values = values
        self._path = path
        self._mistakes = mistakes

    def mistake(self, key: str, sentence: str) -> None:
        self._mistakes.append(f"{self._path}.{key} {sentence}")

    def text(self, key: str) -> str | None:
        value = self._values.get(key)
        if value is None:
            return None
        if not _is_text(value):
            self.mistake(key, "must be a non-empty string of printable characters")
            return None
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._values.get(key, [])
        if not isinstance(values, list) or not all(map(_is_text, values)):
            self.mistake(key, "must be a list of non-empty strings of printable characters")
            return ()
        return tuple(values)

    def count(self, key: str) -> int | None:
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            self.mistake(key, "must be a whole number of at least 1")
            return None
        return value

    def flag(self, key: str) -> bool | None:
        value = self._values.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.mistake(key, "must be true or false")
        return None

    def url(self, key: str) -> str | None:
        value = self.text(key)
        if value is not None and (mistake := url_mistake(value)):
            self.mistake(key, mistake)
        return value

    def repo(self) -> str | None:
        value = self.text("repo")
        if value is not None and "://" in value and (mistake := url_mistake(value)):
            self.mistake("repo", mistake)
        return value

    def refuse_secrets(self) -> None:
        for key in _SECRETS:
            if key in self._values:
                self.mistake(key, f"must not be here: {_WHERE_SECRETS_BELONG}")

    def refuse_unknown(self, known: set[str]) -> None:
        for key in self._values:
            if key not in known:
                self.mistake(key, f"is unknown (known: {', '.join(sorted(known.difference(_SECRETS)))})")

    def repos(self) -> dict[str, Repository]:
        tables = self._values.get("repos", {})
        if not isinstance(tables, dict):
            self.mistake("repos", "must be a table")
            return {}
        return {name: repository for name in tables if (repository := self._repo(name, tables[name])) is not None}

    def _repo(self, name: str, values: object) -> Repository | None:
        if name == LOCAL or name in KNOWN:
            self.mistake(f"repos.{name}", "has a meaning already: choose another name")
            return None
        if not _is_text(name):
            self.mistake(f"repos.{name}", "must have a name of printable characters")
            return None
        if not isinstance(values, dict):
            self.mistake(f"repos.{name}", "must be a table")
            return None
        table = _Table(values, f"{self._path}.repos.{name}", self._mistakes)
        table.refuse_secrets()
        table.refuse_unknown({"url", *_REPO_FIELDS, *_SECRETS})
        url = table.url("url")
        if "url" not in values:
            table.mistake("url", "is missing: the Upload 2.0 root endpoint")
        return Repository(
            name=name,
            url=url or "",
            simple=table.url("simple"),
            user=table.text("user"),
            ca_cert=table.text("ca-cert"),
            client_cert=table.text("client-cert"),
            client_key=table.text("client-key"),
        )
