"""Small real distributions, as the index's tests upload them."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass, field

from hatch_staged.protocol.distributions import Kind, parse_filename


@dataclass(frozen=True)
class Built:
    """A distribution in memory, with what a client declares of it."""

    filename: str
    data: bytes
    metadata: bytes
    hashes: dict[str, str] = field(default_factory=dict)

    def declared(self, **changes: object) -> dict[str, object]:
        """Return the body of a file upload session's creation."""
        body = {
            "meta": {"api-version": "2.0"},
            "filename": self.filename,
            "size": len(self.data),
            "hashes": self.hashes,
            "mechanism": "http-post-bytes",
        }
        return {**body, **changes}

    @property
    def sha256(self) -> str:
        """Return the hex digest of the file."""
        return hashlib.sha256(self.data).hexdigest()


def metadata_of(name: str, version: str, *lines: str) -> bytes:
    """Return core metadata."""
    return "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, "", "text"]).encode()


def build(filename: str = "foo-1.0-py3-none-any.whl", *, metadata: bytes = b"", content: bytes = b"content") -> Built:
    """Return a distribution of this file name, with `content` in it; by default its metadata agrees with its name."""
    said = parse_filename(filename)
    metadata = metadata or metadata_of(said.project, str(said.version), "Requires-Python: >=3.8")
    pack = _wheel if said.kind is Kind.WHEEL else _sdist
    data = pack(f"{said.project}-{said.version}", metadata, content)
    hashes = {"sha256": hashlib.sha256(data).hexdigest(), "blake2b": hashlib.blake2b(data).hexdigest()}
    return Built(filename, data, metadata, hashes)


def _wheel(stem: str, metadata: bytes, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{stem}/data", content)
        archive.writestr(f"{stem}.dist-info/METADATA", metadata)
    return packed.getvalue()


def _sdist(stem: str, metadata: bytes, content: bytes) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        for name, data in ((f"{stem}/data", content), (f"{stem}/PKG-INFO", metadata)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()
