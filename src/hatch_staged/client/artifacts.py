"""Artifacts on disk: which files a user means, which releases they make, what they weigh and hash to."""

from __future__ import annotations

import glob
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from types import MappingProxyType
from typing import IO, TYPE_CHECKING

from hatch_staged.archives import ArchiveError, holds, inspect
from hatch_staged.errors import ArtifactError, ConfigurationError
from hatch_staged.protocol.distributions import Distribution, parse_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName
    from packaging.version import Version

#: "At least one secure algorithm from ``hashlib.algorithms_guaranteed`` MUST always be included.  This PEP specifically
#: recommends ``sha256``"; names are hashlib's.
ALGORITHMS = ("sha256",)

_SUFFIXES = (".whl", ".tar.gz")
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Artifact:
    """One file of a release, as it was on disk when it was hashed."""

    path: Path
    distribution: Distribution
    #: in bytes
    size: int
    #: hashlib's name of an algorithm -> hex-encoded digest
    hashes: Mapping[str, str]
    requires_python: str | None

    @property
    def filename(self) -> str:
        """The name under which an index takes the file."""
        return self.distribution.filename


@dataclass(frozen=True)
class Release:
    """All artifacts of one version of one project, sorted by file name: what one publishing session holds."""

    project: NormalizedName
    version: Version
    artifacts: tuple[Artifact, ...]


def find(specs: Sequence[str], *, root: Path, default: Path) -> tuple[Release, ...]:
    """Return the releases that `specs` mean, sorted by project; every file is read once, hashed and checked.

    `specs` are files, folders and globs (``**`` goes down any number of folders), relative to `root` or absolute;
    without any, the folder `default` counts.  Folders contribute the wheels and source distributions right in them.

    Raises `ConfigurationError` where a spec means nothing, where one file name or two spellings of it stand for two
    files, and where a project has more than one version, because a stage file holds one release per project;
    `ArtifactError` where a file is broken or its metadata does not agree with its name.
    """
    try:
        paths = _unique(_expand(specs, root) if specs else _in_default_folder(default))
    except OSError as error:
        raise ArtifactError(f"this cannot be read: {error.strerror}", where=str(error.filename)) from error
    distributions = {path: _distribution(path) for path in paths}
    _refuse_same_files(distributions)
    _refuse_several_versions(distributions.values())
    artifacts = [_read(path, distribution) for path, distribution in distributions.items()]
    return _releases(artifacts)


def having_inside(releases: Iterable[Release], name: str) -> list[Path]:
    """Return the paths of the artifacts that have a file called `name` in any of their folders."""
    found = []
    for artifact in (artifact for release in releases for artifact in release.artifacts):
        with artifact.path.open("rb") as file:
            if holds(file, artifact.distribution, name):
                found.append(artifact.path)
    return found


def _expand(specs: Iterable[str], root: Path) -> Iterable[Path]:
    for spec in specs:
        named = root / spec
        if named.is_file():
            if not named.name.endswith(_SUFFIXES):
                raise ArtifactError("this is neither a wheel (.whl) nor a source distribution (.tar.gz)", where=spec)
            yield named
            continue
        matches = [named] if named.is_dir() else [root / match for match in _glob(spec, root)]
        found = [path for match in matches for path in _distributions_at(match)]
        if not found:
            raise ConfigurationError("no wheel and no source distribution here", where=spec, hint="hatch build")
        yield from found


def _glob(spec: str, root: Path) -> list[str]:
    return glob.glob(spec, root_dir=root, recursive=True)  # noqa: PTH207 # Path.glob refuses absolute patterns


def _in_default_folder(folder: Path) -> Iterable[Path]:
    found = _distributions_at(folder)
    if not found:
        raise ConfigurationError(
            "there is nothing to stage: no wheel and no source distribution", where=str(folder), hint="hatch build"
        )
    return found


def _distributions_at(path: Path) -> list[Path]:
    candidates = path.iterdir() if path.is_dir() else [path]
    return [candidate for candidate in candidates if candidate.name.endswith(_SUFFIXES) and candidate.is_file()]


def _unique(paths: Iterable[Path]) -> list[Path]:
    """Return each file once, under the first of its paths, sorted by file name."""
    by_identity = {(path.name, path.resolve()): path for path in reversed(list(paths))}
    return sorted(by_identity.values(), key=lambda path: (path.name, path))


def _distribution(path: Path) -> Distribution:
    try:
        return parse_filename(path.name)
    except ValueError as error:
        raise ArtifactError(str(error), where=str(path)) from None


def _refuse_same_files(distributions: Mapping[Path, Distribution]) -> None:
    by_key: dict[str, Path] = {}
    for path, distribution in distributions.items():
        other = by_key.setdefault(distribution.key, path)
        if other == path:
            continue
        same = (
            f"{path.name} is there twice" if other.name == path.name else f"{other.name} and {path.name} are the same"
        )
        raise ConfigurationError(
            f"{same}, and a release holds a distribution once",
            where=f"{other}, {path}",
            hint="name the files to stage",
        )


def _refuse_several_versions(distributions: Iterable[Distribution]) -> None:
    versions: dict[NormalizedName, set[Version]] = defaultdict(set)
    for distribution in distributions:
        versions[distribution.project].add(distribution.version)
    for project, found in sorted(versions.items()):
        if len(found) > 1:
            listed = " and ".join(f"{project} {version}" for version in sorted(found))
            raise ConfigurationError(
                f"these are several releases of one project: {listed}; a stage file holds one",
                hint=f"name the files of one of them, or remove the old ones: {project}-<version>*",
            )


def _read(path: Path, distribution: Distribution) -> Artifact:
    try:
        with path.open("rb") as file:
            size, hashes = _hash(file)
            file.seek(0)
            metadata = inspect(file, distribution)
    except ArchiveError as error:
        raise ArtifactError(str(error), where=str(path)) from None
    except OSError as error:
        raise ArtifactError(f"this cannot be read: {error.strerror or error}", where=str(path)) from error
    return Artifact(path, distribution, size, hashes, metadata.requires_python)


def _hash(file: IO[bytes]) -> tuple[int, Mapping[str, str]]:
    hashers = {algorithm: hashlib.new(algorithm) for algorithm in ALGORITHMS}
    size = 0
    while chunk := file.read(_CHUNK):
        size += len(chunk)
        for hasher in hashers.values():
            hasher.update(chunk)
    return size, MappingProxyType({algorithm: hasher.hexdigest() for algorithm, hasher in hashers.items()})


def _releases(artifacts: Iterable[Artifact]) -> tuple[Release, ...]:
    grouped: dict[tuple[NormalizedName, Version], list[Artifact]] = defaultdict(list)
    for artifact in artifacts:
        grouped[artifact.distribution.project, artifact.distribution.version].append(artifact)
    return tuple(
        Release(project, version, tuple(sorted(members, key=lambda artifact: artifact.filename)))
        for (project, version), members in sorted(grouped.items())
    )
