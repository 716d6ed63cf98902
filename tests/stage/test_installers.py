"""pip and uv as commands: which there is, what it is told, and what its records say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.stage import installers
from hatch_staged.stage.selection import Interpreter

if TYPE_CHECKING:
    from collections.abc import Callable

PIP = ["/v/bin/python", "-I", "-m", "pip", "--disable-pip-version-check"]
UV = ["/bin/uv", "pip"]


def python(*, has_pip: bool) -> Interpreter:
    return Interpreter("/v/bin/python", Version("3.13"), {}, (), has_pip=has_pip)


def nowhere(_name: str, path: str | None = None) -> str | None:
    del path
    return None


def on_path(name: str, path: str | None = None) -> str | None:
    return None if path else f"/bin/{name}"


def beside_us(name: str, path: str | None = None) -> str | None:
    return f"{path}/{name}" if path else None


def test_pip_first_then_uv() -> None:
    found = installers.find(python(has_pip=True), nowhere)
    assert found.installing(["foo @ file:///x"], ["--no-deps"], 0) == [*PIP, "install", "foo @ file:///x", "--no-deps"]
    assert found.replacing(["foo"])[6:] == ["-q", "--force-reinstall", "--no-deps", "foo"]
    assert found.removing(["foo", "bar"]) == [*PIP, "uninstall", "-y", "foo", "bar"]
    found = installers.find(python(has_pip=False), on_path)
    assert found.installing(["foo"], ["bar"], 0) == [*UV, "install", "--python", "/v/bin/python", "foo", "bar"]
    assert found.removing(["foo"]) == [*UV, "uninstall", "--python", "/v/bin/python", "foo"]
    assert installers.find(python(has_pip=False), beside_us).install[0] == f"{Path(sys.executable).parent}/uv"


def test_no_installer() -> None:
    with pytest.raises(ConfigurationError, match="no pip, and there is no uv") as caught:
        installers.find(python(has_pip=False), nowhere)
    assert "ensurepip" in caught.value.hint


@pytest.mark.parametrize(("verbosity", "flags"), [(0, []), (2, ["-v"] * 2), (9, ["-v"] * 3), (-1, ["-q"])])
def test_it_says_as_much_as_we_do(verbosity: int, flags: list[str]) -> None:
    assert installers.find(python(has_pip=True), nowhere).installing([], [], verbosity) == [*PIP, "install", *flags]


@pytest.mark.parametrize("argument", ["--target", "--target=x", "-t", "-tx", "--prefix=x", "--root", "--user"])
def test_arguments_that_lead_elsewhere(argument: str) -> None:
    with pytest.raises(ConfigurationError, match="would install somewhere else"):
        installers.refuse_elsewhere(["--no-deps", argument])


def test_arguments_that_do_not() -> None:
    installers.refuse_elsewhere(["-e", ".", "foo[target]", "--no-deps", "--upgrade-strategy", "--users-guide"])


def test_what_an_installer_does_not_get_to_know() -> None:
    token = "s3ssion-t0ken-of-the-publishing-session"
    stage = f"https://index.example/stage/{token}/simple/"
    inherited = {
        "PATH": "/bin",
        "HATCH_DATA_DIR": "/data",
        "HATCH_INDEX_AUTH": "secret",
        "HATCH_STAGE_TOKEN": token,
        "HATCH_STAGE_TOKEN_FOO": token,
        "HATCH_STAGE_URL": stage,
        "PIP_TARGET": "/usr/lib/python",
        "UV_SYSTEM_PYTHON": "1",
        "PIP_EXTRA_INDEX_URL": f"https://other.example/simple/ {stage}\nhttps://third.example/",
        "UV_INDEX": f"staged={stage} team=https://other.example/simple/",
        "UV_DEFAULT_INDEX": "https://other.example/simple/",
    }
    assert installers.variables(inherited, [token]) == {
        "PATH": "/bin",
        "HATCH_DATA_DIR": "/data",
        "PIP_EXTRA_INDEX_URL": "https://other.example/simple/ https://third.example/",
        "UV_INDEX": "team=https://other.example/simple/",
        "UV_DEFAULT_INDEX": "https://other.example/simple/",
    }


def saying(stdout: str, stderr: str = "", code: int = 0) -> Callable[[list[str]], subprocess.CompletedProcess[str]]:
    return lambda command: subprocess.CompletedProcess(command, code, stdout, stderr)


def test_what_is_installed() -> None:
    said = '{"a": "file:///x/a%20b/foo.whl#sha256=00", "b": "", "c": "https://h/foo.whl", "d": "file:///x/foo.whl"}'
    assert installers.records(python(has_pip=True), ["a"], saying(f"a greeting\n{said}\n")) == {
        "a": Path("/x/a b/foo.whl"),
        "b": None,
        "c": None,
        "d": Path("/x/foo.whl"),
    }
    here = Interpreter(sys.executable, Version("3.13"), {}, ())
    assert installers.records(here, ["pytest", "nobody-has-this"]) == {"pytest": None}


def test_an_interpreter_that_cannot_say_what_is_installed() -> None:
    for run, told in ((saying("", "oh\nno", 1), "no"), (saying("", "", 3), "exit code 3"), (saying("nothing"), "exit")):
        with pytest.raises(StagedError, match=f"cannot see what is installed: {told}"):
            installers.records(python(has_pip=True), ["foo"], run)
