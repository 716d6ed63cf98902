"""Releases with names of their own, and small valid wheels and source distributions of them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import secrets
import tarfile
import zipfile
from dataclasses import dataclass

from hatch_staged.conformance.wire import META

# The earliest time that a zip archive can hold, so that the same content gives the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Release:
    """A project and a version of it."""

    project: str
    version: str = "1.0"

    def request(self, **changes: object) -> dict[str, object]:
        """Return the body that creates a publishing session; a change to `None` leaves the key out."""
        return _without_none({"meta": META, "name": self.project, "version": self.version, **changes})

    def wheel(self, tag: str = "py3-none-any", *, content: str = "") -> Artifact:
        """Return a wheel that installs a module; another `content` makes it another file of the same name."""
        name = self.project.replace("-", "_").replace(".", "_")
        info = f"{name}-{self.version}.dist-info"
        members = {
            f"{name}.py": f"{content!r}\n".encode(),
            f"{info}/METADATA": self._metadata(),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        }
        record = [f"{path},sha256={_record_digest(data)},{len(data)}\n" for path, data in members.items()]
        members[f"{info}/RECORD"] = f"{''.join(record)}{info}/RECORD,,\n".encode()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, data in members.items():
                archive.writestr(zipfile.ZipInfo(path, _TIME), data)
        return Artifact(f"{name}-{self.version}-{tag}.whl", packed.getvalue())

    def sdist(self, *, content: str = "") -> Artifact:
        """Return a source distribution."""
        name = self.project.replace("-", "_").replace(".", "_")
        members = {
            "PKG-INFO": self._metadata(),
            "pyproject.toml": self._pyproject(),
            f"{name}.py": f"{content!r}\n".encode(),
        }
        packed = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w") as archive,
        ):
            for path, data in members.items():
                entry = tarfile.TarInfo(f"{name}-{self.version}/{path}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        return Artifact(f"{name}-{self.version}.tar.gz", packed.getvalue())

    def _metadata(self) -> bytes:
        return f"Metadata-Version: 2.1\nName: {self.project}\nVersion: {self.version}\n".encode()

    def _pyproject(self) -> bytes:
        backend = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        return f'{backend}[project]\nname = "{self.project}"\nversion = "{self.version}"\n'.encode()


@dataclass(frozen=True)
class Artifact:
    """A file to upload."""

    filename: str
    data: bytes

    @property
    def hashes(self) -> dict[str, str]:
        """The hash that the PEP recommends."""
        return {"sha256": hashlib.sha256(self.data).hexdigest()}

    def request(self, **changes: object) -> dict[str, object]:
        """Return the body that creates a file upload session; a change to `None` leaves the key out."""
        body = {
            "meta": META,
            "filename": self.filename,
            "size": len(self.data),
            "hashes": self.hashes,
            "mechanism": "http-post-bytes",
        }
        return _without_none({**body, **changes})


def fresh_release(version: str = "1.0") -> Release:
    """Return a release of a project that no index knows."""
    return Release(f"conformance-{secrets.token_hex(8)}", version)


def _without_none(body: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in body.items() if value is not None}


def _record_digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
