"""What we installed into a virtual environment, written down inside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_staged.stage.cache import Cache, Signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hatch_staged.stage.model import StagedRelease
    from hatch_staged.stage.use import Obtained


@dataclass(frozen=True)
class Marker:
    """The file ``hatch-staged.json`` in the virtual environment `folder`.

    It says what is installed, once all of it is.  Without the file nothing has ever been installed.
    """

    folder: Path

    @property
    def wanted(self) -> object:
        """What `finish` was told to be wanted, or None if nothing is installed, or perhaps only a part."""
        return self._read().get("wanted")

    def begin(self) -> bool:
        """Write down that an installation is under way; return whether something may be left of an earlier one."""
        before = self._path.exists()
        self._path.write_text("{}", encoding="utf-8")
        return before

    def finish(self, wanted: Mapping[str, object], obtained: Iterable[Obtained]) -> None:
        """Write down that all that is `wanted` is installed, from the artifacts `obtained`."""
        cached = {one.project: [one.artifact.filename, *one.signature] for one in obtained}
        self._path.write_text(json.dumps({"wanted": wanted, "cached": cached}), encoding="utf-8")

    def verify(self, release: StagedRelease, cache: Cache) -> None:
        """Raise `WrongBytesError` if the artifact of `release` that was installed has other bytes in `cache` by now.

        One that is not in the cache any more is no reason to doubt.
        """
        filename, *signature = self._read().get("cached", {}).get(release.project, [None])
        for artifact in release.artifacts:
            if artifact.filename == filename:
                cache.verify(artifact, Signature(*signature))

    @property
    def _path(self) -> Path:
        return self.folder / "hatch-staged.json"

    def _read(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            # not valid: an earlier run was killed while it wrote
            return {}
