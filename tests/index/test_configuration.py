"""What an operator sets."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from hatch_staged.errors import ConfigurationError
from hatch_staged.index.configuration import Limits, read_limits
from hatch_staged.index.core import open_index

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "index.toml"


def test_without_a_file_the_limits_have_their_defaults(file: Path) -> None:
    assert read_limits(file) == Limits()


@pytest.mark.parametrize("text", ["", "[limits]\n"])
def test_nothing_has_to_be_said(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    assert read_limits(file) == Limits()


def test_index_has_the_limits_of_the_file_in_its_folder(file: Path, tmp_path: Path) -> None:
    file.write_text("[limits]\nfile-size = 1_000\nimmediate-files = 0\n", encoding="utf-8")
    with open_index(tmp_path) as index:
        assert index.limits == Limits(file_size=1000, immediate_files=0)
    with open_index(tmp_path, limits=Limits(file_size=5)) as index:
        assert index.limits == Limits(file_size=5)


def test_every_limit_can_be_set(file: Path) -> None:
    names = [field.name for field in fields(Limits)]
    lines = [f"{name.replace('_', '-')} = {number}" for number, name in enumerate(names, 5000)]
    file.write_text("\n".join(["[limits]", *lines]), encoding="utf-8")
    assert vars(read_limits(file)) == {name: number for number, name in enumerate(names, 5000)}


@pytest.mark.parametrize("value", ["-1", "1.5", '"1"', "true", "[]", str(2**61), "0"])
def test_wrong_value_is_named_with_its_key_and_file(file: Path, value: str) -> None:
    file.write_text(f"[limits]\nfile-size = {value}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"limits\.file-size must be a whole number from 1 to") as caught:
        read_limits(file)
    assert caught.value.where == str(file)


def test_default_of_every_limit_is_allowed(file: Path) -> None:
    lines = [f"{name.replace('_', '-')} = {value}" for name, value in vars(Limits()).items()]
    file.write_text("\n".join(["[limits]", *lines]), encoding="utf-8")
    assert read_limits(file) == Limits()


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    file.write_text("limit = 1\n[limits]\nfile_size = 1\nretention = -1\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_limits(file)
    first, second, third = caught.value.what.split("; ")
    assert first == "limit is unknown (known: limits)"
    assert second.startswith("limits.file_size is unknown (known: body-timeout, ")
    assert third.startswith("limits.retention must be")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"limits = 1", "limits must be a table"), (b"[limits", "no valid TOML"), (b"# \xff", "no valid TOML")],
)
def test_what_is_no_table_of_limits(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        open_index(file.parent)


@pytest.mark.parametrize("name", ["session-lifetime", "longest-session", "retention", "orphan-age"])
def test_no_time_leaves_the_calendar(file: Path, name: str) -> None:
    file.write_text(f"[limits]\n{name} = {10**12}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=f"limits.{name}"):
        read_limits(file)


@pytest.mark.parametrize(("name", "value"), [("longest-session", 7 * 86400 - 1), ("session-lifetime", 30 * 86400 + 1)])
def test_no_session_lives_longer_than_the_longest(file: Path, name: str, value: int) -> None:
    file.write_text(f"[limits]\n{name} = {value}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"longest-session, .* must not be below limits\.session-lifetime"):
        read_limits(file)
