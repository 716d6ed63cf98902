"""What held for both kinds of archive: metadata out of a valid one, and `ArchiveError` for everything else."""

from __future__ import annotations

import errno
import gzip
import io
import os
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.archives.building import METADATA, SDIST_NAME, TOP, WHEEL_NAME, sdist, wheel

from hatch_staged.archives import ArchiveError, held, inspect
from hatch_staged.protocol.distributions import Distribution, parse_filename

WHEEL = parse_filename(WHEEL_NAME)
SDIST = parse_filename(SDIST_NAME)
BOTH = [pytest.param(wheel(), WHEEL, id="wheel"), pytest.param(sdist(), SDIST, id="sdist")]

#: How many damaged archives the fuzzing makes of each kind; see CONTRIBUTING.md.
EXAMPLES = int(os.environ.get("HATCH_STAGED_FUZZ", "300"))
#: What one of them may take: the archives are small, and so is every bound that they can set out for.
MOST_SECONDS = 5
MOST_BYTES = 64 * 1024 * 1024


@pytest.mark.parametrize(("content", "distribution"), BOTH)
def test_a_valid_archive(content: bytes, distribution: Distribution) -> None:
    metadata = inspect(io.BytesIO(content), distribution)
    assert (metadata.project, metadata.version) == ("foo-bar", distribution.version)
    assert (metadata.requires_python, metadata.raw) == (">=3.10", METADATA)


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, sdist(), wheel()])
def test_no_archive_or_the_other_kind(content: bytes) -> None:
    with pytest.raises(ArchiveError):
        inspect(io.BytesIO(content), SDIST if content == wheel() else WHEEL)


@pytest.mark.parametrize(("content", "distribution"), BOTH)
def test_every_truncated_archive(content: bytes, distribution: Distribution) -> None:
    for length in range(len(content)):
        with pytest.raises(ArchiveError):
            inspect(io.BytesIO(content[:length]), distribution)


@pytest.mark.parametrize(("content", "distribution"), BOTH)
@pytest.mark.parametrize("more", [b"x", b"PK\5\6" + bytes(18), gzip.compress(b"more", mtime=0)])
def test_something_at_the_end(content: bytes, distribution: Distribution, more: bytes) -> None:
    with pytest.raises(ArchiveError):
        inspect(io.BytesIO(content + more), distribution)


class FailingDisk(io.BytesIO):
    """A file whose first bytes are on a broken piece of disk."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Fail as a disk does."""
        if self.tell() < 100:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize(("content", "distribution"), BOTH)
def test_a_broken_disk_is_no_broken_archive(content: bytes, distribution: Distribution) -> None:
    with pytest.raises(OSError, match="Input/output error"):
        inspect(FailingDisk(content), distribution)


@pytest.mark.parametrize(
    ("content", "distribution"),
    [(wheel({"a/.stage.toml": b""}), WHEEL), (sdist((f"{TOP}/.stage.toml", b"")), SDIST)],
)
def test_what_is_in_an_archive(content: bytes, distribution: Distribution) -> None:
    assert held(io.BytesIO(content), distribution, (".stage.toml", "stage.toml")) == {".stage.toml"}
    assert held(io.BytesIO(content), distribution, ("stage.toml",)) == frozenset()
    with pytest.raises(ArchiveError, match="broken archive"):
        held(io.BytesIO(content[: len(content) // 2]), distribution, ("nothing",))


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Return `content` with bytes changed, pieces moved, doubled and cut out, and perhaps the end gone."""
    data = bytearray(content)
    places = st.integers(0, len(content))
    for _ in range(draw(st.integers(1, 4))):
        place, length = draw(places), draw(st.integers(0, 80))
        match draw(st.sampled_from(["set", "flip", "copy", "cut", "number"])):
            case "set" if data:
                data[place % len(data)] = draw(st.integers(0, 255))
            case "flip" if data:
                data[place % len(data)] ^= 1 << draw(st.integers(0, 7))
            case "copy":
                source = draw(places)
                data[place:place] = data[source : source + length]
            case "cut":
                del data[place : place + length]
            case _:
                number = draw(st.sampled_from([b"\xff" * 4, b"\xff" * 8, bytes(4), b"7" * 11, b"\x80" + b"\xff" * 11]))
                data[place : place + len(number)] = number
    return bytes(data[: draw(st.one_of(st.just(len(data)), places))])


@pytest.mark.parametrize("layer", ["wheel", "sdist", "tar"])
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_archive_passes_or_is_refused_in_bounded_time_and_memory(layer: str, data: st.DataObject) -> None:
    """An sdist is damaged below its compression, too, which has a checksum of its own."""
    distribution, content = (WHEEL, wheel()) if layer == "wheel" else (SDIST, sdist())
    if layer == "tar":
        content = gzip.compress(data.draw(damaged(gzip.decompress(content))), 1)
    else:
        content = data.draw(damaged(content))
    began = time.monotonic()
    tracemalloc.start()
    try:
        inspect(io.BytesIO(content), distribution)
    except ArchiveError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - or none
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MOST_BYTES
    assert time.monotonic() - began < MOST_SECONDS
