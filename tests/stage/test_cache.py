"""Verified bytes, on disk and from the index."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from hatch_staged.errors import StagedError, UnreachableError, WrongBytesError
from hatch_staged.stage.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stage.conftest import MakeArtifact

    from hatch_staged.stage.model import StagedArtifact

FILENAME = "foo-1.2.0-py3-none-any.whl"
CONTENT = b"the staged bytes"


class FakeIndex:
    """Serves pieces of bytes, remembers what was asked for and how much of it was read."""

    def __init__(self, *pieces: bytes, failure: Exception | None = None) -> None:
        self.pieces = pieces
        self.failure = failure
        self.asked: list[str] = []
        self.served = 0

    @contextmanager
    def fetch(self, url: str) -> Iterator[Iterator[bytes]]:
        """Serve `url`."""
        self.asked.append(url)
        yield self._serve()

    def _serve(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.served += 1
            yield piece
        if self.failure is not None:
            raise self.failure


def files(folder: Path) -> list[Path]:
    """Return all files below `folder` but the locks."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")


@pytest.fixture
def artifact(make_artifact: MakeArtifact) -> StagedArtifact:
    hashes = {name: hashlib.new(name, CONTENT).hexdigest() for name in ("sha256", "blake2b", "md5")}
    # names that no hashlib knows the digest of, which is then left alone
    return make_artifact(FILENAME, CONTENT, hashes={**hashes, "blake4": "00", "shake_128": "00"})


def test_a_download_is_kept(artifact: StagedArtifact, tmp_path: Path) -> None:
    index = FakeIndex(CONTENT[:3], b"", CONTENT[3:])
    cache = Cache(tmp_path / "cache", index.fetch)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    path = cache.get(artifact).path
    assert path == tmp_path / "cache" / "sha256" / sha256[:2] / sha256 / FILENAME
    assert path == cache.path(artifact)
    assert path.read_bytes() == CONTENT
    assert files(tmp_path) == [path]
    assert cache.get(artifact).path == path
    assert index.asked == [artifact.url]


def test_another_url_with_the_same_bytes(artifact: StagedArtifact, tmp_path: Path) -> None:
    index = FakeIndex(CONTENT)
    Cache(tmp_path, index.fetch).get(artifact, "https://index.test/published")
    assert index.asked == ["https://index.test/published"]


def test_an_empty_file(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    assert Cache(tmp_path, FakeIndex().fetch).get(make_artifact(FILENAME, b"")).path.read_bytes() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX's")
def test_only_the_owner_sees_what_is_not_public(artifact: StagedArtifact, tmp_path: Path) -> None:
    Cache(tmp_path / "cache", FakeIndex(CONTENT).fetch).get(artifact)
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([], "0 bytes, not 16"),
        ([CONTENT[:-1]], "15 bytes, not 16"),
        ([CONTENT, b"!"], "more than 16 bytes"),
        ([CONTENT.upper()], "another blake2b, md5, sha256"),
    ],
)
def test_other_bytes_leave_nothing_behind(
    artifact: StagedArtifact, tmp_path: Path, pieces: list[bytes], told: str
) -> None:
    token = "x" * 43
    with pytest.raises(WrongBytesError) as caught:
        Cache(tmp_path, FakeIndex(*pieces).fetch).get(artifact, f"https://u:p@index.test/{token}/{FILENAME}")
    assert told in caught.value.what
    assert FILENAME in caught.value.what
    assert caught.value.where == f"https://index.test/***/{FILENAME}"
    assert files(tmp_path) == []


def test_each_hash_counts(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    hashes = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "md5": "00" * 16}
    with pytest.raises(WrongBytesError, match="another md5"):
        Cache(tmp_path, FakeIndex(CONTENT).fetch).get(make_artifact(FILENAME, CONTENT, hashes=hashes))


def test_a_download_without_end_is_stopped(artifact: StagedArtifact, tmp_path: Path) -> None:
    index = FakeIndex(*[b"0123456789"] * 1000)
    with pytest.raises(WrongBytesError):
        Cache(tmp_path, index.fetch).get(artifact)
    assert index.served == 2


def test_a_broken_connection_leaves_nothing_behind(artifact: StagedArtifact, tmp_path: Path) -> None:
    index = FakeIndex(CONTENT[:4], failure=UnreachableError("broken"))
    with pytest.raises(UnreachableError):
        Cache(tmp_path, index.fetch).get(artifact)
    assert files(tmp_path) == []


def test_what_a_crash_left_is_overwritten(artifact: StagedArtifact, tmp_path: Path) -> None:
    cache = Cache(tmp_path, FakeIndex(CONTENT).fetch)
    leftover = cache.path(artifact).parent.with_suffix(".partial")
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"much more than these bytes")
    assert cache.get(artifact).path.read_bytes() == CONTENT
    assert files(tmp_path) == [cache.path(artifact)]


@pytest.mark.parametrize("changed", [CONTENT.upper(), CONTENT + b"!", b""])
def test_a_changed_cached_file_is_refused(artifact: StagedArtifact, tmp_path: Path, changed: bytes) -> None:
    index = FakeIndex(CONTENT)
    cache = Cache(tmp_path, index.fetch)
    path = cache.get(artifact).path
    path.write_bytes(changed)
    with pytest.raises(WrongBytesError) as caught:
        cache.get(artifact)
    assert caught.value.where == str(path)
    assert caught.value.exit_code == 6
    assert len(index.asked) == 1
    assert path.read_bytes() == changed
    path.unlink()
    assert cache.get(artifact).path.read_bytes() == CONTENT


def test_verification_reads_again_only_what_has_changed(artifact: StagedArtifact, tmp_path: Path) -> None:
    cache = Cache(tmp_path, FakeIndex(CONTENT).fetch)
    assert cache.verify(artifact) is None
    path = cache.get(artifact).path
    seen = cache.verify(artifact)
    assert seen is not None
    assert cache.verify(artifact, seen) == seen
    # somebody who can set the clock back too is beyond this check, which is how one sees that nothing was read
    path.write_bytes(CONTENT.upper())
    os.utime(path, ns=(seen.mtime_ns, seen.mtime_ns))
    assert cache.verify(artifact, seen) == seen
    os.utime(path, ns=(seen.mtime_ns, seen.mtime_ns + 1_000_000_000))
    with pytest.raises(WrongBytesError):
        cache.verify(artifact, seen)


def test_an_index_without_previews(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    artifact = make_artifact(FILENAME, CONTENT, url=None, path=f"dist/{FILENAME}")
    cache = Cache(tmp_path, FakeIndex(CONTENT).fetch)
    with pytest.raises(StagedError, match="no previews"):
        cache.get(artifact)
    assert cache.get(artifact, "https://index.test/published").path.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written(artifact: StagedArtifact, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StagedError, match="cannot use the cache"):
        Cache(tmp_path / "file", FakeIndex(CONTENT).fetch).get(artifact)


def test_two_at_once_download_once(artifact: StagedArtifact, tmp_path: Path) -> None:
    index = FakeIndex(*[bytes([byte]) for byte in CONTENT])
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: Cache(tmp_path, index.fetch).get(artifact).path, range(8)))
    [path] = paths
    assert path.read_bytes() == CONTENT
    assert len(index.asked) == 1
