"""pip and uv by themselves: what `install` tells them, and what they make of what `export` writes.

The index and whoever works with it are in this process; the installers and the environments are real.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import venv
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import Maintainer
from tests.index.building import build, metadata_of

from hatch_staged import exporting, installing, releases
from hatch_staged.client import artifacts
from hatch_staged.client.progress import Silent
from hatch_staged.errors import StagedError, WrongBytesError
from hatch_staged.installing import Target
from hatch_staged.stage import export, installers, selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import MakeDesk, TeamIndex

    from hatch_staged.stage.installers import Installer
    from hatch_staged.stage.model import StagedRelease

SHELL = shutil.which("sh")

#: file name -> further lines of its metadata; each needs the other
FILES = {
    "foo-1.0-py3-none-any.whl": (
        "Requires-Dist: bar>=2",
        'Requires-Dist: quux; extra == "shiny"',
        "Provides-Extra: shiny",
    ),
    "foo-1.0.tar.gz": (),
    "bar-2.0-py3-none-any.whl": ("Requires-Dist: foo",),
}
#: what an ordinary index has: other bytes of the same version, a higher version, and what an extra needs
ELSEWHERE = {
    "foo-1.0-py3-none-any.whl": "evil",
    "foo-9.0-py3-none-any.whl": "evil",
    "bar-2.5-py3-none-any.whl": "evil",
    "quux-1.0-py3-none-any.whl": "ordinary",
}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what an ordinary index has."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for filename, content in ELSEWHERE.items():
        name, version = filename.split("-")[:2]
        data = build(filename, metadata=metadata_of(name, version), content=content.encode()).data
        (folder / filename).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def with_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a virtual environment with the newest pip, which is that of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("environments") / "with-pip"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    found = find_spec("pip")
    assert found is not None
    assert found.origin is not None
    shutil.copytree(Path(found.origin).parent, site_packages(folder) / "pip")
    return folder


@pytest.fixture(scope="module")
def without_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one for uv."""
    folder = tmp_path_factory.mktemp("environments") / "without-pip"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    return folder


@pytest.fixture(params=["pip", "uv"])
def environment(request: pytest.FixtureRequest, with_pip: Path, without_pip: Path) -> Path:
    """Return an environment with nothing but its installer."""
    return emptied(with_pip if request.param == "pip" else without_pip)


def emptied(environment: Path) -> Path:
    for path in site_packages(environment).iterdir():
        if path.name != "pip":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return environment


def site_packages(environment: Path) -> Path:
    [found] = [*environment.glob("lib/python*/site-packages"), *environment.glob("Lib/site-packages")]
    return found


def installed(environment: Path) -> dict[str, str]:
    """Return what is there: the name and version of each distribution, and its content."""
    folder = site_packages(environment)
    found = [path.name.removesuffix(".dist-info").split("-") for path in folder.glob("*.dist-info")]
    return {f"{name} {version}": (folder / name / "data").read_text() for name, version in found}


STAGED = {"foo 1.0": "staged", "bar 2.0": "staged"}


@pytest.fixture
def anna(team: TeamIndex, make_desk: MakeDesk) -> Maintainer:
    """Return somebody who stages at `team`."""
    desk = make_desk({"team": team.repository}, auth=team.secret)
    return Maintainer(desk.stage_file.parent, desk)


@pytest.fixture
def staged(anna: Maintainer) -> list[StagedRelease]:
    """Stage two releases that need each other."""
    dist = anna.folder / "dist"
    dist.mkdir()
    for filename, lines in FILES.items():
        name, version = filename.removesuffix(".tar.gz").split("-")[:2]
        metadata = metadata_of(name, version, *lines)
        (dist / filename).write_bytes(build(filename, metadata=metadata, content=b"staged").data)
    found = artifacts.find((), root=anna.folder, default=dist)
    return list(releases.stage(anna.desk, anna.desk.repository(), found, jobs=2, reporter=Silent()))


@pytest.fixture
def hostile(elsewhere: Path, monkeypatch: pytest.MonkeyPatch, staged: list[StagedRelease]) -> None:
    """Configure both installers as somebody might have: they look elsewhere first, and at the stage."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        if name != "UV_CACHE_DIR":
            monkeypatch.delenv(name)
    stages = " ".join(str(release.stage) for release in staged)
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(elsewhere),
        "PIP_EXTRA_INDEX_URL": stages,
        "PIP_CONFIG_FILE": os.devnull,
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
        "UV_FIND_LINKS": str(elsewhere),
        "UV_INDEX": stages,
        "UV_EXCLUDE_NEWER": "2020-01-01T00:00:00Z",
        "UV_LINK_MODE": "copy",
    }.items():
        monkeypatch.setenv(name, value)


def installer_of(environment: Path) -> Installer:
    return installers.find(selection.probe(installing.find_python(str(environment), {})))


def install(who: Maintainer, environment: Path, *arguments: str) -> None:
    python = installing.find_python(str(environment), {})
    installing.install(who.logged_in(None), Target(python, arguments, verbosity=3), tell=print)


@pytest.mark.usefixtures("hostile")
def test_what_is_staged_is_installed_whatever_there_is_elsewhere(
    anna: Maintainer, staged: list[StagedRelease], environment: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    install(anna, environment, "foo[shiny]")
    assert installed(environment) == {**STAGED, "quux 1.0": "ordinary"}
    shown = "".join(capfd.readouterr())
    assert "foo" in shown
    written = "".join(path.read_text() for path in site_packages(environment).rglob("direct_url.json"))
    assert written.count("file:") == 2
    for release in staged:
        assert release.session_token is not None
        assert release.session_token not in shown + written


@pytest.mark.usefixtures("hostile")
def test_what_is_there_of_the_same_version_does_not_stay(anna: Maintainer, elsewhere: Path, environment: Path) -> None:
    before = build("foo-1.0-py3-none-any.whl", metadata=metadata_of("foo", "1.0"), content=b"evil").data
    evil = elsewhere / "foo-1.0-py3-none-any.whl"
    assert evil.read_bytes() == before
    subprocess.run(installer_of(environment).installing([str(evil)], ["--no-deps"], -1), check=True)
    assert installed(environment) == {"foo 1.0": "evil"}
    install(anna, environment)
    assert installed(environment) == STAGED
    install(anna, environment, "--no-deps")
    assert installed(environment) == STAGED


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that we are in: there are requirements that lead elsewhere."""
    made = tmp_path / "here"
    made.mkdir()
    (made / "evil.txt").write_text("foo==9.0\n")
    monkeypatch.chdir(made)
    return made


@pytest.mark.usefixtures("hostile", "staged", "folder")
@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"PIP_CONSTRAINT": "evil.txt", "UV_CONSTRAINT": "evil.txt"}, 1),
        ({"PIP_REQUIRE_HASHES": "1", "UV_REQUIRE_HASHES": "1"}, 0),
        ({"PIP_FIND_LINKS": "", "UV_FIND_LINKS": "", "UV_NO_INDEX": "1"}, 0),
    ],
    ids=["constraint", "hashes", "no index"],
)
def test_the_staged_bytes_or_nothing(
    anna: Maintainer, environment: Path, variables: Mapping[str, str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if code:
        with pytest.raises(StagedError, match="could not install what is staged") as caught:
            install(anna, environment)
        assert caught.value.exit_code == code
    else:
        install(anna, environment)
    assert installed(environment) == ({} if code else STAGED)


@pytest.mark.usefixtures("hostile", "staged", "folder")
def test_what_an_override_installs_in_the_place_of_what_is_staged_is_removed(
    anna: Maintainer, without_pip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OVERRIDE", "evil.txt")
    monkeypatch.delenv("UV_EXCLUDE_NEWER")
    with pytest.raises(WrongBytesError, match="uv did not install foo-1"):
        install(anna, emptied(without_pip))
    assert installed(without_pip) == {"bar 2.0": "staged"}


@pytest.fixture
def exported(anna: Maintainer, hostile: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that we are in, with all exports in files of it; an ordinary index has other bytes."""
    del hostile
    for name in ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_OFFLINE", "UV_EXCLUDE_NEWER"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    holder = anna.logged_in(None)
    found = exporting.available(holder, tell=pytest.fail)
    exporting.write(holder, folder / export.PYLOCK_NAME, export.pylock(found), lock=True)
    exporting.write(holder, folder / "requirements.txt", exporting.requirements(found, None, {}))
    exporting.write(holder, folder / "env.sh", export.env(found))
    return folder


def run(environment: Path, *arguments: str) -> int:
    """Run the installer of the environment by itself, and return its exit code."""
    return subprocess.run([*installer_of(environment).install, "-q", *arguments], check=False).returncode


@pytest.mark.usefixtures("staged")
@pytest.mark.parametrize(
    "arguments",
    [
        ("-r", export.PYLOCK_NAME),
        ("-r", "requirements.txt"),
        ("-r", "requirements.txt", "--require-hashes"),
    ],
    ids=["pylock", "requirements", "requirements with hashes"],
)
def test_an_installer_takes_what_was_exported_and_no_other_bytes(
    environment: Path, exported: Path, arguments: tuple[str, ...]
) -> None:
    assert run(environment, *arguments) == 0
    assert installed(environment) == STAGED
    file = exported / arguments[1]
    file.write_text(re.sub(r"(sha256 ?= ?\"?)....", r"\g<1>0000", file.read_text()))
    assert run(emptied(environment), *arguments) != 0
    assert installed(environment) == {}


@pytest.mark.usefixtures("staged", "exported")
@pytest.mark.parametrize("file", [export.PYLOCK_NAME, "requirements.txt"])
def test_uv_makes_an_environment_what_was_exported(without_pip: Path, file: str) -> None:
    put = build("quux-1.0-py3-none-any.whl", metadata=metadata_of("quux", "1.0"), content=b"ordinary")
    Path(put.filename).write_bytes(put.data)
    assert run(emptied(without_pip), put.filename) == 0
    uv = installer_of(without_pip).install[0]
    subprocess.run([uv, "pip", "sync", "-q", "--python", without_pip, file], check=True)
    assert installed(without_pip) == STAGED


@pytest.mark.skipif(SHELL is None, reason="the lines are for a POSIX shell")
@pytest.mark.usefixtures("staged", "exported")
def test_an_installer_sees_the_stage_after_the_lines_for_a_shell(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_NO_INDEX", "UV_FIND_LINKS"):
        monkeypatch.delenv(name)
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    command = shlex.join([*installer_of(environment).install, "-q", "foo==1.0"])
    subprocess.run([str(SHELL), "-euc", f". ./env.sh; {command}"], check=True)
    assert installed(environment) == STAGED
