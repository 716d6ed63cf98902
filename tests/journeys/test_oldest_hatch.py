"""The plugin works with the oldest Hatch that it says it works with; every other journey runs the newest."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import requires
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.journeys.conftest import Person


def test_the_main_job_with_the_oldest_hatch(
    maintainer: Person, make_project: Callable[..., Path], make_python: Callable[..., Path]
) -> None:
    [oldest] = [
        specifier.version
        for each in map(Requirement, requires("hatch-staged") or [])
        if each.name == "hatch"
        for specifier in each.specifier
    ]
    python = make_python("oldest-hatch", f"hatch=={oldest}", "httpx")
    person = replace(maintainer, hatch_command=[str(python), "-m", "hatch"])
    project = make_project("ours", origin="release")
    assert person.hatch("--version", cwd=project).out.split()[-1] == oldest

    assert person.hatch("build", cwd=project).code == 0
    staged = person.hatch("publish", "-p", "staged", cwd=project)
    assert staged.code == 0, staged.out + staged.err
    (project / "src" / "lantern" / "__init__.py").write_text("ORIGIN = 'checkout'\n")
    tested = person.hatch("run", "test", cwd=project)
    assert tested.code == 0, tested.out + tested.err
    assert tested.out.split()[1] == "release"
    assert person.hatch("run", "test", cwd=project).out == tested.out
    assert person.stage("publish", "-y", cwd=project).code == 0
