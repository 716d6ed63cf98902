"""As much of a stage file as a run needs in which nothing has changed: kept, for to read it all takes longer."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from hatch_staged import __version__
from hatch_staged.durations import expires_in

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from packaging.utils import NormalizedName

    from hatch_staged.stage.model import StagedRelease

#: The facts that PEP 751 has no key for are in this table of a ``[[packages]]`` entry's ``tool``.
TOOL_NAME = "hatch-staged"


class Outline(NamedTuple):
    """What matters of a staged release while its stage is there and all of it is installed; no secret."""

    project: NormalizedName
    label: str
    status: str
    expires_at: datetime | None
    digest: str
    #: the SHA-256 of each artifact by its file name
    files: Mapping[str, str]
    #: what names an answer of its index, see `hatch_staged.stage.recent`
    key: str

    def describe(self, now: datetime) -> str:
        """Return a line for a person, such as ``foo 1.2.0 from the stage (open, expires in 6 days)``."""
        expiry = [] if self.expires_at is None else [expires_in(self.expires_at, now)]
        return f"{self.label} from the stage ({', '.join([self.status, *expiry])})"


def of(release: StagedRelease) -> Outline:
    """Return the outline of `release`."""
    from hatch_staged.stage.recent import key_of  # noqa: PLC0415 - whoever has an outline has the key

    return Outline(
        project=release.project,
        label=release.label,
        status=release.status.value,
        expires_at=release.expires_at,
        digest=release.digest,
        files={artifact.filename: artifact.sha256 for artifact in release.artifacts},
        key=key_of(release),
    )


class KeptOutlines:
    """The file `path` with the outlines of a stage file whose contents are `text`."""

    def __init__(self, path: Path, text: bytes) -> None:
        self._path = path
        self.text = text
        # another version of ours may see something else in the same text
        self._of = sha256(f"{__version__}\n".encode() + text).hexdigest()

    def read(self) -> tuple[Outline, ...] | None:
        """Return the outlines, None if those of this text are not there."""
        try:
            said = json.loads(self._path.read_text(encoding="utf-8"))
            return tuple(_parsed(**each) for each in said["releases"]) if said["of"] == self._of else None
        except (OSError, KeyError, TypeError, ValueError):
            # whoever reads half of it reads the stage file
            return None

    def stages(self) -> Mapping[str, str]:
        """Return the URL of the stage of each project, where there are outlines: they are a secret, and not kept."""
        packages = tomllib.loads(self.text.decode())["packages"]
        tables = {package["name"]: package["tool"][TOOL_NAME] for package in packages}
        return {project: table["stage"] for project, table in tables.items() if "stage" in table}

    def write(self, outlines: Iterable[Outline]) -> None:
        """Keep `outlines`, those of all releases in the stage file, which has been found valid."""
        entries = [
            {**each._asdict(), "expires_at": each.expires_at and each.expires_at.isoformat()} for each in outlines
        ]
        with suppress(OSError):
            self._path.write_text(json.dumps({"of": self._of, "releases": entries}), encoding="utf-8")


def _parsed(*, expires_at: str | None, **rest: object) -> Outline:
    moment = None if expires_at is None else datetime.fromisoformat(expires_at)
    return Outline(expires_at=moment, **rest)  # type: ignore[arg-type] # we have written it
