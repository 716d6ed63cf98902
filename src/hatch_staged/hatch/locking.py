"""The lock file of an environment with ``locked = true``, applied beside what is staged, and never written.

Hatch locks what a checkout needs.  Where something staged takes its place, that would change the project's lock file.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cached_property
from typing import TYPE_CHECKING

from hatch.utils.fs import Path
from packaging.pylock import Pylock, PylockValidationError

from hatch_staged.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Collection

    from hatch.env.virtual import VirtualEnvironment
    from packaging.utils import NormalizedName

_NAME = "hatch-staged-constraints.txt"


class Lock:
    """The lock file (PEP 751) of `environment`, as Hatch looks for it.

    Every method raises `ConfigurationError` if it is not there or cannot be used.
    """

    def __init__(self, environment: VirtualEnvironment) -> None:
        self._environment = environment

    @cached_property
    def path(self) -> Path:
        """Where it is."""
        from hatch.env.lock import resolve_lockfile_path  # noqa: PLC0415 - since Hatch 1.17

        return Path(resolve_lockfile_path(self._environment))

    @property
    def digest(self) -> str:
        """The SHA-256 of its text, in hex digits."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    def apply(self) -> None:
        """Install what it names, and take out everything else; the environment must be active."""
        from hatch.env.lock import (  # noqa: PLC0415 - since Hatch 1.17
            LockerNotFoundError,
            LockerUnsupportedError,
            apply_lock_with_locker,
        )

        _ = self._text
        try:
            apply_lock_with_locker(self._environment, self.path)
        except (LockerNotFoundError, LockerUnsupportedError) as error:
            raise ConfigurationError(str(error), where=str(self.path), hint='installer = "uv"') from None

    def constraints(self, staged: Collection[NormalizedName]) -> list[str]:
        """Return the options that let an installer keep to its versions, but for the projects that are `staged`."""
        try:
            lock = Pylock.from_dict(tomllib.loads(self._text))
        except (ValueError, PylockValidationError) as error:
            raise ConfigurationError(f"this is no lock file: {error}", where=str(self.path)) from None
        lines = [
            f"{package.name}=={package.version}" + (f" ; {package.marker}" if package.marker is not None else "")
            for package in lock.packages
            if package.version is not None and package.name not in staged
        ]
        file = Path(self._environment.virtual_env_path) / _NAME
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return ["--constraint", str(file)]

    @cached_property
    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"the lock file of the environment `{self._environment.name}` cannot be read: {error.strerror}",
                where=str(self.path),
                hint=f"HATCH_STAGED=off hatch env lock {self._environment.name}",
            ) from None
