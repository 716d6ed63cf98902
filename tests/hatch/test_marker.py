"""What is written down inside a virtual environment."""

from __future__ import annotations

import json
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


def install(marker: Marker, path: Path) -> Path:
    """Leave what an installer leaves of `path`; return its record."""
    record = marker.folder / "lib" / "python3.99" / "site-packages" / "foo-1.0.dist-info" / "direct_url.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"url": path.as_uri(), "archive_info": {}}))
    (record.parent / "RECORD").write_text("foo/__init__.py,,\n../../../bin/foo,,\nfoo-1.0.dist-info/RECORD,,\n")
    other = record.parent.with_name("bar-1.0.dist-info") / "direct_url.json"
    other.parent.mkdir()
    other.write_text(json.dumps({"url": "https://index.test/bar.git", "vcs_info": {}}))
    return record


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
    later = Marker(marker.folder)
    assert later.wanted is None
    assert later.begin() is True


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
    install(marker, path)
    marker.finish({}, [Obtained(artifact, path, signature)])
    marker.verify(release, cache)
    path.write_bytes(bytes(artifact.size))
    with pytest.raises(WrongBytesError):
        marker.verify(release, cache)
    path.unlink()
    marker.verify(release, cache)


@pytest.fixture
def obtained(maintainer: Maintainer, tmp_path: Path) -> Obtained:
    """Return an artifact in a cache."""
    [release] = maintainer.stage("foo-1.0.tar.gz")

    @contextmanager
    def fetch(_url: str) -> Iterator[Iterator[bytes]]:
        yield iter([build("foo-1.0.tar.gz").data])

    return Obtained(release.artifacts[0], *Cache(tmp_path / "cache", fetch).get(release.artifacts[0]))


def test_what_somebody_else_replaced_is_not_installed_any_more(marker: Marker, obtained: Obtained) -> None:
    record = install(marker, obtained.path)
    marker.finish({"releases": []}, [obtained])
    # pip installs an sdist again whenever it is asked to: the same, a moment later
    text = record.read_text()
    record.unlink()
    record.write_text(text)
    seen = [marker.wanted]
    record.write_text("{}")
    seen.append(marker.wanted)
    record.unlink()
    seen.append(marker.wanted)
    assert seen == [{"releases": []}, None, None]
    assert marker.begin() is True


def test_what_the_installer_did_not_install(marker: Marker, obtained: Obtained) -> None:
    assert marker.missing([obtained]) == [obtained]
    with pytest.raises(WrongBytesError, match="did not install foo-1"):
        marker.finish({}, [obtained])
    assert marker.wanted is None
    record = install(marker, obtained.path)
    assert marker.missing([obtained]) == []
    (record.parent / "METADATA").write_text("Name: foo\nProvides-Extra: Shiny_Things\n")
    assert marker.extras(obtained) == {"shiny-things"}


@pytest.mark.parametrize("text", ["nonsense", "{}", "[]", '{"url": 1}', '{"url": "file://["}'])
def test_an_origin_that_no_installer_wrote(marker: Marker, tmp_path: Path, text: str) -> None:
    """A wheel of somebody's may come with any."""
    record = install(marker, tmp_path / "foo-1.0.tar.gz")
    record.write_text(text)
    marker.finish({}, [])
    assert marker.wanted == {}
