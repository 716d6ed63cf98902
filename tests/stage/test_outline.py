"""What is kept of a stage file."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from hatch_staged.stage import outline
from hatch_staged.stage.outline import KeptOutlines
from hatch_staged.stage.stagefile import StageFile, dump

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stage.conftest import MakeRelease

NOW = datetime(2026, 11, 22, 7, tzinfo=timezone.utc)


def test_it_is_of_one_text_alone(make_release: MakeRelease, tmp_path: Path) -> None:
    releases = (make_release(), make_release("bar-2.0-py3-none-any.whl", "bar-2.0.tar.gz", expires_at=None))
    text = dump(StageFile(releases)).encode()
    outlines = tuple(outline.of(release) for release in releases)
    kept = KeptOutlines(tmp_path / "kept.json", text)
    assert kept.read() is None
    kept.write(outlines)
    assert KeptOutlines(tmp_path / "kept.json", text).read() == outlines
    assert KeptOutlines(tmp_path / "kept.json", text + b"\n").read() is None


def test_another_version_reads_the_stage_file_anew(
    make_release: MakeRelease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    KeptOutlines(tmp_path / "kept.json", b"").write([outline.of(make_release())])
    monkeypatch.setattr(outline, "__version__", "99.0")
    assert KeptOutlines(tmp_path / "kept.json", b"").read() is None


def test_it_has_no_secret_and_the_stage_file_is_asked_for_that(make_release: MakeRelease, tmp_path: Path) -> None:
    releases = (make_release(), make_release("bar-2.0.tar.gz", stage=None, session_token=None))
    kept = KeptOutlines(tmp_path / "kept.json", dump(StageFile(releases)).encode())
    kept.write(outline.of(release) for release in releases)
    assert "abc" not in (tmp_path / "kept.json").read_text()
    assert kept.stages() == {"foo": "https://index.test/stage/abc/simple/"}


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"of": 1}'])
def test_a_broken_file_says_nothing(make_release: MakeRelease, tmp_path: Path, text: str) -> None:
    kept = KeptOutlines(tmp_path / "kept.json", b"")
    kept.write([outline.of(make_release())])
    (tmp_path / "kept.json").write_text((tmp_path / "kept.json").read_text().replace('"project"', '"object"'))
    assert kept.read() is None
    (tmp_path / "kept.json").write_text(text)
    assert kept.read() is None


def test_where_nothing_can_be_written_nothing_is_kept(make_release: MakeRelease, tmp_path: Path) -> None:
    kept = KeptOutlines(tmp_path / "nowhere" / "kept.json", b"")
    kept.write([outline.of(make_release())])
    assert kept.read() is None


def test_a_line_for_a_person(make_release: MakeRelease) -> None:
    assert outline.of(make_release()).describe(NOW) == "foo 1.2.0 from the stage (open, expires in 7 days)"
    assert outline.of(make_release(expires_at=None)).describe(NOW) == "foo 1.2.0 from the stage (open)"
