"""Session tokens outside the stage file: for one that has no secret in it, and may be public.

Such a file has `PLACEHOLDER` where the token stands in URLs.  Whoever uses it has the token in a variable, or has
staged or pulled the release on this machine.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.stage import private_files
from hatch_staged.stage.model import TOOL_TABLE, InvalidEntryError, StagedRelease, StageFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

VARIABLE = "HATCH_STAGE_TOKEN"
#: As pip and uv know variables in files of requirements.
PLACEHOLDER = f"${{{VARIABLE}}}"

#: How many tokens are remembered: those of the newest releases.
_MOST = 100


def variable_of(project: str) -> str:
    """Return the variable for the token of `project` (normalized) alone, where a stage file needs several."""
    return f"{VARIABLE}_{project.upper().replace('-', '_')}"


def refuse_unless_token(text: str) -> None:
    """Raise `ConfigurationError` if `text` cannot be a session token."""
    # one of dots would lead out of the folder of stages
    if not text.isprintable() or " " in text or not text.strip("."):
        raise ConfigurationError("this is no session token", hint="copy the `session-token` of a stage file")


def known(releases: Iterable[StagedRelease]) -> tuple[str, ...]:
    """Return the session tokens of `releases`, as far as they are known."""
    return tuple(release.session_token for release in releases if release.session_token is not None)


def is_missing(release: StagedRelease) -> bool:
    """Whether the stage of `release` cannot be asked, because its session token is not known."""
    return release.stage is not None and PLACEHOLDER in release.stage


def withheld(release: StagedRelease) -> StagedRelease:
    """Return `release` as a stage file without secrets names it.

    Raises `ConfigurationError` if that cannot be: the token is not known, or in URLs in another place than a segment of
    their paths, or on another host than that of the stage.
    """
    if release.stage is None or is_missing(release):
        return replace(release, session_token=None)
    token = release.session_token
    if token is None:
        raise _cannot(release, "it is not known which part of its stage's URL is the session token")
    written = replace(_with_urls(release, lambda url: _without(url, token)), session_token=None)
    if not is_missing(written):
        raise _cannot(release, "the session token is not in the URL of its stage")
    try:
        check(written)
    except InvalidEntryError:
        raise _cannot(release, "its index has the token in URLs of other hosts, too") from None
    if any(token in unquote(url.replace(PLACEHOLDER, "")) for url in (release.index, *_urls(written))):
        raise _cannot(release, "its index has the token in URLs in an unusual place")
    return written


def filled(release: StagedRelease, token: str) -> StagedRelease:
    """Return `release`, as `withheld` returned it, with its `token`."""
    quoted = quote(token, safe="")
    return replace(
        _with_urls(release, lambda url: url.replace(PLACEHOLDER, quoted)), session_token=token, shares_token=False
    )


def check(release: StagedRelease) -> None:
    """Raise `InvalidEntryError` if the token would go to another host than that of the stage."""
    home = None if release.stage is None else urlsplit(release.stage)
    for url in _urls(release):
        parts = urlsplit(url)
        if PLACEHOLDER not in url:
            continue
        if home is None or PLACEHOLDER in parts.netloc or (parts.scheme, parts.netloc) != (home.scheme, home.netloc):
            raise InvalidEntryError(f"{TOOL_TABLE}.stage", f"{PLACEHOLDER} is in the URL of another host, too")


@dataclass(frozen=True)
class SessionTokens:
    """The session tokens that this user has: in `variables` of the process, and in the file `path`, which is ours."""

    path: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    def fill(self, stage_file: StageFile) -> StageFile:
        """Return `stage_file` with the tokens that are not in it, as far as they are known.

        `VARIABLE` is one token: where several releases need one, each has a variable of its own, see `variable_of`.
        """
        lacking = [release for release in stage_file.releases if is_missing(release)]
        for release in lacking:
            variables = (variable_of(release.project), *([VARIABLE] if len(lacking) == 1 else []))
            variable = next((name for name in variables if self.variables.get(name)), None)
            token = self._remembered(release) if variable is None else self.variables[variable]
            if token:
                refuse_unless_token(token)
                stage_file = stage_file.with_release(replace(filled(release, token), token_variable=variable))
        return stage_file

    def remember(self, release: StagedRelease) -> None:
        """Write down the token of `release`; where that is impossible, the variable has to do."""
        if self.path is None or release.stage is None or release.session_token is None:
            return
        from filelock import FileLock  # noqa: PLC0415 - most runs remember nothing

        with suppress(OSError, StagedError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock")):
                known = self._read()
                known.pop(_key(release), None)
                known[_key(release)] = {"stage": release.stage, "token": release.session_token}
                newest = dict(list(known.items())[-_MOST:])
                private_files.write(self.path, json.dumps(newest, indent=2), "what is remembered")

    def _remembered(self, release: StagedRelease) -> str | None:
        try:
            entry = self._read()[_key(release)]
            token, stage = str(entry["token"]), entry["stage"]
            # anybody can write another host into a stage file
            return token if filled(release, token).stage == stage else None
        except (KeyError, TypeError, InvalidEntryError):
            return None

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            known = json.loads(self.path.read_text(encoding="utf-8")) if self.path is not None else {}
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}


def _key(release: StagedRelease) -> str:
    return f"{release.index} {release.project} {release.version}"


def _urls(release: StagedRelease) -> list[str]:
    urls = [release.stage, release.session, *(artifact.url for artifact in release.artifacts)]
    return [url for url in urls if url is not None]


def _with_urls(release: StagedRelease, change: Callable[[str], str]) -> StagedRelease:
    def changed(url: str | None) -> str | None:
        return None if url is None else change(url)

    return replace(
        release,
        stage=changed(release.stage),
        session=changed(release.session),
        artifacts=tuple(replace(artifact, url=changed(artifact.url)) for artifact in release.artifacts),
    )


def _without(url: str, token: str) -> str:
    return "/".join(PLACEHOLDER if unquote(segment) == token else segment for segment in url.split("/"))


def _cannot(release: StagedRelease, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the stage file of {release.project} {release.version} cannot be without its session token: {why}",
        hint="set share-token = true, and keep the stage file secret",
    )
