"""What an index would refuse later is refused here, before the first byte: all faults of all files at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from hatch_staged.client import attestations
from hatch_staged.client.artifacts import error_of
from hatch_staged.errors import StagedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from hatch_staged.client.artifacts import Artifact, Release


class Severity(Enum):
    """What a finding means for the release."""

    #: nothing is staged
    ERROR = "error"
    #: it is told, and staged
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """What a check has found: a sentence for a person, without the name of the file."""

    message: str
    severity: Severity = Severity.ERROR


class Checks(Protocol):
    """Further checks, of plugins."""

    @property
    def has_artifact_checks(self) -> bool:
        """Whether `of_artifact` does anything, for which an archive would have to be opened."""

    def of_artifact(self, artifact: Artifact, metadata: bytes) -> Iterable[Finding]:
        """Return what is wrong with `artifact`, the METADATA or PKG-INFO of which is `metadata`."""

    def of_release(self, release: Release) -> Iterable[Finding]:
        """Return what is wrong with `release` as a whole."""


def check(
    releases: Sequence[Release], further: Checks, *, known: Collection[str] = (), unwanted: Collection[str] = ()
) -> list[str]:
    """Look into all files of `releases`, and return the warnings.

    Files whose sha256 is in `known` have passed our own checks before.  A file in an artifact that is called as
    one of `unwanted` is a warning.  Raises `ArtifactError` with all that is an error.
    """
    faults: list[tuple[Path, str]] = []
    of_releases: list[str] = []
    warnings: list[str] = []
    for release in releases:
        for artifact in release.artifacts:
            for path, finding in _of_artifact(artifact, further, known, unwanted):
                if finding.severity is Severity.ERROR:
                    faults.append((path, finding.message))
                else:
                    warnings.append(f"{path}: {finding.message}")
        for finding in further.of_release(release):
            told = of_releases if finding.severity is Severity.ERROR else warnings
            told.append(f"{release.project} {release.version}: {finding.message}")
    if faults:
        error: StagedError = error_of(faults)
        error.what = "; ".join([error.what, *of_releases])
        raise error
    if of_releases:
        raise StagedError("; ".join(of_releases))
    return warnings


def _of_artifact(
    artifact: Artifact, further: Checks, known: Collection[str], unwanted: Collection[str]
) -> Iterator[tuple[Path, Finding]]:
    sha256 = artifact.hashes["sha256"]
    for attestation in artifact.attestations:
        if wrong := attestations.fault(attestation, artifact.distribution, sha256):
            yield attestation.path, Finding(wrong)
    passed = sha256 in known
    if passed and not further.has_artifact_checks:
        return
    # not at the top: a run that has nothing new to stage does without
    from hatch_staged import archives  # noqa: PLC0415
    from hatch_staged.client import readme  # noqa: PLC0415

    try:
        with artifact.path.open("rb") as file:
            metadata = archives.inspect(file, artifact.distribution).raw
            leaked = archives.held(file, artifact.distribution, unwanted) if unwanted and not passed else ()
    except archives.ArchiveError as error:
        yield artifact.path, Finding(str(error))
        return
    except OSError as error:
        yield artifact.path, Finding(f"this cannot be read: {error.strerror or error}")
        return
    for name in sorted(leaked):
        yield artifact.path, _leaked(name)
    if not passed and (wrong := readme.fault(metadata)):
        yield artifact.path, Finding(wrong)
    for finding in further.of_artifact(artifact, metadata):
        yield artifact.path, finding


def _leaked(name: str) -> Finding:
    return Finding(
        f"it has {name} in it, with the session tokens that are in there, and differs after every staging: add {name} "
        "to .gitignore and build again",
        Severity.WARNING,
    )
