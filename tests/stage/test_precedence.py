"""What a Python imports that has our precedence file, and what stands in the way."""

from __future__ import annotations

import subprocess
import sys
import venv
from typing import TYPE_CHECKING

import pytest

from hatch_staged.stage import precedence

if TYPE_CHECKING:
    from pathlib import Path

RECORD = """\
package/__init__.py,sha256=x,1
package/part.py,,
"odd, but a name/x.py",,
module.py,,
compiled.cpython-311-x86_64-linux-gnu.so,,
space/inner/__init__.py,,
data.txt,,
../../../bin/script,,
foo-1.0.dist-info/RECORD,,
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Return a virtual environment with a distribution installed into it."""
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=sys.platform != "win32")
    [packages] = [*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")]
    write(packages, "staged")
    dist_info = packages / "foo-1.0.dist-info"
    dist_info.mkdir()
    (dist_info / "RECORD").write_text(RECORD)
    return dist_info


def write(folder: Path, origin: str) -> None:
    """Write the modules of the distribution, which say where they are from."""
    for name in ("package/__init__.py", "package/part.py", "module.py", "space/inner/__init__.py"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"ORIGIN = {origin!r}\n")


def imported(environment: Path, cwd: Path, *names: str) -> list[str]:
    """Return the origins of what a Python of the environment imports in the folder `cwd`."""
    names = names or ("package", "package.part", "module", "space.inner")
    code = f"import {', '.join(names)}; print({', '.join(f'{name}.ORIGIN' for name in names)})"
    [python] = [*environment.parents[3].glob("bin/python"), *environment.parents[2].glob("Scripts/python.exe")]
    command = [str(python), "-c", code]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout.split()


def test_what_is_staged_comes_before_the_folder_that_somebody_works_in(environment: Path, tmp_path: Path) -> None:
    write(tmp_path / "checkout", "checkout")
    assert imported(environment, tmp_path / "checkout") == ["checkout"] * 4
    precedence.give([environment])
    assert imported(environment, tmp_path / "checkout") == ["staged"] * 4


def test_a_namespace_package_is_nobodys_alone(environment: Path, tmp_path: Path) -> None:
    other = tmp_path / "checkout" / "space" / "other.py"
    other.parent.mkdir(parents=True)
    other.write_text("ORIGIN = 'checkout'\n")
    write(tmp_path / "checkout", "checkout")
    precedence.give([environment])
    assert imported(environment, tmp_path / "checkout", "space.inner", "space.other") == ["staged", "checkout"]


def test_what_is_given_later_replaces_what_was_given_before(environment: Path, tmp_path: Path) -> None:
    write(tmp_path / "checkout", "checkout")
    precedence.give([environment])
    (environment / "RECORD").write_text("module.py,,\n")
    precedence.give([environment])
    assert imported(environment, tmp_path / "checkout") == ["checkout", "checkout", "staged", "checkout"]


def test_what_is_not_there_any_more_stands_in_nobodys_way(environment: Path, tmp_path: Path) -> None:
    write(tmp_path / "checkout", "checkout")
    precedence.give([environment])
    (environment.parent / "module.py").unlink()
    assert imported(environment, tmp_path / "checkout")[2] == "checkout"
