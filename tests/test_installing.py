"""Installing into an environment, with an installer of our own that does as it is told, or not."""

from __future__ import annotations

import json
import shutil
import sys
import venv
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from tests.conftest import Maintainer

from hatch_staged import installing, releases, status
from hatch_staged.errors import ConfigurationError, StagedError, StageGoneError, WrongBytesError
from hatch_staged.installing import Target
from hatch_staged.stage import stagefile
from hatch_staged.stage.model import StageFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_staged.desk import Desk

FOO, BAR = "foo-1.0-py3-none-any.whl", "bar-2.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a virtual environment without pip."""
    folder = tmp_path_factory.mktemp("environment") / "made"
    venv.create(folder, with_pip=False)
    return folder


@pytest.fixture
def environment(made: Path) -> Path:
    """Return it with nothing installed."""
    for record in packages(made).glob("*.dist-info"):
        shutil.rmtree(record)
    return made


def packages(environment: Path) -> Path:
    [found] = [*environment.glob("lib/python*/site-packages"), *environment.glob("Lib/site-packages")]
    return found


def put(environment: Path, requirement: str) -> None:
    """Write down that `requirement`, a direct reference, is installed."""
    name, _, url = requirement.partition(" @ ")
    info = packages(environment) / f"{name}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "direct_url.json").write_text(json.dumps({"url": url, "archive_info": {}}))


@dataclass
class Installer:
    """An installer, as uv is called: it installs what it is told, but for `stubborn` projects."""

    environment: Path
    #: projects that it takes from elsewhere, and for how many commands
    stubborn: dict[str, int] = field(default_factory=dict)
    code: int = 0
    #: whether it does nothing
    idle: bool = False
    commands: list[list[str]] = field(default_factory=list)
    variables: Mapping[str, str] = field(default_factory=dict)
    #: what it shall follow when it builds
    constraints: list[str] = field(default_factory=list)

    def __call__(self, command: list[str], variables: Mapping[str, str]) -> int:
        """Do it."""
        self.commands.append(command)
        constraints = variables["UV_BUILD_CONSTRAINT"].rpartition(" ")[2]
        self.constraints = Path(url2pathname(urlsplit(constraints).path)).read_text().splitlines()
        self.variables = variables
        if "uninstall" in command:
            for name in command[command.index("--python") + 2 :]:
                shutil.rmtree(packages(self.environment) / f"{name}-1.0.dist-info")
            return 0
        if self.code == 0 and not self.idle and "--dry-run" not in command:
            for requirement in (each for each in command if " @ " in each):
                name = requirement.partition(" @ ")[0]
                elsewhere = self.stubborn.get(name, 0) > 0
                self.stubborn[name] = self.stubborn.get(name, 0) - 1
                put(self.environment, f"{name} @ https://elsewhere.example/{name}.whl" if elsewhere else requirement)
        return self.code

    @property
    def given(self) -> list[str]:
        """What the last command had behind the interpreter."""
        command = self.commands[-1]
        return command[command.index("--python") + 2 :]


@pytest.fixture
def installer(environment: Path) -> Installer:
    """Return an installer."""
    return Installer(environment)


def install(desk: Desk, installer: Installer, *arguments: str, verbosity: int = 0) -> list[str]:
    """Install into the environment of `installer`, and return what is told."""
    told: list[str] = []
    python = installing.find_python(str(installer.environment), {})
    installing.install(desk, Target(python, arguments, verbosity), tell=told.append, run=installer)
    return told


def test_everything_at_once_from_the_cache(maintainer: Maintainer, installer: Installer) -> None:
    staged = maintainer.stage(BAR, FOO, "foo-1.0.tar.gz")
    holder = maintainer.logged_in(None)
    told = install(holder, installer, "foo[extra]", "-e", ".", verbosity=1)
    assert [line.partition(" (")[0] for line in told] == ["bar 2.0 from the stage", "foo 1.0 from the stage"]
    [command] = installer.commands
    assert command[1:4] == ["pip", "install", "--python"]
    flag, bar, foo, *others = installer.given
    assert (flag, others) == ("-v", ["foo[extra]", "-e", "."])
    for requirement, release in ((bar, staged[0]), (foo, staged[1])):
        [wheel] = [each for each in release.artifacts if each.filename.endswith(".whl")]
        path = holder.cache / "sha256" / wheel.sha256[:2] / wheel.sha256 / wheel.filename
        assert requirement == f"{release.project} @ {path.as_uri()}#sha256={wheel.sha256}"
        assert path.read_bytes() == (maintainer.folder / "dist" / wheel.filename).read_bytes()
        assert release.session_token is not None
        assert release.session_token not in " ".join(command)


def test_no_secret_goes_along(maintainer: Maintainer, installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    [staged] = maintainer.stage(FOO)
    monkeypatch.setenv("HATCH_INDEX_AUTH", "secret")
    monkeypatch.setenv("HATCH_STAGE_TOKEN", str(staged.session_token))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{staged.stage} https://other.example/simple/")
    install(maintainer.desk, installer)
    assert installer.variables["PIP_EXTRA_INDEX_URL"] == "https://other.example/simple/"
    assert {"HATCH_INDEX_AUTH", "HATCH_STAGE_TOKEN"}.isdisjoint(installer.variables)


def test_builds_get_nothing_else_than_what_is_staged(
    maintainer: Maintainer, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    maintainer.stage(BAR, FOO)
    monkeypatch.setenv("UV_BUILD_CONSTRAINT", "mine.txt")
    install(maintainer.desk, installer)
    mine, ours = installer.variables["UV_BUILD_CONSTRAINT"].split()
    assert mine == "mine.txt"
    assert installer.variables["PIP_BUILD_CONSTRAINT"] == ours
    assert installer.constraints == installer.given


def test_what_is_there_of_the_same_version_is_replaced(maintainer: Maintainer, installer: Installer) -> None:
    maintainer.stage(BAR, FOO)
    installer.stubborn = {"foo": 1}
    install(maintainer.desk, installer, "--no-index", "bar")
    assert len(installer.commands) == 2
    assert installer.given[:3] == ["-q", "--force-reinstall", "--no-deps"]
    assert [each.partition(" @ ")[0] for each in installer.given[3:]] == ["foo"]


def test_an_installer_that_takes_something_else(maintainer: Maintainer, installer: Installer) -> None:
    maintainer.stage(BAR, FOO)
    installer.stubborn = {"foo": 2}
    with pytest.raises(WrongBytesError, match=f"did not install {FOO}, or something else") as caught:
        install(maintainer.desk, installer)
    assert caught.value.exit_code == 6
    assert caught.value.hint.startswith("what it installed was removed again; look into")
    assert installer.commands[-1][2] == "uninstall"
    assert installer.given == ["foo"]
    assert [path.name for path in packages(installer.environment).glob("*.dist-info")] == ["bar-1.0.dist-info"]


def test_an_installer_that_does_nothing(maintainer: Maintainer, installer: Installer) -> None:
    """As where its configuration leads it elsewhere: there is nothing to remove."""
    maintainer.stage(FOO)
    installer.idle = True
    with pytest.raises(WrongBytesError, match=f"did not install {FOO}") as caught:
        install(maintainer.desk, installer)
    assert caught.value.hint.startswith("look into")
    assert [command[2] for command in installer.commands] == ["install", "install"]


def test_an_installer_that_fails(maintainer: Maintainer, installer: Installer) -> None:
    maintainer.stage(FOO)
    installer.code = 2
    with pytest.raises(StagedError, match=r"uv could not install what is staged \(exit code 2\)") as caught:
        install(maintainer.desk, installer)
    assert caught.value.exit_code == 1

    def missing(_command: list[str], _variables: Mapping[str, str]) -> int:
        raise FileNotFoundError(2, "No such file or directory")

    python = installing.find_python(str(installer.environment), {})
    with pytest.raises(StagedError, match="cannot run uv: No such file"):
        installing.install(maintainer.desk, Target(python), tell=print, run=missing)


def test_nothing_is_looked_for_after_a_dry_run(maintainer: Maintainer, installer: Installer) -> None:
    maintainer.stage(FOO)
    install(maintainer.desk, installer, "--dry-run")
    assert len(installer.commands) == 1


def test_nothing_is_installed_that_is_not_staged(maintainer: Maintainer, installer: Installer) -> None:
    with pytest.raises(ConfigurationError, match="there is no stage file"):
        install(maintainer.desk, installer)
    stagefile.write(maintainer.desk.stage_file, StageFile())
    with pytest.raises(ConfigurationError, match="names no release"):
        install(maintainer.desk, installer)
    maintainer.stage("foo-1.0-py2-none-any.whl")
    with pytest.raises(StagedError, match="none of its wheels fits"):
        install(maintainer.desk, installer)
    with pytest.raises(ConfigurationError, match="somewhere else"):
        install(maintainer.desk, installer, "--target", "x")
    before = maintainer.desk.stage_file.read_bytes()
    list(releases.cancel(maintainer.desk, releases.in_stage_file(maintainer.desk)))
    maintainer.desk.stage_file.write_bytes(before)
    with pytest.raises(StageGoneError):
        install(maintainer.desk, installer)
    assert installer.commands == []


def test_what_is_published_is_installed_from_there(maintainer: Maintainer, installer: Installer) -> None:
    maintainer.stage(FOO)
    before = maintainer.desk.stage_file.read_bytes()
    list(releases.publish(maintainer.desk, releases.ready_to_publish(maintainer.desk)))
    maintainer.desk.stage_file.write_bytes(before)
    told: list[str] = []
    python = installing.find_python(str(installer.environment), {})
    [standing] = installing.install(maintainer.desk, Target(python), tell=told.append, run=installer)
    assert told == ["foo 1.0 as published (the bytes that were staged)"]
    assert status.as_seen(standing).status == "published"


def test_where_to_install(environment: Path, tmp_path: Path) -> None:
    python = installing.find_python(str(environment), {})
    assert Path(python).parent.parent == environment
    assert installing.find_python(None, {"VIRTUAL_ENV": str(environment)}) == python
    assert installing.find_python("python3.12", {"VIRTUAL_ENV": str(environment)}) == "python3.12"
    assert installing.find_python(sys.executable, {}) == sys.executable
    for asked, variables, told in (
        (None, {}, "no virtual environment is active"),
        (None, {"VIRTUAL_ENV": ""}, "no virtual environment is active"),
        (None, {"VIRTUAL_ENV": str(tmp_path / "gone")}, "VIRTUAL_ENV names no virtual environment"),
        (None, {"VIRTUAL_ENV": sys.base_prefix}, "VIRTUAL_ENV names no virtual environment"),
        (str(tmp_path), {}, "no Python in this folder"),
    ):
        with pytest.raises(ConfigurationError, match=told) as caught:
            installing.find_python(asked, variables)
        assert "--python" in caught.value.hint


def test_a_token_from_a_variable(maintainer: Maintainer, installer: Installer) -> None:
    secretive = Maintainer(maintainer.folder, replace(maintainer.desk, share_token=False))
    [staged] = secretive.stage(FOO)
    tokens = replace(maintainer.desk.tokens, variables={"HATCH_STAGE_TOKEN": str(staged.session_token)})
    install(replace(maintainer.logged_in(None), tokens=tokens), installer)
    assert len(installer.commands) == 1
