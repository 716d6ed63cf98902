"""The text of a stage file, and the file."""

from __future__ import annotations

import errno
import os
import stat
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from packaging.pylock import Pylock
from packaging.specifiers import SpecifierSet
from tests.stage.stage_files import UNHURRIED, stage_files

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.stage.stagefile import StagedRelease, StageFile, dump, load, parse, write

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from tests.stage.conftest import MakeArtifact, MakeRelease

SHA = "0f" * 32

TEXT = f"""\
# Written by hatch-staged. Whoever holds this file can install this unpublished release.
lock-version = "1.0"
created-by = "hatch-staged"

[[packages]]
name = "foo"
version = "1.2.0"
requires-python = ">=3.10"
wheels = [
  {{name = "foo-1.2.0-py3-none-any.whl", url = "https://index.test/f/foo-1.2.0-py3-none-any.whl", size = 12345, \
upload-time = 2026-11-22T07:00:00Z, hashes = {{md5 = "{"00" * 16}", sha256 = "{SHA}"}}}},
]
sdist = {{name = "foo-1.2.0.tar.gz", url = "https://index.test/f/foo-1.2.0.tar.gz", size = 23456, \
hashes = {{sha256 = "{SHA}"}}}}

[packages.tool.hatch-staged]
index = "https://index.test/upload/"
session = "https://index.test/upload/sessions/1"
stage = "https://index.test/stage/abc/simple/"
session-token = "abc"
status = "open"
expires-at = 2026-11-29T07:00:00Z
digest = "sha256:3cc6e195c67a75bf7baed44838915d7da3bff65e4903ddc8841fc92712944e8a"
"""


@pytest.fixture
def release(make_artifact: MakeArtifact, make_release: MakeRelease) -> StagedRelease:
    wheel = make_artifact(
        "foo-1.2.0-py3-none-any.whl",
        url="https://index.test/f/foo-1.2.0-py3-none-any.whl",
        size=12345,
        hashes={"sha256": SHA, "md5": "00" * 16},
        upload_time=datetime(2026, 11, 22, 9, tzinfo=timezone(timedelta(hours=2))),
    )
    url = "https://index.test/f/foo-1.2.0.tar.gz"
    sdist = make_artifact("foo-1.2.0.tar.gz", url=url, size=23456, hashes={"sha256": SHA})
    return make_release(sdist, wheel, requires_python=SpecifierSet(">=3.10"))


def test_the_text_of_a_stage_file(release: StagedRelease) -> None:
    assert dump(StageFile((release,))) == TEXT
    assert parse(TEXT, "x") == StageFile((release,))


def test_what_is_expected_is_kept(release: StagedRelease) -> None:
    awaiting = StageFile((replace(release, expected=("*.whl", "*.tar.gz")),))
    text = dump(awaiting)
    assert text == f'{TEXT}expected = ["*.whl", "*.tar.gz"]\n'
    assert parse(text, "x") == awaiting


def test_what_an_index_without_previews_leaves_out(make_artifact: MakeArtifact, make_release: MakeRelease) -> None:
    artifact = make_artifact("foo-1.2.0.tar.gz", url=None, path="dist/foo-1.2.0.tar.gz")
    stage_file = StageFile((make_release(artifact, stage=None, session_token=None),))
    text = dump(stage_file)
    assert parse(text, "x") == stage_file
    assert 'path = "dist/foo-1.2.0.tar.gz"' in text
    assert "session-token" not in text
    assert "stage =" not in text
    assert "url" not in text


def test_what_a_stage_alone_does_not_tell(release: StagedRelease) -> None:
    stage_file = StageFile((replace(release, session=None, expires_at=None, session_token=None),))
    text = dump(stage_file)
    assert parse(text, "x") == stage_file
    assert [key for key in ("session =", "expires-at", "session-token") if key in text] == []


def test_a_stage_file_may_be_empty() -> None:
    assert parse(dump(StageFile()), "x") == StageFile()


def _replaced(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lock-version = ", "not TOML"),
        ("a = " + "[" * 100_000, "not TOML"),
        ("size = " + "1" * 5000, "not TOML"),
        ("", "lock-version"),
        (_replaced('"1.0"', f'"{"1" * 5000}"'), "lock-version"),
        (_replaced('"1.0"', '"2.0"'), "lock-version: 2.0 is newer"),
        (_replaced('"1.0"', '"0.9"'), "0.9"),
        (_replaced('"1.0"', '"one"'), "lock-version"),
        (_replaced('"1.0"', "1.0"), "lock-version"),
        (_replaced('name = "foo"', 'name = "Foo"'), "packages[0].name"),
        (_replaced('version = "1.2.0"', 'version = "next"'), "packages[0].version"),
        (_replaced('version = "1.2.0"', f'version = "{"1" * 5000}"'), "packages[0].version"),
        (_replaced('version = "1.2.0"\n', ""), "packages[0].version: is missing"),
        (_replaced('">=3.10"', '"3"'), "packages[0].requires-python"),
        (_replaced('">=3.10"', f'">={"3" * 5000}"'), "packages[0].requires-python: "),
        (_replaced('name = "foo-1.2.0-py3', 'name = "../foo-1.2.0-py3'), "packages[0].wheels[0]"),
        (_replaced('name = "foo-1.2.0-py3-', 'name = "foo-1.2.1-py3-'), "packages[0].wheels[0]"),
        (_replaced('name = "foo-1.2.0.tar', 'name = "dist/foo-1.2.0.tar'), "packages[0].sdist"),
        (_replaced('name = "foo-1.2.0.tar.gz"', 'name = "foo-1.2.0.zip"'), "packages[0].sdist.name"),
        (_replaced("https://index.test/f/foo-1.2.0.tar", "file:///f/foo-1.2.0.tar"), "packages[0].sdist.url"),
        (_replaced("https://index.test/f/foo-1.2.0-py3", "https://u:p@h/foo-1.2.0-py3"), "packages[0].wheels[0].url"),
        (_replaced("/f/foo-1.2.0.tar.gz", "/f/foo-1.2.1.tar.gz"), "packages[0].sdist.url"),
        (_replaced("size = 12345", "size = -1"), "packages[0].wheels[0].size"),
        (_replaced("size = 12345, ", ""), "packages[0].wheels[0].size: is missing"),
        (_replaced("size = 12345", "size = true"), "packages[0].wheels[0].size"),
        (_replaced(f'{{sha256 = "{SHA}"', '{md5 = "00"'), "packages[0].sdist.hashes.sha256: is missing"),
        (_replaced(f'{{sha256 = "{SHA}"', '{sha256 = "zz"'), "packages[0].sdist.hashes.sha256"),
        (_replaced(f', sha256 = "{SHA}"', f', sha256 = "{"1f" * 32}"'), "packages[0].tool.hatch-staged.digest"),
        (_replaced("2026-11-22T07:00:00Z", "2026-11-22T07:00:00"), "packages[0].wheels[0].upload-time"),
        (_replaced("2026-11-29T07:00:00Z", "2026-11-29T07:00:00"), "packages[0].tool.hatch-staged.expires-at"),
        (_replaced("2026-11-29T07:00:00Z", "2026-11-29"), "packages[0].tool.hatch-staged.expires-at: must be a"),
        (_replaced('"abc"', "5"), "packages[0].tool.hatch-staged.session-token: must be a str, not a int"),
        (_replaced('status = "open"', 'status = "open"\nexpected = "*"'), "hatch-staged.expected: must be a list of"),
        (_replaced('status = "open"', 'status = "open"\nexpected = [1]'), "hatch-staged.expected: must be a list of"),
        (_replaced('"open"', '"draft"'), "packages[0].tool.hatch-staged.status"),
        (_replaced('status = "open"\n', ""), "packages[0].tool.hatch-staged.status: is missing"),
        (_replaced("[packages.tool.hatch-staged]", "[packages.tool.other]"), "packages[0].tool.hatch-staged"),
        (_replaced("[packages.tool.hatch-staged]", "[tool.hatch-staged]"), "packages[0].tool.hatch-staged"),
        (TEXT + TEXT[TEXT.index("[[packages]]") :], "packages[1].name"),
    ],
)
def test_a_wrong_file_is_refused_by_its_key(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, Path("here") / ".stage.toml")
    assert told in caught.value.what
    assert caught.value.where == str(Path("here") / ".stage.toml")
    assert len(caught.value.lines()) == 3


def test_a_package_of_another_kind_is_refused(release: StagedRelease) -> None:
    lines = dump(StageFile((release,))).splitlines()
    others = [line for line in lines if "foo-1.2.0" not in line and not line.startswith(("wheels", "]"))]
    archive = f'archive = {{url = "https://index.test/x.zip", hashes = {{sha256 = "{SHA}"}}}}'
    others.insert(others.index('requires-python = ">=3.10"'), archive)
    with pytest.raises(ConfigurationError, match=r"packages\[0\]\.wheels"):
        parse("\n".join(others), "x")


@UNHURRIED
@given(stage_files())
def test_what_is_written_is_read(stage_file: StageFile) -> None:
    text = dump(stage_file)
    assert parse(text, "x") == stage_file
    assert dump(parse(text, "x")) == text
    Pylock.from_dict(tomllib.loads(text)).validate()


def test_load_and_write(release: StagedRelease, tmp_path: Path) -> None:
    path = tmp_path / ".stage.toml"
    write(path, StageFile((release,)))
    assert path.read_bytes() == TEXT.encode()
    assert load(path) == StageFile((release,))
    write(path, StageFile())
    assert load(path) == StageFile()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX's")
def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / ".stage.toml"
    path.touch(mode=0o644)
    write(path, StageFile())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no stage file"):
        load(tmp_path / ".stage.toml")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read"):
        load(tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / ".stage.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load(path)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / ".stage.toml"
    path.mkdir()
    (path / "kept").touch()
    with pytest.raises(StagedError, match="cannot write"):
        write(path, StageFile())
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StagedError, match=os.strerror(errno.ENOENT)):
        write(tmp_path / "gone" / ".stage.toml", StageFile())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
def test_a_full_disk_keeps_the_old_file(release: StagedRelease, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    path = tmp_path / ".stage.toml"
    write(path, StageFile())
    before = path.read_bytes()
    # a file that must not grow is as good as a full disk
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        with pytest.raises(StagedError, match="cannot write"):
            write(path, StageFile((release,)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
