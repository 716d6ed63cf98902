"""Small real distributions, as the index's tests upload them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from tests.archives.building import metadata_of, pack_sdist, pack_wheel, wheel_members

from hatch_staged.protocol.distributions import Kind, parse_filename

__all__ = ["Built", "build", "metadata_of"]


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


def build(filename: str = "foo-1.0-py3-none-any.whl", *, metadata: bytes = b"", content: bytes = b"content") -> Built:
    """Return a distribution of this file name, with `content` in it; by default its metadata agrees with its name."""
    said = parse_filename(filename)
    metadata = metadata or metadata_of(said.project, str(said.version), "Requires-Python: >=3.8")
    if said.kind is Kind.WHEEL:
        data = pack_wheel(wheel_members(filename, metadata, {f"{said.project}/data": content}).items())
    else:
        stem = f"{said.project}-{said.version}"
        data = pack_sdist([(f"{stem}/data", content), (f"{stem}/PKG-INFO", metadata)])
    hashes = {"sha256": hashlib.sha256(data).hexdigest(), "blake2b": hashlib.blake2b(data).hexdigest()}
    return Built(filename, data, metadata, hashes)
