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
from packaging.tags import Tag, cpython_tags, generic_tags, sys_tags
from packaging.version import Version

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.stage.selection import Interpreter, choose, probe, run

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def test_nothing_that_fits(make_release: MakeRelease) -> None:
    tags = [
        "cp313-cp313",
        "cp313-abi3",
        "cp313-none",
        "cp312-abi3",
        "cp311-abi3",
        "cp32-abi3",
        "py313-none",
        "py3-none",
    ]
    platforms = ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "linux_x86_64", "any"]
    taken = tuple(Tag(*f"{tag}-{platform}".split("-")) for platform in platforms for tag in tags)
    with pytest.raises(StagedError) as caught:
        choose(
            make_release(WINDOWS, "foo-1-cp312-abi3-macosx_11_0_arm64.whl"),
            Interpreter("/usr/bin/python", Version("3.13.0"), {"python_version": "3.13"}, taken),
        )
    assert caught.value.exit_code == 1
    assert caught.value.lines() == [
        (
            "foo 1 has no sdist, and none of its wheels fits; they are for cp312-abi3-macosx_11_0_arm64,"
            " cp313-cp313-win_amd64"
        ),
        "  at: /usr/bin/python",
        (
            "  try: stage an sdist, or a wheel for what this interpreter takes: cp313-cp313, cp313-abi3, cp313-none,"
            " cp312-abi3 to cp32-abi3, py313-none to py3-none;"
            " on manylinux_2_28_x86_64 to manylinux_2_17_x86_64, linux_x86_64, any"
        ),
    ]


FREE_THREADED = "foo-1-cp313-cp313t-manylinux_2_17_x86_64.whl"
PYPY = "foo-1-pp310-pypy310_pp73-manylinux_2_17_x86_64.whl"
STABLE = "foo-1-cp310-abi3-manylinux_2_17_x86_64.whl"


@pytest.mark.parametrize(
    ("tags", "chosen"),
    [
        (cpython_tags((3, 13), ["cp313"], ["manylinux_2_17_x86_64"]), LINUX),
        (cpython_tags((3, 13), ["cp313t"], ["manylinux_2_17_x86_64"]), FREE_THREADED),
        (cpython_tags((3, 14), ["cp314"], ["manylinux_2_17_x86_64"]), STABLE),
        # there is no stable ABI without the GIL
        (cpython_tags((3, 14), ["cp314t"], ["manylinux_2_17_x86_64"]), SDIST),
        (generic_tags("pp310", ["pypy310_pp73"], ["manylinux_2_17_x86_64"]), PYPY),
        (generic_tags("pp311", ["pypy311_pp73"], ["manylinux_2_17_x86_64"]), SDIST),
    ],
)
def test_each_kind_of_python_gets_its_own(make_release: MakeRelease, tags: Iterable[Tag], chosen: str) -> None:
    target = Interpreter("python", Version("3.13.0"), {"python_version": "3.13"}, tuple(tags))
    release = make_release(LINUX, FREE_THREADED, PYPY, STABLE, WINDOWS, SDIST)
    assert choose(release, target).filename == chosen


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


@pytest.mark.parametrize("with_pip", [True, False])
def test_a_python_that_is_too_old_for_our_packaging_is_asked_with_that_of_its_pip(
    tmp_path: Path, *, with_pip: bool
) -> None:
    too_new = tmp_path / "packaging"
    too_new.mkdir()
    (too_new / "__init__.py").write_text("this = what a Python may not know\n")
    python = sys.executable
    if not with_pip:
        venv.create(tmp_path / "env", with_pip=False, symlinks=sys.platform != "win32")
        [python] = map(str, [*tmp_path.glob("env/bin/python"), *tmp_path.glob("env/Scripts/python.exe")])
    found = probe(python, lambda command: run([*command[:-1], str(too_new)]))
    assert set(found.tags) <= set(sys_tags())
    assert next(iter(sys_tags())).interpreter == found.tags[0].interpreter
    assert (found.has_pip, found.markers) == (with_pip, default_environment())


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


def test_whoever_is_asked_learns_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed there may run code at each start (``.pth`` files)."""
    monkeypatch.setenv("HATCH_INDEX_AUTH", "secret")
    monkeypatch.setenv("HATCH_STAGE_TOKEN_FOO", "secret")
    monkeypatch.setenv("HATCH_DATA_DIR", "here")
    told = run([sys.executable, "-c", "import os; print(*os.environ, *os.environ.values(), sep='\\n')"]).stdout.split()
    assert "HATCH_DATA_DIR" in told
    assert {"HATCH_INDEX_AUTH", "HATCH_STAGE_TOKEN_FOO", "secret"}.isdisjoint(told)
