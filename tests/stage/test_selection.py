"""Which artifact an interpreter takes."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.markers import default_environment
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, sys_tags
from packaging.version import Version

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.stage.selection import Interpreter, choose, probe

if TYPE_CHECKING:
    from tests.stage.conftest import MakeRelease

PURE = "foo-1-py3-none-any.whl"
SDIST = "foo-1.tar.gz"
LINUX = "foo-1-cp313-cp313-manylinux_2_17_x86_64.whl"
WINDOWS = "foo-1-cp313-cp313-win_amd64.whl"


@pytest.fixture
def interpreter() -> Interpreter:
    tags = ("cp313-cp313-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_17_x86_64", "py313-none-any", "py3-none-any")
    markers = {"python_full_version": "3.13.0rc1", "python_version": "3.13"}
    return Interpreter("/usr/bin/python", Version("3.13.0"), markers, tuple(Tag(*tag.split("-")) for tag in tags))


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([PURE, LINUX, WINDOWS, SDIST], LINUX),
        ([PURE, WINDOWS, SDIST], PURE),
        ([WINDOWS, SDIST], SDIST),
        ([SDIST], SDIST),
        (["foo-1-py2.py3-none-any.whl"], "foo-1-py2.py3-none-any.whl"),
    ],
)
def test_the_best_wheel_or_the_sdist(
    make_release: MakeRelease, interpreter: Interpreter, offered: list[str], chosen: str
) -> None:
    assert choose(make_release(*offered), interpreter).filename == chosen


def test_nothing_that_fits(make_release: MakeRelease, interpreter: Interpreter) -> None:
    with pytest.raises(StagedError) as caught:
        choose(make_release(WINDOWS, "foo-1-cp312-abi3-macosx_11_0_arm64.whl"), interpreter)
    text = str(caught.value)
    assert caught.value.exit_code == 1
    assert "cp312-abi3-macosx_11_0_arm64, cp313-cp313-win_amd64" in text
    assert "cp313-cp313-manylinux_2_28_x86_64" in text
    assert "py3-none-any" not in text
    assert len(caught.value.lines()) == 3


def test_another_python_is_required(make_release: MakeRelease, interpreter: Interpreter) -> None:
    with pytest.raises(StagedError, match=r"requires Python >=3\.14, this is 3\.13\.0"):
        choose(make_release(PURE, SDIST, requires_python=SpecifierSet(">=3.14")), interpreter)


def test_a_release_candidate_of_python_is_enough(make_release: MakeRelease, interpreter: Interpreter) -> None:
    assert choose(make_release(PURE, requires_python=SpecifierSet(">=3.13")), interpreter).filename == PURE


def test_artifacts_with_a_path_are_chosen_alike(make_release: MakeRelease, interpreter: Interpreter) -> None:
    release = make_release(PURE)
    [artifact] = release.artifacts
    local = type(artifact)(PURE, None, f"dist/{PURE}", artifact.size, artifact.hashes)
    assert choose(make_release(local), interpreter) == local


def test_probing_this_interpreter() -> None:
    found = probe(sys.executable)
    assert found.tags == tuple(sys_tags())
    assert found.markers == default_environment()
    assert found.version == Version(".".join(map(str, sys.version_info[:3])))
    assert Path(found.executable).samefile(sys.executable)


def test_probing_an_environment_that_has_nothing_and_talks(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False, symlinks=sys.platform != "win32")
    if sys.platform == "win32":
        python, packages = tmp_path / "Scripts" / "python.exe", tmp_path / "Lib" / "site-packages"
    else:
        python = tmp_path / "bin" / "python"
        packages = next((tmp_path / "lib").glob("python*")) / "site-packages"
    (packages / "noise.pth").write_text("import sys; print('noise')\n")
    (packages / "packaging.py").write_text("raise SystemExit('the wrong one')\n")
    found = probe(python)
    assert found.tags == tuple(sys_tags())
    assert Path(found.executable).parent.samefile(python.parent)


def test_an_interpreter_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot run"):
        probe(tmp_path / "python")


@pytest.mark.parametrize(
    ("completed", "told"),
    [
        (subprocess.CompletedProcess([], 2, "", "usage\nunknown option -I\n"), "unknown option -I"),
        (subprocess.CompletedProcess([], 3, "", ""), "exit code 3"),
        (subprocess.CompletedProcess([], 0, "", ""), "no Python interpreter"),
        (subprocess.CompletedProcess([], 0, "hello\n", ""), "no Python interpreter"),
    ],
)
def test_what_is_no_interpreter_of_ours(completed: subprocess.CompletedProcess[str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        probe("python2", lambda _command: completed)


def test_the_target_is_isolated() -> None:
    asked: list[list[str]] = []

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        answer = {
            "executable": "x",
            "version": "3.13.0",
            "markers": {},
            "tags": [["py3", "none", "any"]],
            "has_pip": True,
        }
        return subprocess.CompletedProcess(command, 0, json.dumps(answer), "")

    assert probe("python3", run) == Interpreter("x", Version("3.13.0"), {}, (Tag("py3", "none", "any"),), has_pip=True)
    assert asked[0][:3] == ["python3", "-I", "-B"]
