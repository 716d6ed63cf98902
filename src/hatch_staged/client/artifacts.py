"""Artifacts on disk: which files a user means, which releases they make, what they weigh and hash to."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import IO, TYPE_CHECKING

from hatch_staged.client import attestations
from hatch_staged.client.lanes import Lanes
from hatch_staged.errors import ArtifactError, ConfigurationError
from hatch_staged.protocol.distributions import Distribution, parse_filename

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from hatch_staged.client.attestations import AttestationFile

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
    #: those that lie beside it
    attestations: tuple[AttestationFile, ...] = ()

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
    """Return the releases that `specs` mean, sorted by project; every file is hashed, with what attests it beside it.

    `specs` are files, folders and globs (``**`` goes down any number of folders), relative to `root` or absolute;
    without any, the folder `default` counts.  Folders contribute the wheels and source distributions right in them.
    An attestation is never an artifact; one that is named must be of an artifact that is meant, too.

    Raises `ConfigurationError` where a spec means nothing, where one file name or two spellings of it stand for two
    files, and where a project has more than one version, because a stage file holds one release per project;
    `ArtifactError` where a name is no distribution's or a file cannot be read.  All files are in one error, but nothing
    is read before all names are right.  What is in the files is the business of `hatch_staged.client.checks`.
    """
    try:
        paths = _unique(_expand(specs, root) if specs else _in_default_folder(default))
    except OSError as error:
        raise ArtifactError(f"this cannot be read: {error.strerror}", where=str(error.filename)) from error
    distributions = _distributions(paths)
    _refuse_mixtures(distributions)
    return _releases(_artifacts(distributions))


def error_of(faults: Sequence[tuple[Path, str]]) -> ArtifactError:
    """Return the one error that tells all of `faults`, each of which is of a file."""
    where = ", ".join(dict.fromkeys(str(path) for path, _ in faults))
    if len(faults) == 1:
        return ArtifactError(faults[0][1], where=where)
    return ArtifactError("; ".join(f"{path.name}: {message}" for path, message in faults), where=where)


def _expand(specs: Iterable[str], root: Path) -> list[Path]:
    found: list[Path] = []
    attested: dict[str, Path] = {}
    for spec in specs:
        artifact = attestations.attested_by(root / spec)
        if artifact is not None and (root / spec).is_file():
            # a shell that expands dist/* names them all
            attested[spec] = artifact
        else:
            found += _expand_one(spec, root)
    for spec, artifact in attested.items():
        if artifact not in found:
            raise ConfigurationError("this is an attestation, and its artifact is not among the files", where=spec)
    return found


def _expand_one(spec: str, root: Path) -> list[Path]:
    named = root / spec
    if named.is_file():
        if not named.name.endswith(_SUFFIXES):
            raise ArtifactError("this is neither a wheel (.whl) nor a source distribution (.tar.gz)", where=spec)
        return [named]
    matches = [named] if named.is_dir() else [root / match for match in _glob(spec, root)]
    found = [path for match in matches for path in _distributions_at(match)]
    if not found:
        raise ConfigurationError("no wheel and no source distribution here", where=spec, hint="hatch build")
    return found


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


def _distributions(paths: Iterable[Path]) -> Mapping[Path, Distribution]:
    distributions = {}
    with _faults() as of:
        for path in paths:
            with of(path):
                distributions[path] = parse_filename(path.name)
    return distributions


def _refuse_mixtures(distributions: Mapping[Path, Distribution]) -> None:
    same = [*_same_files(distributions)]
    several = [*_several_versions(distributions.values())]
    if same or several:
        raise ConfigurationError(
            "; ".join([*(what for what, _ in same), *several]),
            where=", ".join(str(path) for _, paths in same for path in paths),
            hint=f"name the files to stage{', of one version, or remove the old ones' if several else ''}",
        )


def _same_files(distributions: Mapping[Path, Distribution]) -> Iterable[tuple[str, tuple[Path, Path]]]:
    by_key: dict[str, Path] = {}
    for path, distribution in distributions.items():
        other = by_key.setdefault(distribution.key, path)
        if other != path:
            twice = other.name == path.name
            same = f"{path.name} is there twice" if twice else f"{other.name} and {path.name} are the same"
            yield f"{same}, and a release holds a distribution once", (other, path)


def _several_versions(distributions: Iterable[Distribution]) -> Iterable[str]:
    versions: dict[NormalizedName, set[Version]] = defaultdict(set)
    for distribution in distributions:
        versions[distribution.project].add(distribution.version)
    for project, found in sorted(versions.items()):
        if len(found) > 1:
            listed = " and ".join(f"{project} {version}" for version in sorted(found))
            yield f"these are several releases of one project: {listed}; a stage file holds one"


def _artifacts(distributions: Mapping[Path, Distribution]) -> list[Artifact]:
    hashed: dict[Path, tuple[int, Mapping[str, str]]] = {}
    unreadable: dict[Path, OSError] = {}

    def hash_file(path: Path) -> None:
        try:
            with path.open("rb") as file:
                hashed[path] = _hash(file, lanes.check)
        except OSError as error:
            unreadable[path] = error

    lanes = Lanes(distributions, (os.cpu_count() or 1,), hash_file)
    lanes.run()
    artifacts = []
    with _faults() as of:
        for path, distribution in distributions.items():
            with of(path):
                if path in unreadable:
                    raise unreadable[path]
                artifacts.append(Artifact(path, distribution, *hashed[path], attestations.beside(path)))
    return artifacts


@contextmanager
def _faults() -> Iterator[Callable[[Path], AbstractContextManager[None]]]:
    """Give what notes a file's fault and goes on; raise all of them at the end."""
    faults: list[tuple[Path, str]] = []

    @contextmanager
    def of(path: Path) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            faults.append((path, str(error)))
        except OSError as error:
            faults.append((path, f"this cannot be read: {error.strerror or error}"))

    yield of
    if faults:
        raise error_of(faults)


def _hash(file: IO[bytes], check: Callable[[], None]) -> tuple[int, Mapping[str, str]]:
    hashers = {algorithm: hashlib.new(algorithm) for algorithm in ALGORITHMS}
    size = 0
    while chunk := file.read(_CHUNK):
        check()
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
