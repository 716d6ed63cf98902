"""Small archives as build backends make them, and with anything in them changed."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

from hatch_staged.protocol.distributions import parse_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: name to content
Members = dict[str, bytes]


def metadata_of(name: str, version: str, *lines: str) -> bytes:
    """Return core metadata."""
    return "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, "", "text"]).encode()


def wheel_members(filename: str, metadata: bytes, files: Mapping[str, bytes]) -> Members:
    """Return what is in a wheel of this name: `files`, and a ``.dist-info`` that agrees with them."""
    project, version = filename.split("-")[:2]
    folder = f"{project}-{version}.dist-info"
    tags = "".join(f"Tag: {tag}\n" for tag in sorted(map(str, parse_filename(filename).tags)))
    members = {
        **files,
        f"{folder}/METADATA": metadata,
        f"{folder}/WHEEL": f"Wheel-Version: 1.0\nGenerator: ours\nRoot-Is-Purelib: true\n{tags}".encode(),
    }
    lines = [f'"{name}",{hash_and_size(content)}\n' for name, content in members.items()]
    return {**members, f"{folder}/RECORD": f"{''.join(lines)}{folder}/RECORD,,\n".encode()}


def hash_and_size(content: bytes) -> str:
    """Return what RECORD says of a file."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest},{len(content)}"


def record(*names: str) -> bytes:
    """Return a RECORD that lists `names`, with hashes that are none."""
    return "".join(f'"{name}",sha256=x,1\n' for name in names).encode()


def pack_wheel(members: Iterable[tuple[str | zipfile.ZipInfo, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a ZIP file; its bytes follow from the arguments."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for entry, content in members:
            info = entry if isinstance(entry, zipfile.ZipInfo) else zipfile.ZipInfo(entry)
            archive.writestr(info, content, compression)
    return packed.getvalue()


def pack_sdist(members: Iterable[tuple[str | tarfile.TarInfo, bytes]], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar file, zipped; its bytes follow from the arguments."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tar_format) as archive,
    ):
        for entry, content in members:
            info = entry if isinstance(entry, tarfile.TarInfo) else tarfile.TarInfo(entry)
            if content:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


METADATA = metadata_of("Foo.Bar", "1.2", "Requires-Python: >=3.10")
WHEEL_NAME = "Foo_Bar-1.2.0-py3-none-any.whl"
SDIST_NAME = "foo_bar-1.2.0.tar.gz"
DIST_INFO = "Foo_Bar-1.2.0.dist-info"
TOP = "foo_bar-1.2.0"


def wheel(
    added: Mapping[str, bytes] | None = None, *, without: str = "", compression: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """Return a valid wheel, but for what is `added` (or replaced) without a line in RECORD, and what is left out."""
    members = wheel_members(WHEEL_NAME, METADATA, {"foo_bar.py": b"print()\n" * 20, "foo_bar/data/x": b""})
    members.update(added or {})
    return pack_wheel([item for item in members.items() if item[0] != f"{DIST_INFO}/{without}"], compression)


def sdist(
    *added: tuple[str | tarfile.TarInfo, bytes], pkg_info: bytes = METADATA, tar_format: int = tarfile.PAX_FORMAT
) -> bytes:
    """Return a valid sdist, but for what is `added`."""
    members = [(f"{TOP}/README.md", b"read me"), (f"{TOP}/PKG-INFO", pkg_info), (f"{TOP}/src/foo_bar.py", b"print()\n")]
    return pack_sdist([*members, *added], tar_format)


def tar_entry(name: str, kind: bytes = tarfile.REGTYPE, linkname: str = "", size: int = 0) -> tarfile.TarInfo:
    """Return the header of an entry of a tar file."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, linkname, size
    return entry


def pax_record(keyword: bytes, value: bytes) -> bytes:
    """Return a record of an extended header, which begins with its own length."""
    length = len(keyword) + len(value) + 3
    while length != len(b"%d %s=%s\n" % (length, keyword, value)):
        length += 1
    return b"%d %s=%s\n" % (length, keyword, value)
