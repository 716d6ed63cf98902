"""`hatch stage release` with the project's own tests, by somebody at a terminal or not, who is killed or not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_staged.stage import stagefile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.journeys.conftest import Person

# there are no such terminals on Windows, and no such signals
pty = pytest.importorskip("pty")
assert sys.platform != "win32"

#: A command that takes longer hangs (seconds).
PATIENCE = 120

SCRIPT = 'check = "python check.py"\n'

#: What `check.py` does once it has seen that it is the staged release which is imported.
CHECK = """
import os, lantern
assert lantern.ORIGIN == "release"
assert "HATCH_INDEX_AUTH" not in os.environ
"""


def killing(number: int) -> str:
    """Return the code that kills who releases, and succeeds."""
    return f"import pathlib; os.kill(int(pathlib.Path('pid').read_text()), {number})"


#: The code that puts another stage file in the place of the one that is tested, and succeeds.
CHANGING = "import shutil; shutil.copy('other.toml', '.stage.toml')"
OTHER = 'lock-version = "1.0"\ncreated-by = "hatch-staged"\npackages = []\n'


class Releasing:
    """A person who releases a project, and sees what becomes of it."""

    def __init__(self, person: Person, project: Path) -> None:
        self._person = person
        self._project = project

    def run(self, then: str, *arguments: str, typed: str | None = None) -> tuple[int, str]:
        """Release, with a check that ends with `then`; `typed` is typed at a terminal.  Exit code and output."""
        (self._project / "check.py").write_text(CHECK + then)
        command = [sys.executable, "-m", "hatch_staged", "release", "--run", "check", *arguments]
        ours, theirs = pty.openpty()
        try:
            with subprocess.Popen(
                command,
                cwd=self._project,
                env={**self._person.variables, "HATCH_INDEX_AUTH": "unused"},
                stdin=subprocess.DEVNULL if typed is None else theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
            ) as process:
                (self._project / "pid").write_text(str(process.pid))
                if typed is not None:
                    os.write(ours, typed.encode())
                said, _ = process.communicate(timeout=PATIENCE)
        finally:
            os.close(ours)
            os.close(theirs)
        return process.returncode, said

    @property
    def status(self) -> str:
        """What the index says of the release."""
        shown = self._person.stage("status", cwd=self._project).out
        found = re.match(r"lantern 1\.0 on \S+: (\w+)", shown)
        assert found, shown
        return found[1]


def test_nothing_is_published_but_what_passed_and_somebody_agreed_to(
    maintainer: Person, make_project: Callable[..., Path]
) -> None:
    project = make_project("ours", origin="release", installer="uv")
    with (project / "pyproject.toml").open("a") as file:
        # the table of scripts is the last
        file.write(SCRIPT)
    maintainer.build(project)
    (project / "src" / "lantern" / "__init__.py").write_text("ORIGIN = 'checkout'\n")
    releasing = Releasing(maintainer, project)

    code, said = releasing.run("raise SystemExit(3)", "--yes")
    assert (code, releasing.status) == (1, "open")
    assert "`hatch run default:check` failed (exit code 3); lantern 1.0 is not published" in said

    code, said = releasing.run(killing(signal.SIGKILL), "--yes")
    assert (code, releasing.status) == (-signal.SIGKILL, "open")

    code, said = releasing.run("", typed="n\n")
    assert (code, releasing.status) == (1, "open")
    assert "Publish lantern 1.0?" in said
    assert "lantern 1.0 is staged and tested, not published" in said

    (project / "other.toml").write_text(OTHER)
    code, said = releasing.run(CHANGING, "--yes")
    assert (code, "changed the stage file while it was tested" in said) == (5, True), said
    assert maintainer.stage("pull", "lantern==1.0", cwd=project).code == 0
    assert releasing.status == "open"

    code, said = releasing.run(killing(signal.SIGTERM), "--yes", "--cancel-on-failure")
    assert (code, releasing.status) == (1, "canceled")
    assert "interrupted: lantern 1.0 is not published" in said

    code, said = releasing.run("", typed="y\n")
    assert (code, releasing.status) == (0, "published"), said
    assert said.endswith("lantern 1.0 is public\n")
    assert stagefile.load(project / ".stage.toml").releases[0].status.value == "published"
