"""What is written down inside a virtual environment."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.index.building import build

from hatch_staged.errors import WrongBytesError
from hatch_staged.hatch.marker import Marker
from hatch_staged.stage.cache import Cache
from hatch_staged.stage.use import Obtained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Maintainer


@pytest.fixture
def marker(tmp_path: Path) -> Marker:
    """Return the marker of an empty environment."""
    return Marker(tmp_path)


def test_an_installation_is_there_when_it_is_finished(marker: Marker) -> None:
    wanted = {"releases": ["foo sha256:1"], "features": []}
    assert (marker.wanted, marker.begin(), marker.wanted) == (None, False, None)
    # killed in between
    assert marker.begin() is True
    marker.finish(wanted, [])
    assert (marker.wanted, marker.begin(), marker.wanted) == (wanted, True, None)


def test_half_a_file_is_none(marker: Marker) -> None:
    marker.finish({"releases": []}, [])
    path = marker.folder / "hatch-staged.json"
    path.write_text(path.read_text()[:-5])
    assert marker.wanted is None
    assert marker.begin() is True


def test_bytes_that_change_after_they_were_installed(marker: Marker, maintainer: Maintainer, tmp_path: Path) -> None:
    [release] = maintainer.stage("foo-1.0.tar.gz")
    [artifact] = release.artifacts

    @contextmanager
    def fetch(_url: str) -> Iterator[Iterator[bytes]]:
        yield iter([build("foo-1.0.tar.gz").data])

    cache = Cache(tmp_path / "cache", fetch)
    # nothing installed, nothing to doubt
    marker.verify(release, cache)
    path, signature = cache.get(artifact)
    marker.finish({}, [Obtained(artifact, path, signature)])
    marker.verify(release, cache)
    path.write_bytes(bytes(artifact.size))
    with pytest.raises(WrongBytesError):
        marker.verify(release, cache)
    path.unlink()
    marker.verify(release, cache)
