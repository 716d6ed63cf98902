"""Tools that know nothing of us: twine, uv and Hatch publish to ``/legacy/``, pip and uv install."""

from __future__ import annotations

import os
import re
import shutil
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatch_staged.stage import stagefile

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.journeys.conftest import Person, Ran, RunningIndex


def twine(person: Person, project: Path, index: RunningIndex, token: str) -> Ran:
    return person.run(
        [sys.executable, "-m", "twine", "upload", "--non-interactive", "--verbose", "dist/*"],
        cwd=project,
        TWINE_REPOSITORY_URL=f"{index.root}legacy/",
        TWINE_USERNAME="__token__",
        TWINE_PASSWORD=token,
    )


def uv(person: Person, project: Path, index: RunningIndex, token: str) -> Ran:
    return person.run(
        ["uv", "publish", "--trusted-publishing", "never"],
        cwd=project,
        UV_PUBLISH_URL=f"{index.root}legacy/",
        UV_PUBLISH_TOKEN=token,
    )


def hatch(person: Person, project: Path, index: RunningIndex, token: str) -> Ran:
    return person.hatch(
        "publish",
        "--no-prompt",
        cwd=project,
        HATCH_INDEX_REPO=f"{index.root}legacy/",
        HATCH_INDEX_USER="__token__",
        HATCH_INDEX_AUTH=token,
    )


def fenced(language: str) -> list[str]:
    """Return the blocks of the page about an index for a team."""
    page = (Path(__file__).parents[2] / "docs" / "howto-team-index.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def configured(block: str, index: RunningIndex) -> str:
    """Return a block with the index's URL in the place of the example's."""
    return block.replace("https://index.example.com/", index.root)


@pytest.fixture(params=[twine, uv, hatch], ids=lambda tool: str(tool.__name__))
def publish(request: pytest.FixtureRequest) -> Callable[[Person, Path, RunningIndex, str], Ran]:
    """Return a function that publishes a project with one of the tools."""
    tool: Callable[[Person, Path, RunningIndex, str], Ran] = request.param
    return tool


@pytest.fixture
def make_venv(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that makes a Python with nothing but the installer, if that is pip."""

    def make(installer: str) -> Path:
        made = tmp_path / f"with-{installer}"
        venv.create(made, symlinks=os.name != "nt", with_pip=installer == "pip")
        [python] = [*made.glob("bin/python"), *made.glob("Scripts/python.exe")]
        return python

    return make


def install(person: Person, python: Path, installer: str, *arguments: str) -> Ran:
    """Install with an installer that nobody configured, from nowhere but what the arguments say."""
    commands = {
        "pip": [str(python), "-m", "pip", "install", "--isolated", "--no-deps", "--no-cache-dir"],
        "uv": ["uv", "pip", "install", "--no-config", "--python", str(python), "--no-deps", "--no-cache"],
    }
    return person.run([*commands[installer], *arguments], cwd=person.home)


def origin(person: Person, python: Path, name: str) -> str:
    """Return where the code of a project that is installed says that it is from."""
    ran = person.run([str(python), "-I", "-c", f"import {name}; print({name}.ORIGIN)"], cwd=person.home)
    assert ran.code == 0, ran.err
    return ran.out.strip()


@pytest.fixture(params=["pip", "uv"])
def installer(request: pytest.FixtureRequest) -> str:
    """Return the name of an installer."""
    return str(request.param)


def test_what_an_old_client_publishes_is_installed(  # noqa: PLR0917 - fixtures
    maintainer: Person,
    index: RunningIndex,
    make_project: Callable[..., Path],
    make_venv: Callable[[str], Path],
    make_python: Callable[..., Path],
    publish: Callable[[Person, Path, RunningIndex, str], Ran],
) -> None:
    project = make_project("ours", origin="release")
    maintainer.build(project)
    published = publish(maintainer, project, index, index.token)
    assert published.code == 0, published.out + published.err
    built = {path.read_bytes() for path in (project / "dist").iterdir()}
    assert {path.read_bytes() for path in index.objects} == built

    from_us = ["--index-url", f"{index.root}simple/", "lantern==1.0"]
    for python, installer, options in (
        (make_venv("pip"), "pip", ["--only-binary", "lantern"]),
        (make_venv("uv"), "uv", ["--only-binary", "lantern"]),
        # which has what the source distribution is built with
        (make_python("from-source"), "uv", ["--no-binary", "lantern", "--no-build-isolation"]),
    ):
        installed = install(maintainer, python, installer, *options, *from_us)
        assert installed.code == 0, installed.out + installed.err
        assert origin(maintainer, python, "lantern") == "release"


def test_clients_that_are_configured_as_the_docs_say(
    maintainer: Person, index: RunningIndex, make_project: Callable[..., Path]
) -> None:
    project = make_project("ours", origin="release")
    [pypirc] = [block for block in fenced("ini") if "/legacy/" in block]
    (maintainer.home / ".pypirc").write_text(configured(pypirc, index).replace("hst_...", index.token))
    [for_uv] = [block for block in fenced("toml") if "tool.uv" in block]
    [for_hatch] = [block for block in fenced("toml") if "publish.index" in block]
    with (project / "pyproject.toml").open("a") as file:
        file.write("\n" + configured(for_uv, index))
    with (maintainer.home / "config.toml").open("a") as file:
        file.write(configured(for_hatch, index))
    for version, command, token in (
        ("1.0", [sys.executable, "-m", "twine", "upload", "-r", "team-legacy", "dist/*"], {}),
        ("1.1", ["uv", "publish", "--index", "team"], {"UV_PUBLISH_TOKEN": index.token}),
        ("1.2", [*maintainer.hatch_command, "publish", "-r", "team"], {"HATCH_INDEX_AUTH": index.token}),
    ):
        shutil.rmtree(project / "dist", ignore_errors=True)
        text = (project / "pyproject.toml").read_text()
        (project / "pyproject.toml").write_text(re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', text))
        maintainer.build(project)
        published = maintainer.run(command, cwd=project, **token)
        assert published.code == 0, published.out + published.err
    assert len(index.objects) == 6


def test_what_is_there_is_not_published_again(
    maintainer: Person, index: RunningIndex, make_project: Callable[..., Path]
) -> None:
    project = make_project("ours", origin="first")
    maintainer.build(project)
    assert twine(maintainer, project, index, index.token).code == 0
    before = sorted(path.read_bytes() for path in index.objects)

    # The same bytes: each tool has its own idea of what that means.  Twine's --skip-existing is for PyPI alone.
    again = twine(maintainer, project, index, index.token)
    assert again.code == 1
    assert "lantern-1.0-py3-none-any.whl is published" in " ".join((again.out + again.err).split())
    refused = uv(maintainer, project, index, index.token)
    assert refused.code == 2
    told = " ".join(refused.err.split())
    assert "lantern-1.0-py3-none-any.whl is published; published files cannot be replaced." in told
    check = f"{index.root}simple/"
    checked = maintainer.run(
        ["uv", "publish", "--trusted-publishing", "never", "--check-url", check],
        cwd=project,
        UV_PUBLISH_URL=f"{index.root}legacy/",
        UV_PUBLISH_TOKEN=index.token,
    )
    assert checked.code == 0, checked.err
    assert "already exists, skipping" in checked.err
    known = hatch(maintainer, project, index, index.token)
    assert known.code == 0, known.err
    assert "already exists" in known.out + known.err
    assert sorted(path.read_bytes() for path in index.objects) == before


def test_what_is_refused_is_told(
    maintainer: Person,
    index: RunningIndex,
    make_project: Callable[..., Path],
    publish: Callable[[Person, Path, RunningIndex, str], Ran],
) -> None:
    project = make_project("ours", origin="release")
    maintainer.build(project)
    refused = publish(maintainer, project, index, "hst_wrong")
    assert refused.code != 0
    told = " ".join((refused.out + refused.err).split())
    assert "401" in told
    assert "token is unknown or was revoked" in told
    assert "hst_wrong" not in told
    assert index.objects == []


def test_staged_releases_are_installed_from_their_stages(
    maintainer: Person,
    index: RunningIndex,
    make_project: Callable[..., Path],
    make_venv: Callable[[str], Path],
    installer: str,
) -> None:
    stages = []
    for name in ("lantern", "beacon"):
        project = make_project(name, name=name, origin="stage")
        maintainer.build(project)
        staged = maintainer.hatch("publish", "--staged", "-r", index.url, "-a", index.token, cwd=project)
        assert staged.code == 0, staged.err
        [release] = stagefile.load(project / ".stage.toml").releases
        assert release.stage is not None
        stages.append(release.stage)
    option = {"pip": "--extra-index-url", "uv": "--index"}[installer]
    asked = [argument for stage in stages for argument in (option, stage)]
    python = make_venv(installer)
    installed = install(
        maintainer, python, installer, "--index-url", f"{index.root}simple/", *asked, "lantern", "beacon"
    )
    assert installed.code == 0, installed.out + installed.err
    assert {origin(maintainer, python, name) for name in ("lantern", "beacon")} == {"stage"}
    # Nothing of them is public.
    again = ["--force-reinstall"] if installer == "pip" else ["--reinstall"]
    alone = install(maintainer, python, installer, "--index-url", f"{index.root}simple/", *again, "lantern")
    assert alone.code != 0
