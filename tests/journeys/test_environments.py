"""Environments in which not the checkout itself, or not it alone, is staged."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.journeys.conftest import Person

#: a name that no package registry has
SHADE = "shade_of_the_lantern"
SHOW = ("python", "-c", "import house, lantern; print(house.ORIGIN, lantern.ORIGIN, house.__file__)")


def depend(project: Path, requirement: str, options: str) -> None:
    """Let the project depend on `requirement`, also as the feature `lit`, and give its environment these options."""
    path = project / "pyproject.toml"
    text = path.read_text()
    text = text.replace("requires-python", f"{requirement}\nrequires-python")
    path.write_text(text.replace("[tool.hatch.envs.default]\n", f"[tool.hatch.envs.default]\n{options}\n"))


@pytest.fixture
def stage_file(maintainer: Person, make_project: Callable[..., Path]) -> Path:
    """Return the stage file of a library, `lantern`."""
    library = make_project("library", origin="release")
    maintainer.build(library)
    staged = maintainer.hatch("publish", "--staged", cwd=library)
    assert staged.code == 0, staged.err
    return library / ".stage.toml"


@pytest.mark.parametrize(("installer", "dev_mode"), [("pip", "true"), ("uv", "false")])
def test_a_checkout_is_tested_with_a_staged_library(
    teammate: Person, stage_file: Path, make_project: Callable[..., Path], installer: str, dev_mode: str
) -> None:
    house = make_project("house", name="house", origin="checkout", installer=installer)
    depend(house, 'dependencies = ["lantern"]', f"dev-mode = {dev_mode}")
    if installer == "pip":
        shutil.copy(stage_file, house)
    else:
        # where the library's checkout lies beside it
        with (house / "pyproject.toml").open("a") as file:
            file.write('[tool.hatch.publish.staged]\nstage-file = "../library/.stage.toml"\n')
    configured = (house / "pyproject.toml").read_text()
    for dependency in ("pluggy", "pathspec"):
        # the second time only this one is missing
        table = "[tool.hatch.envs.default]\n"
        (house / "pyproject.toml").write_text(configured.replace(table, f'{table}dependencies = ["{dependency}"]\n'))
        ran = teammate.hatch("run", *SHOW[:-1], f"import {dependency}; {SHOW[-1]}", cwd=house)
        assert ran.code == 0, ran.err
        ours, theirs, place = ran.out.split()
        assert (ours, theirs) == ("checkout", "release")
        assert ("site-packages" in place) is (dev_mode == "false")


def test_two_releases_that_need_each_other(
    maintainer: Person, teammate: Person, stage_file: Path, make_project: Callable[..., Path]
) -> None:
    feature = 'optional-dependencies.lit = ["lantern"]'
    ours = make_project("ours", name="house", origin="release", installer="uv")
    theirs = make_project("theirs", name="house", origin="checkout", installer="uv")
    for project in (ours, theirs):
        depend(project, feature, 'features = ["lit"]\ndev-mode = false')
    maintainer.build(ours)
    shutil.copy(stage_file, ours)
    staged = maintainer.hatch("publish", "--staged", cwd=ours)
    assert staged.code == 0, staged.err

    shutil.copy(ours / ".stage.toml", theirs)
    ran = teammate.hatch("run", *SHOW, cwd=theirs)
    assert ran.code == 0, ran.err
    assert ran.out.split()[:2] == ["release", "release"]
    assert [line.partition(" from ")[0] for line in ran.err.splitlines()[:2]] == [
        "default: house 1.0",
        "default: lantern 1.0",
    ]


@pytest.fixture
def older(maintainer: Person, make_project: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a folder with an older release of `lantern`, and with something that needs that."""
    folder = tmp_path / "wheels"
    old = make_project("old", version="0.9", origin="older")
    shade = make_project("shade", name=SHADE, origin="anybody")
    depend(shade, 'dependencies = ["lantern<1"]', "")
    for project in (old, shade):
        maintainer.build(project)
        shutil.copytree(project / "dist", folder, dirs_exist_ok=True)
    return folder


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_no_dependency_takes_the_staged_release_out(
    teammate: Person, stage_file: Path, older: Path, make_project: Callable[..., Path], installer: str
) -> None:
    checkout = make_project("theirs", origin="checkout", installer=installer)
    shutil.copy(stage_file, checkout)
    indexes = {"PIP_FIND_LINKS": str(older), "UV_FIND_LINKS": str(older)}
    assert teammate.hatch("run", "test", cwd=checkout, **indexes).out.split()[1] == "release"
    depend(checkout, "", 'dependencies = ["' + SHADE + '"]')
    for _ in range(2):
        refused = teammate.hatch("run", "test", cwd=checkout, **indexes)
        assert refused.code != 0
        assert "older" not in refused.out


def test_what_somebody_installs_by_hand_is_put_right_by_the_next_run(
    teammate: Person, stage_file: Path, older: Path, make_project: Callable[..., Path]
) -> None:
    checkout = make_project("theirs", origin="checkout")
    shutil.copy(stage_file, checkout)
    by_hand = ("pip", "install", "--quiet", "--no-index", "--find-links", str(older), "lantern==0.9")
    assert teammate.hatch("run", "test", cwd=checkout).code == 0
    assert teammate.hatch("run", *by_hand, cwd=checkout).code == 0
    assert teammate.hatch("run", "test", cwd=checkout).out.split()[1] == "release"


def test_a_stage_file_that_is_named_must_be_there(teammate: Person, make_project: Callable[..., Path]) -> None:
    checkout = make_project("theirs", origin="checkout")
    missing = teammate.hatch("run", "test", cwd=checkout, HATCH_STAGE_FILE="artifacts/stage.toml")
    assert (missing.code, missing.out) == (2, "")
    assert "there is no stage file" in missing.err
    (checkout / ".stage.toml").symlink_to("gone.toml")
    dangling = teammate.hatch("run", "test", cwd=checkout)
    assert (dangling.code, dangling.out) == (2, "")


def test_a_checkout_whose_package_lies_in_the_working_folder_is_not_tested(
    maintainer: Person, teammate: Person, make_project: Callable[..., Path]
) -> None:
    ours, theirs = make_project("ours", origin="release"), make_project("theirs", origin="checkout")
    for project in (ours, theirs):
        (project / "src" / "lantern").rename(project / "lantern")
        (project / "tests").mkdir()
        (project / "tests" / "__init__.py").touch()
        (project / "tests" / "test_it.py").write_text("import lantern\n\ndef test(): print('tested', lantern.ORIGIN)\n")
        depend(project, "", 'dependencies = ["pytest"]')
    maintainer.build(ours)
    staged = maintainer.hatch("publish", "--staged", cwd=ours)
    assert staged.code == 0, staged.err
    shutil.copy(ours / ".stage.toml", theirs)
    for command in (["test"], ["python", "-m", "pytest", "-s", "tests"], ["pytest", "-s", "tests"]):
        ran = teammate.hatch("run", *command, cwd=theirs)
        assert ran.code == 0, ran.out + ran.err
        assert "release" in ran.out
        assert "checkout\n" not in ran.out
