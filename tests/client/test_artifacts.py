"""Which files are meant, and what is wrong with them."""

from __future__ import annotations

import contextlib
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hatch_staged.client.artifacts import find
from hatch_staged.client.checks import check
from hatch_staged.client.plugins import Plugins
from hatch_staged.errors import ArtifactError, ConfigurationError, StagedError

if TYPE_CHECKING:
    from tests.client.conftest import MakeFile

WHEEL = "foo-1.0-py3-none-any.whl"
SDIST = "foo-1.0.tar.gz"


def names(root: Path, *specs: str) -> list[str]:
    releases = find(specs, root=root, default=root / "dist")
    return [artifact.filename for release in releases for artifact in release.artifacts]


def test_the_default_folder_gives_one_release_sorted_by_file_name(tmp_path: Path, make_file: MakeFile) -> None:
    make_file(SDIST)
    path = make_file(WHEEL, payload=b"x" * 3_000_000)

    (release,) = find((), root=tmp_path, default=tmp_path / "dist")

    assert (release.project, str(release.version)) == ("foo", "1.0")
    assert [artifact.filename for artifact in release.artifacts] == [WHEEL, SDIST]
    wheel = release.artifacts[0]
    content = path.read_bytes()
    assert wheel.path == path
    assert wheel.size == len(content)
    assert wheel.hashes == {
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert wheel.attestations == ()


def test_folders_are_not_searched_below_and_other_files_in_them_are_ignored(
    tmp_path: Path, make_file: MakeFile
) -> None:
    make_file(WHEEL)
    make_file("foo-0.9.tar.gz", folder="dist/old")
    (tmp_path / "dist" / "notes.txt").write_text("")
    (tmp_path / "dist" / "foo-0.8.tar.gz").mkdir()

    assert names(tmp_path, "dist") == [WHEEL]


@pytest.mark.parametrize(
    ("specs", "found"),
    [
        (["dist/*.whl"], [WHEEL]),
        (["dist/*"], [WHEEL, SDIST]),
        (["**/*.gz"], [SDIST]),
        (["di*"], [WHEEL, SDIST]),
        ([f"dist/{SDIST}"], [SDIST]),
        ([f"dist/{SDIST}", "dist", "dist/**"], [WHEEL, SDIST]),
        ([f"dist/../dist/{SDIST}", f"dist/{SDIST}"], [SDIST]),
    ],
)
def test_specs(tmp_path: Path, make_file: MakeFile, specs: list[str], found: list[str]) -> None:
    make_file(WHEEL)
    make_file(SDIST)
    (tmp_path / "dist" / "notes.txt").write_text("")

    assert names(tmp_path, *specs) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("foo-bar-1.0.tar.gz", "foo_bar-1.0.tar.gz"),
        ("foo_bar-1.0.tar.gz", "foo_bar-1.0.0.tar.gz"),
        ("Foo_Bar-1.0-py3-none-any.whl", "foo_bar-1.0-py3-none-any.whl"),
        ("foo_bar-1.0-py2.py3-none-any.whl", "foo_bar-1.0-py3.py2-none-any.whl"),
    ],
)
def test_one_distribution_under_two_names(tmp_path: Path, make_file: MakeFile, one: str, other: str) -> None:
    # two folders: where upper and lower case are one, a folder holds only one of them
    metadata = "Metadata-Version: 2.1\nName: foo-bar\nVersion: 1.0\n"
    paths = [make_file(one, folder="dist", metadata=metadata), make_file(other, folder="more", metadata=metadata)]

    with pytest.raises(
        ConfigurationError, match=f"{one} and {other} are the same|{other} and {one} are the same"
    ) as caught:
        find(["dist", "more"], root=tmp_path, default=tmp_path / "dist")

    assert all(str(path) in caught.value.where for path in paths)


def test_wheels_of_two_builds_are_two(tmp_path: Path, make_file: MakeFile) -> None:
    filenames = ["foo-1.0-1-py3-none-any.whl", "foo-1.0-2-py3-none-any.whl", WHEEL]
    for filename in filenames:
        make_file(filename)

    assert names(tmp_path) == filenames


def test_absolute_specs_do_not_need_the_root(tmp_path: Path, make_file: MakeFile) -> None:
    make_file(WHEEL)

    for spec in (tmp_path / "dist", tmp_path / "dist" / WHEEL, tmp_path / "d*" / "*.whl"):
        (release,) = find([str(spec)], root=Path("elsewhere"), default=Path("elsewhere"))
        assert [artifact.path for artifact in release.artifacts] == [tmp_path / "dist" / WHEEL]


def test_a_root_with_glob_characters_is_a_folder_like_any(tmp_path: Path, make_file: MakeFile) -> None:
    make_file(WHEEL, folder="[p]*/dist")

    assert names(tmp_path / "[p]*", "dist/*.whl") == [WHEEL]


def test_several_projects_give_several_releases(tmp_path: Path, make_file: MakeFile) -> None:
    make_file("zoo-2.0.tar.gz")
    make_file("Ant_Hill-1.0-py3-none-any.whl")

    releases = find((), root=tmp_path, default=tmp_path / "dist")

    assert [(release.project, str(release.version)) for release in releases] == [("ant-hill", "1.0"), ("zoo", "2.0")]


def test_spellings_of_one_version_are_one_release(tmp_path: Path, make_file: MakeFile) -> None:
    make_file("foo-1.0.tar.gz")
    make_file("foo-1.0.0-py3-none-any.whl")

    assert names(tmp_path) == ["foo-1.0.0-py3-none-any.whl", "foo-1.0.tar.gz"]


def test_two_versions_of_one_project_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "foo-1.0.tar.gz").write_bytes(b"not read")
    (tmp_path / "dist" / "foo-0.9.tar.gz").write_bytes(b"not read")

    with pytest.raises(ConfigurationError, match=r"foo 0\.9 and foo 1\.0") as caught:
        names(tmp_path)

    assert "name the files" in caught.value.hint


def test_the_same_name_from_two_folders_is_refused(tmp_path: Path, make_file: MakeFile) -> None:
    make_file(WHEEL, folder="a")
    make_file(WHEEL, folder="b")

    with pytest.raises(ConfigurationError, match="twice") as caught:
        names(tmp_path, "a", "b")

    assert caught.value.where == f"{tmp_path / 'a' / WHEEL}, {tmp_path / 'b' / WHEEL}"


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
def test_one_file_reached_by_two_folders_counts_once(tmp_path: Path, make_file: MakeFile) -> None:
    make_file(WHEEL, folder="a")
    (tmp_path / "b").symlink_to(tmp_path / "a")

    for specs in (["a", "b"], ["b", "a"]):
        (release,) = find(specs, root=tmp_path, default=tmp_path)
        assert [artifact.path for artifact in release.artifacts] == [tmp_path / specs[0] / WHEEL]


@pytest.mark.parametrize("spec", ["dist/nothing*", "nothing", "dist", "dist/*.txt", f"dist/{WHEEL}"])
def test_a_spec_that_matches_nothing_is_refused(tmp_path: Path, spec: str) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "notes.txt").write_text("")

    with pytest.raises(ConfigurationError, match="no wheel and no source distribution") as caught:
        names(tmp_path, spec)

    assert caught.value.where == spec


@pytest.mark.parametrize("make_folder", [True, False])
def test_nothing_in_the_default_folder_says_how_to_build(tmp_path: Path, make_folder: bool) -> None:  # noqa: FBT001 # a parameter of the table
    if make_folder:
        (tmp_path / "dist").mkdir()

    with pytest.raises(ConfigurationError, match="nothing to stage") as caught:
        names(tmp_path)

    assert caught.value.hint == "hatch build"


def test_a_named_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")

    with pytest.raises(ArtifactError, match="neither a wheel") as caught:
        names(tmp_path, "notes.txt")

    assert caught.value.where == "notes.txt"


def test_a_file_name_that_is_no_distributions_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "foo.whl").write_bytes(b"")

    with pytest.raises(ArtifactError, match="foo"):
        names(tmp_path, "foo.whl")


def test_names_that_are_none_are_told_all_at_once(tmp_path: Path) -> None:
    for name in ("foo.whl", "bar-x.tar.gz"):
        (tmp_path / name).write_bytes(b"")

    with pytest.raises(ArtifactError) as caught:
        names(tmp_path, ".")

    assert caught.value.where == f"{tmp_path / 'bar-x.tar.gz'}, {tmp_path / 'foo.whl'}"
    assert "bar-x.tar.gz: " in caught.value.what
    assert "; foo.whl: " in caught.value.what


def test_mixtures_are_told_all_at_once(tmp_path: Path) -> None:
    for name in ("a/foo-1.0.tar.gz", "b/foo-1.0.tar.gz", "a/foo-2.0.tar.gz", "a/bar-1.tar.gz", "a/bar-2.tar.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"not read")

    with pytest.raises(ConfigurationError) as caught:
        names(tmp_path, "a", "b")

    for told in ("foo-1.0.tar.gz is there twice", "bar 1 and bar 2", "foo 1.0 and foo 2.0"):
        assert told in caught.value.what


def test_attestations_beside_artifacts(tmp_path: Path, make_file: MakeFile) -> None:
    wheel, sdist = make_file(WHEEL), make_file(SDIST)
    publish, slsa = (wheel.with_name(f"{WHEEL}.{kind}.attestation") for kind in ("publish", "slsa"))
    publish.write_bytes(b"{}")
    slsa.write_bytes(b"[]")
    wheel.with_name(f"{WHEEL}.asc").write_bytes(b"")
    wheel.with_name("foo-0.9.tar.gz.publish.attestation").write_bytes(b"of what was removed")
    # as a shell expands dist/*
    named = [f"dist/{path.name}" for path in (wheel, sdist, publish, slsa)]

    for specs in ([], ["dist"], ["dist/*"], named, [*reversed(named)]):
        [release] = find(specs, root=tmp_path, default=tmp_path / "dist")
        assert [
            (artifact.filename, [(file.path, file.raw) for file in artifact.attestations])
            for artifact in release.artifacts
        ] == [(WHEEL, [(publish, b"{}"), (slsa, b"[]")]), (SDIST, [])]


def test_an_attestation_that_is_named_without_its_artifact_is_refused(tmp_path: Path, make_file: MakeFile) -> None:
    make_file(WHEEL)
    spec = f"dist/{SDIST}.publish.attestation"
    (tmp_path / spec).write_bytes(b"{}")

    with pytest.raises(ConfigurationError, match="its artifact is not among the files") as caught:
        names(tmp_path, spec, f"dist/{WHEEL}")

    assert caught.value.where == spec


@pytest.mark.skipif(sys.platform != "linux", reason="needs a regular file that cannot be read, even by root")
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / WHEEL
    path.symlink_to("/proc/self/mem")

    with pytest.raises(ArtifactError, match="cannot be read") as caught:
        names(tmp_path, WHEEL)

    assert caught.value.where == str(path)


def test_a_path_that_the_system_refuses_is_refused(tmp_path: Path) -> None:
    # an ArtifactError, or from Python 3.14 on, where such a path merely does not exist, a ConfigurationError
    with pytest.raises(StagedError, match=r"cannot be read|no wheel"):
        names(tmp_path, "a" * 5000)


@pytest.mark.parametrize("filename", [WHEEL, SDIST])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_a_damaged_archive_is_found_or_refused_never_a_crash(
    tmp_path: Path, make_file: MakeFile, filename: str, data: st.DataObject
) -> None:
    path = make_file(filename, payload=b"payload" * 20)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])

    with contextlib.suppress(ArtifactError):
        assert check(find((), root=tmp_path, default=tmp_path / "dist"), Plugins()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    chosen=st.lists(
        st.sampled_from(["dist", "dist/*", "dist/*.whl", f"dist/{SDIST}", f"./dist/{WHEEL}", "**/*-1.0*"]), min_size=1
    )
)
def test_the_order_and_number_of_specs_do_not_matter(tmp_path: Path, make_file: MakeFile, chosen: list[str]) -> None:
    make_file(WHEEL)
    make_file(SDIST)

    together = names(tmp_path, *chosen)

    assert together == sorted(set(together))
    assert set(together) == {name for spec in chosen for name in names(tmp_path, spec)}
