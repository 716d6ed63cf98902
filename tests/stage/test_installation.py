"""Handing local artifacts to real installers."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from hatch_staged.stage.installation import Installer, commands, requirement

if TYPE_CHECKING:
    from collections.abc import Callable

FILENAME = "foo-1.2.0+x-py3-none-any.whl"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (PurePosixPath("/a b/100%/ü@[x]#y") / FILENAME, "file:///a%20b/100%25/%C3%BC%40%5Bx%5D%23y/foo-1.2.0%2Bx-"),
        (PureWindowsPath(r"C:\a b") / FILENAME, "file:///C:/a%20b/foo-1.2.0%2Bx-"),
        (PureWindowsPath(r"\\host\share") / FILENAME, "file://host/share/foo-1.2.0%2Bx-"),
    ],
)
def test_a_direct_reference(path: PurePath, url: str) -> None:
    text = requirement(path, "Foo", ["b", "A_x", "b"])
    assert text == f"foo[a-x,b] @ {url}py3-none-any.whl"
    parsed = Requirement(text)
    assert (parsed.name, parsed.extras, parsed.url) == ("foo", {"a-x", "b"}, f"{url}py3-none-any.whl")


def test_without_extras() -> None:
    assert requirement(PurePosixPath("/x/foo-1.tar.gz"), "foo") == "foo @ file:///x/foo-1.tar.gz"


def test_the_commands_of_pip() -> None:
    assert commands("pip", "py", ["foo[a] @ file:///f", "bar @ file:///b"], ["--quiet"]) == [
        ["py", "-m", "pip", "uninstall", "--yes", "foo", "bar"],
        ["py", "-m", "pip", "install", "--quiet", "foo[a] @ file:///f", "bar @ file:///b"],
    ]


def test_the_commands_of_uv() -> None:
    assert commands("uv", "py", ["foo @ file:///f"], ["--offline"]) == [
        ["uv", "pip", "uninstall", "--python", "py", "foo"],
        ["uv", "pip", "install", "--python", "py", "--offline", "foo @ file:///f"],
    ]


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_staged_bytes_replace_the_same_version(
    installer: Installer, make_wheel: Callable[..., bytes], tmp_path: Path
) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=installer == "pip", symlinks=sys.platform != "win32")
    python = str(environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    # uv is beside the interpreter that runs the tests
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    settings = {**os.environ, "PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_CACHE_DIR": str(tmp_path / "uv")}
    option = {"pip": "--no-index", "uv": "--offline"}[installer]
    for says in ("first", "second"):
        wheel = tmp_path / "a folder" / says / "foo-1-py3-none-any.whl"
        wheel.parent.mkdir(parents=True)
        wheel.write_bytes(make_wheel("foo", "1", says))
        for command in commands(installer, python, [requirement(wheel, "foo", ["a"])], [option]):
            subprocess.run(command, check=True, capture_output=True, env=settings)
        asked = [python, "-c", "import foo; print(foo.SAYS)"]
        assert subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip() == says
