"""Lock documents of PEP 751 as text, stage files among them: the same text for the same value."""

from __future__ import annotations

from datetime import timezone
from typing import TYPE_CHECKING

import tomlkit

from hatch_staged.protocol.distributions import Kind
from hatch_staged.stage import session_tokens
from hatch_staged.stage.model import LOCK_VERSION
from hatch_staged.stage.outline import TOOL_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tomlkit.items import InlineTable, Table

    from hatch_staged.stage.model import StagedArtifact, StagedRelease, StageFile

HEADER = "Written by hatch-staged. Whoever holds this file can install this unpublished release."
HEADER_WITHOUT_SECRETS = f"Written by hatch-staged. No secret is in it: it is of use with {session_tokens.VARIABLE}."


def of_stage_file(stage_file: StageFile) -> str:
    """Return the text of a stage file: sorted, times in UTC, nothing that is not in `stage_file`.

    Raises `ConfigurationError` if a session token cannot be left out that shall be.
    """
    shared = not stage_file.releases or any(release.shares_token for release in stage_file.releases)
    tables = []
    for release in stage_file.releases:
        written = release if release.shares_token else session_tokens.withheld(release)
        table = package_table(written, {artifact.filename: artifact.url for artifact in written.artifacts})
        tool = tomlkit.table(is_super_table=True)
        tool[TOOL_NAME] = _tool_table(written)
        table["tool"] = tool
        tables.append(table)
    return lock_document(HEADER if shared else HEADER_WITHOUT_SECRETS, tables)


def lock_document(header: str, packages: Iterable[Table]) -> str:
    """Return the text of a lock document of PEP 751 with the comment `header` on top and these `packages`."""
    document = tomlkit.document()
    document.add(tomlkit.comment(header))
    document["lock-version"] = LOCK_VERSION
    document["created-by"] = TOOL_NAME
    entries = tomlkit.aot()
    for package in packages:
        entries.append(package)
    document["packages"] = entries if len(entries) else tomlkit.array()
    return tomlkit.dumps(document)


def package_table(release: StagedRelease, urls: Mapping[str, str | None]) -> Table:
    """Return what PEP 751 knows of `release`, whose files are at `urls`, by their names."""
    table = tomlkit.table()
    table["name"] = release.project
    table["version"] = str(release.version)
    if release.requires_python is not None:
        table["requires-python"] = str(release.requires_python)
    if wheels := release.of_kind(Kind.WHEEL):
        array = tomlkit.array()
        for wheel in wheels:
            array.add_line(_artifact_table(wheel, urls[wheel.filename]), indent="  ")
        array.add_line(indent="")
        table["wheels"] = array
    for sdist in release.of_kind(Kind.SDIST):
        table["sdist"] = _artifact_table(sdist, urls[sdist.filename])
    return table


def _artifact_table(artifact: StagedArtifact, url: str | None) -> InlineTable:
    table = tomlkit.inline_table()
    table["name"] = artifact.filename
    if url is not None:
        table["url"] = url
    if artifact.path is not None:
        table["path"] = artifact.path
    table["size"] = artifact.size
    if artifact.upload_time is not None:
        table["upload-time"] = artifact.upload_time.astimezone(timezone.utc)
    hashes = tomlkit.inline_table()
    hashes.update(sorted(artifact.hashes.items()))
    table["hashes"] = hashes
    return table


def _tool_table(release: StagedRelease) -> Table:
    table = tomlkit.table()
    table["index"] = release.index
    if release.session is not None:
        table["session"] = release.session
    if release.stage is not None:
        table["stage"] = release.stage
    if release.session_token is not None:
        table["session-token"] = release.session_token
    table["status"] = release.status.value
    if release.expires_at is not None:
        table["expires-at"] = release.expires_at.astimezone(timezone.utc)
    table["digest"] = release.digest
    if release.expected:
        table["expected"] = list(release.expected)
    return table
