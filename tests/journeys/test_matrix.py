"""In whatever environment, with whatever installer and Python: the staged bytes are installed, not the checkout."""

from __future__ import annotations

import os
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from packaging.tags import platform_tags
from tests.journeys import train
from tests.journeys.pythons import pythons
from tests.journeys.train import LANTERN, SHOW, TALLOW, WICK, Made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.journeys.conftest import Person, RunningIndex

#: Every combination, in place of a few in which each two of the things that vary meet.
LONG_FORM = os.environ.get("HATCH_STAGED_MATRIX") == "all"

#: Environment -> the command that shows what is installed in it.
ENVIRONMENTS = {
    "default": ("run", "python", "show.py"),
    "named": ("env", "run", "--env", "named", "--", "python", "show.py"),
    "matrix": ("run", "matrix:python", "show.py"),
    "hatch-test": ("test",),
}

PYPROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [project]
    name = "lantern"
    version = "1.0"
    optional-dependencies.lit = ["a-wick-that-only-the-checkout-needs"]

    [tool.hatch.env.collectors.staged]
    envs = ["default", "named", "matrix", "hatch-test"]

    [tool.hatch.envs.default]
    installer = "{installer}"
    features = ["lit"]
    python = "{python}"

    [tool.hatch.envs.named]
    dev-mode = false

    [tool.hatch.envs.matrix]
    template = "named"
    [[tool.hatch.envs.matrix.matrix]]
    python = ["{python}"]
    flavor = ["sweet"]

    [tool.hatch.envs.hatch-test]
    installer = "{installer}"
    features = ["lit"]
    dependencies = []
    scripts.run = "python show.py"
    [[tool.hatch.envs.hatch-test.matrix]]
    python = ["{python}"]
"""


class Row(NamedTuple):
    """One environment of one project."""

    environment: str
    python: str
    installer: str
    kind: str


def lanterns(kind: str, versions: list[str]) -> list[Made]:
    """Return the artifacts of the project itself, of one kind, which has a version of its own."""
    needs = ("Provides-Extra: lit", f"Requires-Dist: {WICK}; extra == 'lit'")
    if kind == "sdist":
        return [train.make_sdist(LANTERN, *needs, version="1.2")]
    if kind == "platform":
        return train.platform_wheels(LANTERN, versions, *needs, version="1.1")
    return [train.make_wheel(LANTERN, "py3-none-any", *needs), train.make_sdist(LANTERN, *needs)]


def others(versions: list[str]) -> list[Made]:
    """Return the artifacts of the projects that it needs."""
    return [*train.platform_wheels(WICK, versions, f"Requires-Dist: {TALLOW}"), train.make_sdist(TALLOW)]


def rows() -> Iterator[Row]:
    """Yield what is tried: by default few rows, in which any two values of two columns meet, but for the kinds.

    Those of the whole train are in every row.
    """
    here = pythons()
    installers, kinds = ("pip", "uv"), ("pure", "platform", "sdist")
    if LONG_FORM:
        yield from (Row(e, p, i, k) for e in ENVIRONMENTS for p in here for i in installers for k in kinds)
        return
    for number, environment in enumerate(ENVIRONMENTS):
        for other, python in enumerate([*here][:2]):
            turn = number + other
            yield Row(environment, python, installers[turn % 2], kinds[turn % 3])


@pytest.fixture(scope="module")
def paths() -> str:
    """Return a search path on which Hatch finds each of the Pythons."""
    return os.pathsep.join(str(Path(executable).parent) for executable in pythons().values())


def expected(made: list[Made], python: str) -> dict[str, Made]:
    """Return, for each project, the artifact that the Python takes: the wheel for it, any wheel, else the sdist."""
    tag = f"cp{python.replace('.', '')}"
    here = next(iter(platform_tags()))
    best = {}
    for name in (LANTERN, WICK, TALLOW):
        of_project = [one for one in made if one.filename.startswith(f"{name}-")]
        fitting = [one for one in of_project if f"-{tag}-{tag}-{here}" in one.filename]
        pure = [one for one in of_project if "-py3-none-any" in one.filename]
        [best[name]] = (fitting or pure or of_project)[:1]
    return best


def test_the_staged_bytes_are_installed_everywhere(  # noqa: PLR0917 - fixtures
    maintainer: Person,
    teammate: Person,
    index: RunningIndex,
    make_project: Callable[..., Path],
    paths: str,
    tmp_path: Path,
) -> None:
    versions = list(pythons())
    tried = list(rows())
    stage_files: dict[str, Path] = {}
    made: dict[str, list[Made]] = {}
    for kind in dict.fromkeys(row.kind for row in tried):
        made[kind] = [*lanterns(kind, versions), *others(versions)]
        project = make_project(f"staged-{kind}", origin="never built")
        train.write(project / "dist", made[kind])
        login = ("-r", index.url, "-a", index.token)
        staged = maintainer.hatch("publish", "--staged", *login, "dist", cwd=project)
        assert staged.code == 0, staged.err
        stage_files[kind] = tmp_path / f"{kind}.toml"
        shutil.copy(project / ".stage.toml", stage_files[kind])

    for number, row in enumerate(tried):
        checkout = make_project(f"checkout-{number}", origin="checkout")
        text = textwrap.dedent(PYPROJECT).format(installer=row.installer, python=row.python)
        (checkout / "pyproject.toml").write_text(text)
        (checkout / "show.py").write_text(f"NAMES = {[LANTERN, WICK, TALLOW]!r}\n{SHOW}")
        shutil.copy(stage_files[row.kind], checkout / ".stage.toml")
        search = os.pathsep.join([paths, teammate.variables["PATH"]])
        ran = teammate.hatch(*ENVIRONMENTS[row.environment], cwd=checkout, PATH=search)
        assert ran.code == 0, f"{row}\n{ran.out}{ran.err}"
        [found] = train.shown(ran.out)
        assert (found["python"], found["pluggy"]) == (row.python, False), row
        for name, artifact in expected(made[row.kind], row.python).items():
            of_one = found[name]
            assert isinstance(of_one, dict)
            assert (of_one["text"], of_one["recorded"]) == (artifact.module, artifact.recorded), row
            assert artifact.sha256 in of_one["direct_url"]["url"], row
