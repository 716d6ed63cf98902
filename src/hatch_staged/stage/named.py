"""A release by the name that a user gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from hatch_staged.errors import ConfigurationError
from hatch_staged.protocol.versions import parse_version

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

    from hatch_staged.stage.model import StagedRelease


@dataclass(frozen=True)
class Named:
    """A release, as a user names it: ``NAME==VERSION``."""

    project: NormalizedName
    version: Version

    @classmethod
    def parse(cls, text: str) -> Named:
        """Return what `text` names; raise `ConfigurationError` if that is no release."""
        name, found, version = text.partition("==")
        try:
            if found:
                return cls(canonicalize_name(name.strip(), validate=True), parse_version(version))
        except (InvalidName, InvalidVersion) as error:
            raise ConfigurationError(str(error), hint="name a release as NAME==VERSION") from None
        raise ConfigurationError(f"{text!r} names no release", hint="name it as NAME==VERSION")

    def is_of(self, release: StagedRelease) -> bool:
        """Whether it names `release`."""
        return (release.project, release.version) == (self.project, self.version)

    def __str__(self) -> str:
        return f"{self.project} {self.version}"
