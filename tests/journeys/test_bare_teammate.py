"""Somebody who has Python and a stage file, and types what the tutorial says."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests import console_pages
from tests.console_pages import Command, File

if TYPE_CHECKING:
    from tests.journeys.conftest import Person, RunningIndex

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
TESTING = console_pages.section(TUTORIAL, "## A teammate tests it")

#: What says how this machine reaches the package registry.
NETWORK = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_", "REQUESTS_CA_BUNDLE", "SSL_CERT_", "UV_")


def write_project(folder: Path, installer: str) -> None:
    """Write the project of the tutorial into `folder`, as ``lighthouse``."""
    table = "[tool.hatch.envs.default]\n"
    for step in console_pages.read(TUTORIAL):
        if isinstance(step, File):
            replace(step, text=step.text.replace(table, f'{table}installer = "{installer}"\n')).write(folder)


@pytest.fixture
def bare(tmp_path: Path, maintainer: Person, shared_variables: dict[str, str]) -> dict[str, str]:
    """Return the variables of somebody with an empty home, whose pip takes our wheel for the plugin."""
    built = maintainer.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "ours")], cwd=ROOT
    )
    assert built.code == 0, built.err
    [wheel] = (tmp_path / "ours").glob("*.whl")
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(f"hatch-staged @ {wheel.as_uri()}\n")
    home, programs = tmp_path / "bare", tmp_path / "programs"
    home.mkdir()
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.base_prefix, "bin", "python3"))
    network = {name: value for name, value in shared_variables.items() if name.upper().startswith(NETWORK)}
    path = os.pathsep.join([str(programs), "/usr/bin", "/bin"])
    return {**network, "HOME": str(home), "PATH": path, "PIP_CONSTRAINT": str(constraints)}


@pytest.mark.skipif(sys.platform == "win32", reason="a virtual environment has no bin/activate there")
def test_the_teammate_of_the_tutorial(
    maintainer: Person, index: RunningIndex, bare: dict[str, str], tmp_path: Path
) -> None:
    """With pip and with uv as the installer of the environment."""
    work = tmp_path / "work"
    for installer in ("pip", "uv"):
        write_project(work / installer, installer)
        shutil.copytree(work / installer / "lighthouse", work / installer / "teammate")
    staging = work / "pip" / "lighthouse"
    maintainer.build(staging)
    staged = maintainer.hatch("publish", "--staged", "-r", index.url, "-a", index.token, cwd=staging)
    assert staged.code == 0, staged.err
    shutil.copy(staging / ".stage.toml", work / "uv" / "lighthouse")

    [installing] = console_pages.fenced(console_pages.section(TESTING, "### On another machine"), "sh")
    testing = [step for step in console_pages.read(TESTING) if isinstance(step, Command)]
    assert any(step.text == "hatch run test" for step in testing)
    with console_pages.shell(work, bare) as shell:
        for line in installing.splitlines():
            shell.type(Command(line, (), may_fail=False))
        for installer in ("pip", "uv"):
            for step in [Command(f"cd {work / installer / 'lighthouse'}", (), may_fail=False), *testing]:
                shell.type(step)
