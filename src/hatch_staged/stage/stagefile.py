"""The stage file, ``.stage.toml``: a PEP 751 lock document with our facts in the ``tool`` tables.

`parse` and `dump` are pure; `load` and `write` open the file.  `dump` writes the same text for the same value.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock, PylockValidationError
from packaging.version import InvalidVersion, Version

from hatch_staged.errors import ConfigurationError
from hatch_staged.protocol.states import SessionState
from hatch_staged.protocol.versions import parse_version
from hatch_staged.stage import private_files, session_tokens
from hatch_staged.stage.model import (
    LOCK_VERSION,
    TOOL_TABLE,
    InvalidEntryError,
    StagedArtifact,
    StagedRelease,
    StageFile,
)
from hatch_staged.stage.outline import TOOL_NAME

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["InvalidEntryError", "StageFile", "StagedArtifact", "StagedRelease", "dump", "load", "parse", "write"]

_MEND = "mend it, or remove it and write it anew with 'hatch publish --staged' or 'hatch stage pull'"

_Value = TypeVar("_Value", str, datetime)


def load(path: Path) -> StageFile:
    """Return what the stage file at `path` says; raise `ConfigurationError` as `parse` does, or if it is not there."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        hint = "'hatch publish --staged' or 'hatch stage pull' writes one"
        raise ConfigurationError("there is no stage file", where=str(path), hint=hint) from None
    except OSError as error:
        raise ConfigurationError(f"cannot read the stage file: {error.strerror}", where=str(path)) from error
    return parse(text, path)


def write(path: Path, stage_file: StageFile) -> None:
    """Write `stage_file` at `path` atomically, readable by its owner alone: it is all one needs to install.

    Raises `StagedError` if it cannot; what was at `path` is then still there, and nothing else is.
    """
    private_files.write(path, dump(stage_file), "the stage file")


def parse(text: str | bytes, where: Path | str) -> StageFile:
    """Return what `text`, the contents of the stage file `where`, says.

    Raises `ConfigurationError` with the key that is wrong if it is no TOML, no lock document of PEP 751 of a version
    that we know, or no stage file.
    """
    try:
        raw = tomllib.loads(text if isinstance(text, str) else text.decode())
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the stage file is not UTF-8: {error}", where=str(where), hint=_MEND) from None
    except (ValueError, RecursionError) as error:  # for a number of thousands of digits it is no TOMLDecodeError
        raise ConfigurationError(f"the stage file is not TOML: {error}", where=str(where), hint=_MEND) from None
    try:
        return _stage_file(raw)
    except PylockValidationError as error:
        key = f"{error.context}: " if error.context else ""
        raise ConfigurationError(f"wrong stage file: {key}{error.message}", where=str(where), hint=_MEND) from None
    except InvalidEntryError as error:
        raise ConfigurationError(f"wrong stage file: {error}", where=str(where), hint=_MEND) from None


def dump(stage_file: StageFile) -> str:
    """Return the text of a stage file: sorted, times in UTC, nothing that is not in `stage_file`.

    Raises `ConfigurationError` if a session token cannot be left out that shall be.
    """
    from hatch_staged.stage import lock_documents  # noqa: PLC0415 - most runs only read

    return lock_documents.of_stage_file(stage_file)


def _stage_file(raw: Mapping[str, object]) -> StageFile:
    _check_lock_version(raw)
    releases = []
    for position, package in enumerate(Pylock.from_dict(raw).packages):
        with _below(f"packages[{position}]"):
            releases.append(_release(package))
    return StageFile(tuple(releases))


def _check_lock_version(raw: Mapping[str, object]) -> None:
    # before anything else: a newer major version may give any other key another meaning
    found = raw.get("lock-version")
    with suppress(InvalidVersion):  # then Pylock says what is wrong with it
        if isinstance(found, str) and parse_version(found).major > Version(LOCK_VERSION).major:
            raise InvalidEntryError("lock-version", f"{found} is newer than this hatch-staged, which reads 1.x")


def _release(package: Package) -> StagedRelease:
    tool = (package.tool or {}).get(TOOL_NAME)
    if not isinstance(tool, Mapping):
        raise InvalidEntryError(TOOL_TABLE, "this table is missing, so this is a lock file but no stage file")
    if package.version is None:
        raise InvalidEntryError("version", "is missing")
    artifacts = []
    for position, wheel in enumerate(package.wheels or ()):
        with _below(f"wheels[{position}]"):
            artifacts.append(_artifact(wheel))
    if package.sdist is not None:
        with _below("sdist"):
            artifacts.append(_artifact(package.sdist))
    release = StagedRelease(
        project=package.name,
        version=package.version,
        requires_python=package.requires_python,
        artifacts=tuple(artifacts),
        index=_required(tool, "index", str),
        session=_optional(tool, "session", str),
        stage=_optional(tool, "stage", str),
        session_token=_optional(tool, "session-token", str),
        status=_status(_required(tool, "status", str)),
        expires_at=_optional(tool, "expires-at", datetime),
        expected=_texts(tool, "expected"),
    )
    if _required(tool, "digest", str) != release.digest:
        raise InvalidEntryError(f"{TOOL_TABLE}.digest", "does not fit the hashes above: the file was edited by hand")
    session_tokens.check(release)
    return replace(release, shares_token=not session_tokens.is_missing(release))


def _artifact(entry: PackageWheel | PackageSdist) -> StagedArtifact:
    if entry.size is None:
        raise InvalidEntryError("size", "is missing")
    return StagedArtifact(
        filename=entry.filename,
        url=entry.url,
        path=entry.path,
        size=entry.size,
        hashes=entry.hashes,
        upload_time=entry.upload_time,
    )


def _status(text: str) -> SessionState:
    try:
        return SessionState(text)
    except ValueError:
        known = ", ".join(state.value for state in SessionState)
        raise InvalidEntryError(f"{TOOL_TABLE}.status", f"{text!r} is none of {known}") from None


def _optional(table: Mapping[str, object], key: str, kind: type[_Value]) -> _Value | None:
    value = table.get(key)
    if value is None or isinstance(value, kind):
        return value
    # the value is not shown: it may be a token that lacks its quotes
    raise InvalidEntryError(f"{TOOL_TABLE}.{key}", f"must be a {kind.__name__}, not a {type(value).__name__}")


def _texts(table: Mapping[str, object], key: str) -> tuple[str, ...]:
    values = table.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidEntryError(f"{TOOL_TABLE}.{key}", "must be a list of strings")
    return tuple(values)


def _required(table: Mapping[str, object], key: str, kind: type[_Value]) -> _Value:
    value = _optional(table, key, kind)
    if value is None:
        raise InvalidEntryError(f"{TOOL_TABLE}.{key}", "is missing")
    return value


@contextmanager
def _below(prefix: str) -> Iterator[None]:
    try:
        yield
    except InvalidEntryError as error:
        raise InvalidEntryError(f"{prefix}.{error.key}", error.sentence) from None
