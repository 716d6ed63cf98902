"""What has become of a stage, as far as a holder of the stage file can see without credentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hatch_staged.errors import NotAllowedError, StagedError, StageGoneError, WrongBytesError
from hatch_staged.protocol.states import SessionState
from hatch_staged.redaction import redact
from hatch_staged.stage import session_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hatch_staged.protocol.simple import ProjectPage
    from hatch_staged.stage.model import StagedRelease


class ReadPage(Protocol):
    """Reads a project's page of a simple index."""

    def __call__(self, simple: str, project: str, /) -> ProjectPage | None:
        """Return the page, its URLs absolute and its digests in lower case.

        None if the index has none: 404, or 410 for a stage that has ended.

        Raises `UnreachableError` if the index cannot be asked.
        """
        ...


@dataclass(frozen=True)
class Alive:
    """The stage holds the bytes that the stage file names."""


@dataclass(frozen=True)
class Published:
    """The release is public, with the bytes that the stage file names."""

    #: file name to URL
    urls: Mapping[str, str]


def check(release: StagedRelease, *, read_page: ReadPage, simple: str | None, now: datetime) -> Alive | Published:
    """Return what has become of the stage of `release`.

    `simple` is the simple index where published releases appear, None if it is not known.  Raises `StageGoneError` if
    the stage is canceled, expired or unknown and the release not public; `NotAllowedError` if it is not public, and its
    session token not known; `StagedError` if it is not public and its index has no previews; `WrongBytesError` if the
    stage or the public release has other bytes by now; and what `read_page` raises: whether to go on without the index
    is the caller's decision.
    """
    if release.status is SessionState.CANCELED:
        raise _gone(release, "was canceled", simple)
    token_missing = session_tokens.is_missing(release)
    if release.status is not SessionState.PUBLISHED and release.stage is not None and not token_missing:
        page = read_page(release.stage, release.project)
        if page is not None:
            _verify_stage(release, page, release.stage)
            return Alive()
    if simple is not None:
        page = read_page(simple, release.project)
        published = None if page is None else _published(release, page, simple)
        if published is not None:
            return published
    if release.status is SessionState.PUBLISHED:
        raise _gone(
            release, "was published" if simple is None else "was published, but its index lists no such files", simple
        )
    refuse_expired(release, simple=simple, now=now)
    if token_missing:
        raise locked(release)
    if release.stage is None:
        raise StagedError(
            f"{release.project} {release.version} cannot be had before it is published: its index has no previews",
            where=redact(release.place),
            hint="install it from where it was built, or after it is published",
        )
    if release.token_variable is not None:
        raise _not_opened(release, release.token_variable)
    raise _gone(release, "is gone: canceled, published or unknown to the index", simple)


def refuse_expired(release: StagedRelease, *, simple: str | None, now: datetime) -> None:
    """Raise `StageGoneError` if the stage of `release` has expired, going by the stage file; `simple` as in `check`.

    What is published does not expire.
    """
    if release.status is SessionState.PUBLISHED or release.expires_at is None:
        return
    if release.expires_at <= now:
        raise _gone(release, f"expired at {release.expires_at:%Y-%m-%d %H:%M %Z}", simple)


def _verify_stage(release: StagedRelease, page: ProjectPage, stage: str) -> None:
    listed = {file.filename: file.hashes.get("sha256") for file in page.files}
    for artifact in release.artifacts:
        if listed.get(artifact.filename) != artifact.sha256:
            said = "other bytes for" if artifact.filename in listed else "no longer"
            what = f"the stage has {said} {artifact.filename}: it was staged again after this stage file was written"
            hint = f"hatch stage pull {release.project}=={release.version}"
            raise WrongBytesError(what, where=redact(stage), hint=hint)


def _published(release: StagedRelease, page: ProjectPage, simple: str) -> Published | None:
    """Return the published release if all of it is there."""
    listed = {file.filename: file for file in page.files}
    urls = {}
    for artifact in release.artifacts:
        file = listed.get(artifact.filename)
        if file is None:
            continue
        if file.hashes.get("sha256") != artifact.sha256:
            what = f"the published {artifact.filename} is not the one that was staged"
            raise WrongBytesError(what, where=redact(simple), hint="install nothing; ask whoever published it")
        urls[artifact.filename] = file.url
    return Published(urls) if len(urls) == len(release.artifacts) else None


def locked(release: StagedRelease) -> NotAllowedError:
    """Return the error that a stage is whose session token is not known."""
    variables = f"{session_tokens.VARIABLE}, or {session_tokens.variable_of(release.project)} where there are several"
    return NotAllowedError(
        f"the stage of {release.project} {release.version} needs its session token, which is not in the stage file",
        where=redact(release.place),
        hint=f"set {variables}; `hatch stage export --format env` prints it where the release was staged",
    )


def _not_opened(release: StagedRelease, variable: str) -> StageGoneError:
    """Return the error that a stage is which is not there, by a token that a user took from somewhere."""
    return StageGoneError(
        f"the token of {variable} does not open a stage of {release.project}=={release.version}",
        where=redact(release.index),
        hint="is it the token of this very stage? If it is, that was canceled, or published, or is forgotten",
    )


def _gone(release: StagedRelease, what: str, simple: str | None) -> StageGoneError:
    hint = "stage it again, or remove the stage file to go on with the checkout"
    if simple is None:
        hint += "; if it was published, set 'simple' of its index"
    what = f"the stage of {release.project} {release.version} {what}"
    return StageGoneError(what, where=redact(release.place), hint=hint)
