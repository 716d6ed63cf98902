"""Naming verified local artifacts to an installer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import PurePath


def requirement(artifact: PurePath, project: str, extras: Iterable[str] = (), *, sha256: str | None = None) -> str:
    """Return the direct reference (PEP 508) to the file `artifact`, an absolute path, with `extras` of `project`.

    With `sha256` an installer compares the hash once more, and is content where it insists on hashes.
    """
    chosen = ",".join(sorted({canonicalize_name(extra) for extra in extras}))
    pin = f"#sha256={sha256}" if sha256 else ""
    return f"{canonicalize_name(project)}{f'[{chosen}]' if chosen else ''} @ {artifact.as_uri()}{pin}"
