"""The distributions that the suite uploads are valid, so that an index has no reason to refuse them."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import subprocess
import sysconfig
import tarfile
import venv
import zipfile
from typing import TYPE_CHECKING

import pytest
from packaging.metadata import Metadata
from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from hatch_staged.conformance.artifacts import Artifact, Release, fresh_release

if TYPE_CHECKING:
    from pathlib import Path

RELEASE = Release("conformance-0123abcd", "1.2")
# Its name is not normalized, and a file name has no place for its hyphen and its dot.
ODD_RELEASE = Release("Odd-Name.Of-One", "1.0.post1")


def members(wheel: Artifact) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(wheel.data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("release", [RELEASE, ODD_RELEASE])
def test_a_wheel_has_the_name_of_its_release_and_its_tag(release: Release) -> None:
    name, version, build, tags = parse_wheel_filename(release.wheel("cp311-abi3-win32").filename)
    assert (name, version, build) == (canonicalize_name(release.project), Version(release.version), ())
    assert tags == {Tag("cp311", "abi3", "win32")}


@pytest.mark.parametrize("release", [RELEASE, ODD_RELEASE])
def test_a_source_distribution_has_the_name_of_its_release(release: Release) -> None:
    name, version = parse_sdist_filename(release.sdist().filename)
    assert (name, version) == (canonicalize_name(release.project), Version(release.version))


@pytest.mark.parametrize("release", [RELEASE, ODD_RELEASE])
def test_the_record_of_a_wheel_has_every_file_with_its_hash_and_size(release: Release) -> None:
    found = members(release.wheel())
    [record] = [name for name in found if name.endswith(".dist-info/RECORD")]
    rows = {path: (digest, size) for path, digest, size in csv.reader(found[record].decode().splitlines())}
    assert rows.pop(record) == ("", "")
    assert rows.keys() == found.keys() - {record}
    for path, (digest, size) in rows.items():
        expected = base64.urlsafe_b64encode(hashlib.sha256(found[path]).digest()).rstrip(b"=").decode()
        assert (digest, size) == (f"sha256={expected}", str(len(found[path])))


@pytest.mark.parametrize("release", [RELEASE, ODD_RELEASE])
def test_metadata_is_valid_and_names_the_release(release: Release) -> None:
    wheel = members(release.wheel())
    [in_wheel] = [data for name, data in wheel.items() if name.endswith(".dist-info/METADATA")]
    with tarfile.open(fileobj=io.BytesIO(release.sdist().data)) as archive:
        folder = release.sdist().filename.removesuffix(".tar.gz")
        assert all(name.startswith(f"{folder}/") for name in archive.getnames())
        reader = archive.extractfile(f"{folder}/PKG-INFO")
        assert reader is not None
        in_sdist = reader.read()
    for raw in (in_wheel, in_sdist):
        metadata = Metadata.from_email(raw, validate=True)
        assert (metadata.name, metadata.version) == (release.project, Version(release.version))


def test_the_wheel_file_names_the_tag() -> None:
    [data] = [data for name, data in members(RELEASE.wheel("py2-none-any")).items() if name.endswith("/WHEEL")]
    assert b"\nTag: py2-none-any\n" in data


def test_the_same_release_gives_the_same_bytes_and_another_content_gives_others() -> None:
    assert RELEASE.wheel() == RELEASE.wheel()
    assert RELEASE.sdist() == RELEASE.sdist()
    for one, other in (
        (RELEASE.wheel(), RELEASE.wheel(content="x")),
        (RELEASE.sdist(), RELEASE.sdist(content="x")),
    ):
        assert one.filename == other.filename
        assert one.data != other.data


def test_requests_describe_the_artifact() -> None:
    wheel = RELEASE.wheel()
    assert wheel.request() == {
        "meta": {"api-version": "2.0"},
        "filename": "conformance_0123abcd-1.2-py3-none-any.whl",
        "size": len(wheel.data),
        "hashes": {"sha256": hashlib.sha256(wheel.data).hexdigest()},
        "mechanism": "http-post-bytes",
    }


def test_a_change_to_a_request_takes_the_place_of_a_key_or_takes_it_out() -> None:
    assert RELEASE.request(version="2", meta=None) == {"name": "conformance-0123abcd", "version": "2"}
    assert RELEASE.wheel().request(size=-1, hashes=None).keys() == {"meta", "filename", "size", "mechanism"}


def test_fresh_releases_have_normalized_names_of_their_own() -> None:
    projects = {fresh_release().project for _ in range(100)}
    assert len(projects) == 100
    assert all(canonicalize_name(project, validate=True) == project for project in projects)
    assert fresh_release("3.1").version == "3.1"


@pytest.mark.journey
def test_pip_installs_a_wheel_and_builds_a_source_distribution(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", symlinks=os.name != "nt", with_pip=True)
    [python] = [*tmp_path.glob("venv/bin/python"), *tmp_path.glob("venv/Scripts/python.exe")]
    # for the build backend, which is installed with us
    variables = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    for artifact in (RELEASE.wheel(), RELEASE.sdist()):
        (tmp_path / artifact.filename).write_bytes(artifact.data)
        out = tmp_path / f"from-{artifact.filename}"
        install = [str(python), "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation"]
        install += ["--disable-pip-version-check", "--target", str(out), str(tmp_path / artifact.filename)]
        ended = subprocess.run(install, env=variables, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert (out / "conformance_0123abcd.py").is_file()
