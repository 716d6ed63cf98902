"""Verified bytes: a download is checked before it has a name, a cached file each time before it is used."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import IO, TYPE_CHECKING, NamedTuple

from hatch_staged.errors import StagedError, WrongBytesError
from hatch_staged.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hatch_staged.stage.model import StagedArtifact

    #: Opens a URL; inside the context, the bytes in pieces.  Raises `UnreachableError` and the like.
    Fetch = Callable[[str], AbstractContextManager[Iterator[bytes]]]

_PIECE = 1024 * 1024


class Signature(NamedTuple):
    """What changes when somebody writes to a file, as far as a look without reading can tell."""

    size: int
    mtime_ns: int
    inode: int


class Cached(NamedTuple):
    """A file whose bytes were those of the artifact when it had this signature."""

    path: Path
    signature: Signature


class Cache:
    """Artifacts on disk under ``sha256/<first two digits>/<sha256>/<filename>`` in `folder`."""

    def __init__(self, folder: Path, fetch: Fetch) -> None:
        self._folder = folder
        self._fetch = fetch

    def path(self, artifact: StagedArtifact) -> Path:
        """Return where `artifact` is, or would be."""
        return location(self._folder, artifact.sha256, artifact.filename)

    def get(self, artifact: StagedArtifact, url: str | None = None) -> Cached:
        """Return where `artifact` is, verified; download it from `url` (default: its own) if it is not there.

        Raises `WrongBytesError` if size or any hash differ, of a cached file too; `StagedError` if there is nowhere to
        download it from or the cache cannot be written; and what `fetch` raises.  A failure leaves nothing behind.
        """
        from filelock import FileLock  # noqa: PLC0415 - most runs only verify

        target = self.path(artifact)
        try:
            # only the owner may look: these bytes are not public yet
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            bucket = target.parent.parent
            bucket.mkdir(parents=True, exist_ok=True)
            with FileLock(bucket / f"{artifact.sha256}.lock"):
                signature = self.verify(artifact) or self._download(artifact, url or artifact.url, target)
        except OSError as error:
            raise StagedError(f"cannot use the cache: {error.strerror or error}", where=str(target)) from error
        return Cached(target, signature)

    def verify(self, artifact: StagedArtifact, seen: Signature | None = None) -> Signature | None:
        """Return the signature of the cached file of `artifact`, or None if it is not cached.

        Its bytes are read and hashed again, unless its signature is `seen`, which an earlier call returned.  Raises
        `WrongBytesError` if they are not the staged bytes.
        """
        target = self.path(artifact)
        try:
            signature = signature_of(target)
            if signature == seen and signature.size == artifact.size:
                return signature
            with target.open("rb") as file:
                wrong = _difference(artifact, iter(lambda: file.read(_PIECE), b""))
        except FileNotFoundError:
            return None
        if wrong:
            what = f"the cached {artifact.filename} is not what was staged: {wrong}"
            raise WrongBytesError(what, where=str(target), hint="remove the file and run again")
        return signature

    def _download(self, artifact: StagedArtifact, url: str | None, target: Path) -> Signature:
        if url is None:
            raise StagedError(
                f"{artifact.filename} cannot be downloaded: its index has no previews of staged releases",
                hint="install it from where it was built, or after it is published",
            )
        # the lock is held, so this name is ours, also after a crash
        partial = target.parent.with_suffix(".partial")
        try:
            with partial.open("wb") as file, self._fetch(url) as pieces:
                wrong = _difference(artifact, _written(pieces, file))
            if wrong:
                what = f"the index sends something else than what was staged as {artifact.filename}: {wrong}"
                raise WrongBytesError(what, where=redact(url), hint="ask whoever staged it; install nothing from there")
            target.parent.mkdir(exist_ok=True)
            partial.replace(target)
            return signature_of(target)
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()


def location(folder: Path, sha256: str, filename: str) -> Path:
    """Return where the cache in `folder` has the artifact with that hash and name, or would have it."""
    return folder / "sha256" / sha256[:2] / sha256 / filename


def signature_of(path: Path) -> Signature:
    """Return the signature of the file at `path`; raise `FileNotFoundError` if there is none."""
    status = path.stat()
    return Signature(status.st_size, status.st_mtime_ns, status.st_ino)


def _written(pieces: Iterable[bytes], file: IO[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield piece  # first to whoever counts: a piece too many is never written
        file.write(piece)


def _difference(artifact: StagedArtifact, pieces: Iterable[bytes]) -> str:
    """Return in what the bytes differ from those of `artifact`, or nothing; stops reading when they are too many."""
    # the file may have hashes that this Python does not know; it always has sha256
    known = [name for name in artifact.hashes if name in hashlib.algorithms_guaranteed and not name.startswith("shake")]
    hashers = {name: hashlib.new(name, usedforsecurity=False) for name in known}
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > artifact.size:
            return f"more than {artifact.size} bytes"
        for hasher in hashers.values():
            hasher.update(piece)
    if size < artifact.size:
        return f"{size} bytes, not {artifact.size}"
    wrong = [name for name, hasher in hashers.items() if hasher.hexdigest() != artifact.hashes[name]]
    return f"another {', '.join(sorted(wrong))}" if wrong else ""
