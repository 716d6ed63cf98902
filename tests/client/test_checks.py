"""What is found before the first byte is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.archives.building import pack_sdist
from tests.client.test_attestations import attested

from hatch_staged.client.artifacts import find
from hatch_staged.client.checks import Finding, Severity, check
from hatch_staged.client.plugins import Plugins, hookimpl
from hatch_staged.errors import ArtifactError, StagedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.client.conftest import MakeFile

    from hatch_staged.client.artifacts import Artifact, Release

WHEEL = "foo-1.0-py3-none-any.whl"
SDIST = "foo-1.0.tar.gz"
NOT_RST = "Metadata-Version: 2.1\nName: foo\nVersion: 1.0\n\n``half of a literal\n"


def found(folder: Path) -> tuple[Release, ...]:
    return find((), root=folder, default=folder / "dist")


def test_a_sound_release_has_no_faults(tmp_path: Path, make_file: MakeFile) -> None:
    attested(make_file(WHEEL))
    make_file(SDIST)
    assert check(found(tmp_path), Plugins(), unwanted=[".stage.toml"]) == []


@pytest.mark.parametrize("filename", [WHEEL, SDIST])
def test_a_broken_archive_is_refused_with_its_path(tmp_path: Path, make_file: MakeFile, filename: str) -> None:
    path = make_file(filename)
    path.write_bytes(b"this is no archive")

    with pytest.raises(ArtifactError) as caught:
        check(found(tmp_path), Plugins())

    assert caught.value.where == str(path)
    assert caught.value.exit_code == 1


def test_metadata_that_disagrees_with_the_file_name_is_refused(tmp_path: Path, make_file: MakeFile) -> None:
    make_file(WHEEL, metadata="Metadata-Version: 2.1\nName: foo\nVersion: 1.1\n")

    with pytest.raises(ArtifactError, match=r"of foo 1\.1, the file name says foo 1\.0"):
        check(found(tmp_path), Plugins())


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path, make_file: MakeFile) -> None:
    broken = make_file("bar-2.0.tar.gz")
    broken.write_bytes(b"this is no archive")
    wheel = make_file(WHEEL, metadata=NOT_RST)
    attestation = attested(wheel, sha256="a" * 64)
    sdist = make_file(SDIST, metadata="Metadata-Version: 2.1\nName: foo\nVersion: 1.1\n")

    class Strict:
        @hookimpl
        def hatch_staged_check_release(self, release: Release) -> Iterator[Finding]:
            yield Finding(f"has {len(release.artifacts)} files")

    plugins = Plugins()
    plugins.register(Strict(), "strict")
    with pytest.raises(ArtifactError) as caught:
        check(found(tmp_path), plugins)

    assert caught.value.where == ", ".join(map(str, (broken, attestation, wheel, sdist)))
    faults = caught.value.what.split("; ")
    assert [fault.partition(": ")[0] for fault in faults] == [
        "bar-2.0.tar.gz",
        attestation.name,
        WHEEL,
        SDIST,
        "bar 2.0",
        "foo 1.0",
    ]
    assert len(caught.value.lines()) == 2


def test_what_was_staged_before_is_not_looked_into_again(tmp_path: Path, make_file: MakeFile) -> None:
    path = make_file(WHEEL, metadata=NOT_RST)
    [release] = found(tmp_path)
    known = {artifact.hashes["sha256"] for artifact in release.artifacts}
    path.unlink()

    assert check([release], Plugins(), known=known, unwanted=[".stage.toml"]) == []


def test_plugins_look_into_what_was_staged_before(tmp_path: Path, make_file: MakeFile) -> None:
    make_file(WHEEL, metadata=NOT_RST)
    [release] = found(tmp_path)
    seen: list[tuple[str, bytes]] = []

    class Curious:
        @hookimpl
        def hatch_staged_check_artifact(self, artifact: Artifact, metadata: bytes) -> list[Finding]:
            seen.append((artifact.filename, metadata))
            return [Finding("it is ugly", Severity.WARNING)]

        @hookimpl
        def hatch_staged_check_release(self, release: Release) -> list[Finding]:
            return [Finding(f"it has no sdist, {release.project}", Severity.WARNING)]

    plugins = Plugins()
    plugins.register(Curious(), "curious")
    known = {release.artifacts[0].hashes["sha256"]}
    assert check([release], plugins, known=known) == [
        f"{tmp_path / 'dist' / WHEEL}: it is ugly",
        "foo 1.0: it has no sdist, foo",
    ]
    assert seen == [(WHEEL, NOT_RST.encode())]


def test_a_release_that_a_plugin_refuses(tmp_path: Path, make_file: MakeFile) -> None:
    make_file(WHEEL)

    class Strict:
        @hookimpl
        def hatch_staged_check_release(self) -> list[Finding]:
            return [Finding("not on a Friday")]

    plugins = Plugins()
    plugins.register(Strict(), "strict")
    with pytest.raises(StagedError, match=r"^foo 1\.0: not on a Friday$"):
        check(found(tmp_path), plugins)


def test_a_file_that_shall_not_be_inside_is_a_warning(tmp_path: Path) -> None:
    metadata = b"Metadata-Version: 2.1\nName: foo\nVersion: 1.0\n"
    (tmp_path / "dist").mkdir()
    path = tmp_path / "dist" / SDIST
    secret = [("foo-1.0/sub/.stage.toml", b"x"), ("foo-1.0/pylock.stage.toml", b"x")]
    path.write_bytes(pack_sdist([("foo-1.0/PKG-INFO", metadata), *secret]))

    warnings = check(found(tmp_path), Plugins(), unwanted=[".stage.toml", "pylock.stage.toml", "stage.toml"])
    assert [warning.partition(" with the session tokens")[0] for warning in warnings] == [
        f"{path}: it has .stage.toml in it,",
        f"{path}: it has pylock.stage.toml in it,",
    ]


def test_a_file_that_cannot_be_read_any_more(tmp_path: Path, make_file: MakeFile) -> None:
    path = make_file(WHEEL)
    releases = found(tmp_path)
    path.unlink()

    with pytest.raises(ArtifactError, match="cannot be read") as caught:
        check(releases, Plugins())

    assert caught.value.where == str(path)
