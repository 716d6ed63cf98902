"""Staged releases as values: valid by construction, whether they come from a stage file or from an index."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from hatch_staged.protocol.distributions import Distribution, Kind, parse_filename
from hatch_staged.protocol.times import in_utc
from hatch_staged.protocol.versions import LONGEST
from hatch_staged.redaction import hide, redact
from hatch_staged.stage.outline import TOOL_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from packaging.pylock import Package
    from packaging.specifiers import SpecifierSet
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_staged.protocol.states import SessionState

#: PEP 751: "the version of the lock file format"
LOCK_VERSION = "1.0"
TOOL_TABLE = f"tool.{TOOL_NAME}"

_HASH_NAME = re.compile(r"[a-z0-9_-]+")
_HEX = re.compile(r"([0-9a-f]{2})+")
_SHA256_HEX_DIGITS = 64


class InvalidEntryError(ValueError):
    """A value that no stage file may hold.

    `key` is its TOML key as a stage file spells it, relative to the entry; `sentence` says what is wrong with it.
    """

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(f"{key}: {sentence}")
        self.key = key
        self.sentence = sentence


@dataclass(frozen=True)
class StagedArtifact:
    """One file of a staged release; raises `InvalidEntryError` if it cannot be one."""

    filename: str
    #: absolute; None where the index has no previews
    url: str | None
    #: in place of `url`: where the file was when it was staged, relative to the stage file, with forward slashes
    path: str | None
    #: in bytes
    size: int
    #: hash name to lower-case hex digest; ``sha256`` is always there
    hashes: Mapping[str, str]
    upload_time: datetime | None = None

    def __post_init__(self) -> None:
        try:
            parse_filename(self.filename)
        except ValueError as error:
            raise InvalidEntryError("name", str(error)) from None
        if (self.url is None) == (self.path is None):
            raise InvalidEntryError("url", "an artifact has either a url or a path")
        if self.url is not None:
            _check_url("url", self.url)
            _check_last_segment("url", unquote(urlsplit(self.url).path), self.filename)
        if self.path is not None:
            _check_last_segment("path", self.path, self.filename)
        if self.size < 0:
            raise InvalidEntryError("size", "must not be negative")
        _check_hashes(self.hashes)
        if self.upload_time is not None:
            _check_time("upload-time", self.upload_time)

    @cached_property
    def distribution(self) -> Distribution:
        """What the file name says."""
        return parse_filename(self.filename)

    @property
    def sha256(self) -> str:
        """The hex digest that names the bytes."""
        return self.hashes["sha256"]


@dataclass(frozen=True)
class StagedRelease:
    """One staged release: the files of a publishing session; raises `InvalidEntryError` if it cannot be one."""

    project: NormalizedName
    version: Version
    #: what all its files require alike, or None
    requires_python: SpecifierSet | None
    #: at least one, at most one of them an sdist; sorted by file name
    artifacts: tuple[StagedArtifact, ...]
    #: the Upload 2.0 root URL
    index: str
    #: the URL of the publishing session; None where whoever wrote the file had the stage alone, which did not tell it
    session: str | None
    #: the URL of the staged preview (a simple index) and its token; None where the index has no previews
    stage: str | None
    session_token: str | None
    #: when the stage file was written
    status: SessionState
    #: None where nobody told, like `session`
    expires_at: datetime | None
    #: patterns of the file names that the whole release has, as far as whoever staged it said so
    expected: tuple[str, ...] = ()
    #: whether the stage file has the session token; see `hatch_staged.stage.session_tokens`
    shares_token: bool = True
    #: the variable that the session token comes from; None where somebody else than the user says that it is the one
    token_variable: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        hide(self.session_token)
        # The order of an index's answer means nothing: same release, same value, same bytes in the stage file.
        object.__setattr__(self, "artifacts", tuple(sorted(self.artifacts, key=lambda artifact: artifact.filename)))
        _check_url(f"{TOOL_TABLE}.index", self.index)
        if self.session is not None:
            _check_url(f"{TOOL_TABLE}.session", self.session)
        if self.stage is not None:
            _check_url(f"{TOOL_TABLE}.stage", self.stage)
        elif self.session is None:
            raise InvalidEntryError(f"{TOOL_TABLE}.session", "is missing, and there is no stage either")
        if self.expires_at is not None:
            _check_time(f"{TOOL_TABLE}.expires-at", self.expires_at)
        for specifier in self.requires_python or ():
            if len(specifier.version) > LONGEST:
                raise InvalidEntryError("requires-python", "there is no such version of Python")
        self._check_artifacts()

    @property
    def label(self) -> str:
        """Its name and version, for a person."""
        return f"{self.project} {self.version}"

    def _check_artifacts(self) -> None:
        if not self.artifacts:
            raise InvalidEntryError("wheels", f"{self.label} has neither a wheel nor an sdist")
        for artifact in self.artifacts:
            said = artifact.distribution
            if (said.project, said.version) != (self.project, self.version):
                key = "sdist" if said.kind is Kind.SDIST else "wheels"
                raise InvalidEntryError(key, f"{artifact.filename} is no file of {self.project} {self.version}")
        if len({artifact.filename for artifact in self.artifacts}) < len(self.artifacts):
            raise InvalidEntryError("wheels", "two files have the same name")
        if sum(artifact.distribution.kind is Kind.SDIST for artifact in self.artifacts) > 1:
            raise InvalidEntryError("sdist", f"{self.project} {self.version} has more than one sdist")

    @property
    def place(self) -> str:
        """The URL of the stage; where there is none, that of the session."""
        # `__post_init__` has seen to it that there is one
        return self.stage or self.session or self.index

    @property
    def digest(self) -> str:
        """The name of this exact set of bytes: ``sha256:`` and a hex digest."""
        lines = sorted(f"{artifact.sha256}  {artifact.filename}\n" for artifact in self.artifacts)
        return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"

    def of_kind(self, kind: Kind) -> tuple[StagedArtifact, ...]:
        """Return the artifacts of that kind, sorted by file name."""
        return tuple(artifact for artifact in self.artifacts if artifact.distribution.kind is kind)

    def package(self) -> Package:
        """Return what PEP 751 knows of the release."""
        from packaging.pylock import Package, PackageSdist, PackageWheel  # noqa: PLC0415 - most runs choose nothing

        wheels = [
            PackageWheel(name=wheel.filename, url=wheel.url, path=wheel.path, size=wheel.size, hashes=wheel.hashes)
            for wheel in self.of_kind(Kind.WHEEL)
        ]
        sdists = [
            PackageSdist(name=sdist.filename, url=sdist.url, path=sdist.path, size=sdist.size, hashes=sdist.hashes)
            for sdist in self.of_kind(Kind.SDIST)
        ]
        return Package(
            name=self.project,
            version=self.version,
            requires_python=self.requires_python,
            wheels=wheels or None,
            sdist=sdists[0] if sdists else None,
        )


@dataclass(frozen=True)
class StageFile:
    """What a stage file names: at most one staged release a project, sorted by project."""

    releases: tuple[StagedRelease, ...] = ()

    def __post_init__(self) -> None:
        seen: set[NormalizedName] = set()
        for position, release in enumerate(self.releases):
            if release.project in seen:
                raise InvalidEntryError(f"packages[{position}].name", f"{release.project} is there twice")
            seen.add(release.project)
        object.__setattr__(self, "releases", tuple(sorted(self.releases, key=lambda release: release.project)))

    def with_release(self, release: StagedRelease) -> StageFile:
        """Return the same with `release` in place of what there was of that project."""
        return StageFile((*self.without(release.project).releases, release))

    def without(self, project: str) -> StageFile:
        """Return the same without `project` (in any spelling of the name)."""
        name = canonicalize_name(project)
        return replace(self, releases=tuple(release for release in self.releases if release.project != name))


def _check_url(key: str, url: str) -> None:
    # urlsplit drops line breaks and tabs silently, so they are looked for first
    if " " in url or not url.isprintable():
        raise InvalidEntryError(key, "a URL has no spaces and no control characters")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise InvalidEntryError(key, "not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidEntryError(key, f"must be an absolute http or https URL, not {redact(url)!r}")
    if "@" in parts.netloc:
        raise InvalidEntryError(key, f"must not have a user name or password in it: {redact(url)}")


def _check_last_segment(key: str, path: str, filename: str) -> None:
    if path.rpartition("/")[2] != filename:
        raise InvalidEntryError(key, f"must end in the file name, {filename}")


def _check_time(key: str, time: datetime) -> None:
    if time.tzinfo is None:
        raise InvalidEntryError(key, "a time needs its UTC offset, for example 2030-01-31T12:00:00Z")
    try:
        in_utc(time)
    except ValueError as error:
        raise InvalidEntryError(key, str(error)) from None


def _check_hashes(hashes: Mapping[str, str]) -> None:
    for name, digest in hashes.items():
        key = f"hashes.{name}"
        if _HASH_NAME.fullmatch(name) is None:
            raise InvalidEntryError("hashes", f"{name!r} is no name of a hash")
        if _HEX.fullmatch(digest) is None:
            raise InvalidEntryError(key, "not a digest in lower-case hex digits")
        if name == "sha256" and len(digest) != _SHA256_HEX_DIGITS:
            raise InvalidEntryError(key, f"a sha256 digest has {_SHA256_HEX_DIGITS} hex digits, not {len(digest)}")
    if "sha256" not in hashes:
        raise InvalidEntryError("hashes.sha256", "is missing")
