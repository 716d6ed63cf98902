"""Handing verified local artifacts to an installer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import PurePath

Installer = Literal["pip", "uv"]


def requirement(artifact: PurePath, project: str, extras: Iterable[str] = ()) -> str:
    """Return the direct reference (PEP 508) to the file `artifact`, an absolute path, with `extras` of `project`."""
    chosen = ",".join(sorted({canonicalize_name(extra) for extra in extras}))
    return f"{canonicalize_name(project)}{f'[{chosen}]' if chosen else ''} @ {artifact.as_uri()}"


def commands(
    installer: Installer, python: str, requirements: Sequence[str], args: Sequence[str] = ()
) -> list[list[str]]:
    """Return the command lines that install `requirements`, direct references, into the interpreter `python`.

    The projects are uninstalled first: an installer may take the same version for the same bytes.  `args` go to the
    installation as they are.
    """
    projects = [Requirement(each).name for each in requirements]
    if installer == "uv":
        pip = ["uv", "pip"]
        return [
            [*pip, "uninstall", "--python", python, *projects],
            [*pip, "install", "--python", python, *args, *requirements],
        ]
    pip = [python, "-m", "pip"]
    return [[*pip, "uninstall", "--yes", *projects], [*pip, "install", *args, *requirements]]
