"""What we installed into a virtual environment, written down inside it."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from hatch_staged.errors import WrongBytesError
from hatch_staged.stage.cache import Signature, location, signature_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_staged.stage.cache import Cache
    from hatch_staged.stage.model import StagedRelease
    from hatch_staged.stage.outline import Outline
    from hatch_staged.stage.use import Obtained


class Marker:
    """The file ``hatch-staged.json`` in the virtual environment `folder`, read once.

    It says what is installed, once all of it is.  Without the file nothing has ever been installed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def wanted(self) -> object:
        """What `finish` was told to be wanted, or None if that is not, or not any more, what is installed."""
        records = self._said.get("installed", {})
        # by its text, not by its time: pip installs an sdist again, from the same file, beside anything else
        intact = all(_origin(self.folder / path) == origin for path, origin in records.items())
        return self._said.get("wanted") if intact else None

    def begin(self) -> bool:
        """Write down that an installation is under way; return whether something may be left of an earlier one."""
        before = self._path.exists()
        self._write({})
        return before

    def missing(self, obtained: Iterable[Obtained]) -> list[Obtained]:
        """Return those of the artifacts `obtained` that nothing in the environment was installed from."""
        records = self._records()
        return [one for one in obtained if one.path not in records]

    def extras(self, installed: Obtained) -> frozenset[str]:
        """Return the names of the extras of what is `installed`, normalized."""
        from importlib.metadata import Distribution  # noqa: PLC0415 - a run that installs nothing does without

        metadata = Distribution.at(self._records()[installed.path].parent).metadata
        return frozenset(canonicalize_name(name) for name in metadata.get_all("Provides-Extra") or ())

    def finish(self, wanted: Mapping[str, object], obtained: Iterable[Obtained]) -> None:
        """Write down that all that is `wanted` is installed, from the artifacts `obtained`; let it be imported first.

        Raises `WrongBytesError` if one of them is not installed, or not as its installer wrote it.
        """
        from hatch_staged.stage import precedence  # noqa: PLC0415 - likewise

        records = self._records()
        cached, installed = {}, {}
        dist_infos = []
        for one in obtained:
            if one.path not in records:
                raise WrongBytesError(
                    f"the installer did not install {one.artifact.filename}, or something else in its place",
                    where=str(self.folder),
                    hint="look into the configuration of the installer: variables PIP_* and UV_*, pip.conf, uv.toml",
                )
            record = records[one.path]
            installed[record.relative_to(self.folder).as_posix()] = _origin(record)
            dist_infos.append(record.parent)
            cached[one.project] = [one.artifact.filename, *one.signature]
        precedence.give(dist_infos)
        self._write({"wanted": wanted, "cached": cached, "installed": installed})
        self.check_installed()

    def check_installed(self) -> None:
        """Raise `WrongBytesError` if a file of what is installed has other bytes than its installer wrote down.

        Then none of it counts as installed any more.
        """
        from hatch_staged.stage.installed import check_record  # noqa: PLC0415 - likewise

        for path in self._said.get("installed", {}):
            dist_info = (self.folder / path).parent
            _, faults = check_record(dist_info, self.folder)
            for fault in faults:
                if fault.other_bytes:
                    self._write({})
                    raise WrongBytesError(
                        f"{fault.name} of the staged release was overwritten, perhaps by a dependency that has it, too",
                        where=str(dist_info.parent),
                        hint="see the dependencies of the environment, and the commands that run after installation",
                    )

    def verify(self, release: StagedRelease, cache: Cache) -> None:
        """Raise `WrongBytesError` if the artifact of `release` that was installed has other bytes in `cache` by now.

        One that is not in the cache any more is no reason to doubt.
        """
        filename, *signature = self._said.get("cached", {}).get(release.project, [None])
        for artifact in release.artifacts:
            if artifact.filename == filename:
                cache.verify(artifact, Signature(*signature))

    def is_untouched(self, releases: Iterable[Outline], cache: Path) -> bool:
        """Whether `verify` has nothing to read: what was installed of `releases` is in the folder `cache` as it was."""
        for release in releases:
            filename, *signature = self._said.get("cached", {}).get(release.project, [None])
            if filename not in release.files:
                return False
            try:
                if signature_of(location(cache, release.files[filename], filename)) != Signature(*signature):
                    return False
            except OSError:
                return False
        return True

    @property
    def _path(self) -> Path:
        return self.folder / "hatch-staged.json"

    def _records(self) -> dict[Path, Path]:
        """Return, for each file that a distribution was installed from, its ``direct_url.json`` (PEP 610)."""
        from urllib.request import url2pathname  # noqa: PLC0415 - likewise

        found = {}
        for record in self.folder.glob("[Ll]ib/**/site-packages/*.dist-info/direct_url.json"):
            try:
                url = urlsplit(json.loads(record.read_text(encoding="utf-8"))["url"])
            except (AttributeError, LookupError, TypeError, ValueError):
                continue  # no installer's: it came with a wheel
            if url.scheme == "file":
                found[Path(url2pathname(url.path))] = record
        return found

    @cached_property
    def _said(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            # not valid: an earlier run was killed while it wrote
            return {}

    def _write(self, said: dict[str, Any]) -> None:
        self._path.write_text(json.dumps(said), encoding="utf-8")
        self._said = said


def _origin(record: Path) -> str | None:
    """Return what an installer wrote of the origin of a distribution, or None if it is not there."""
    try:
        return record.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
