"""People with folders of their own, who run the real Hatch, and a real index on a real port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import venv
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.index import empty

from hatch_staged.index import presence, tokens
from hatch_staged.index.core import open_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: A command that takes longer hangs (seconds); the first environments of a cold machine take their time.
PATIENCE = 300

BESIDE_PYTHON = [sys.executable.rpartition(os.sep)[0]]

PYPROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [project]
    name = "{name}"
    version = "{version}"
    requires-python = ">=3.10"

    [tool.hatch.env.collectors.staged]
    envs = ["default"]

    [tool.hatch.envs.default]
    installer = "{installer}"

    [tool.hatch.envs.default.scripts]
    test = 'python -c "import {name}; print({name}.__file__, {name}.ORIGIN)"'
"""


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> list[str]:
        """The lines of the error: what follows Hatch's own words about what it is doing."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        start = next(i for i in range(len(lines)) if all(re.match(r"  (at|try): ", line) for line in lines[i + 1 :]))
        return lines[start:]


@dataclass(frozen=True)
class Person:
    """Somebody with a home, and with Hatch's folders in it, that nobody else has."""

    home: Path
    shared: dict[str, str]
    hatch_command: list[str] = field(default_factory=lambda: [sys.executable, "-m", "hatch"])

    def hatch(self, *arguments: str, cwd: Path, answer: str = "", **variables: str) -> Ran:
        """Run `hatch` in the folder `cwd`; `answer` is what is typed."""
        return self.run([*self.hatch_command, *arguments], cwd=cwd, answer=answer, **variables)

    def build(self, project: Path) -> None:
        """Build the project's distributions as `hatch build` does, without a new environment each time."""
        built = self.run([sys.executable, "-m", "hatchling", "build"], cwd=project)
        assert built.code == 0, built.err

    def stage(self, *arguments: str, cwd: Path, answer: str = "", **variables: str) -> Ran:
        """Run `hatch-staged`."""
        command = [sys.executable, "-m", "hatch_staged", *arguments]
        return self.run(command, cwd=cwd, answer=answer, **variables)

    def run(self, command: list[str], *, cwd: Path, answer: str = "", **variables: str) -> Ran:
        """Run any command with this person's variables."""
        ended = subprocess.run(
            command,
            cwd=cwd,
            env={**self.variables, **variables},
            input=answer,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that this person's commands see."""
        own = {
            "HOME": str(self.home),
            "USERPROFILE": str(self.home),
            "HATCH_CONFIG": str(self.home / "config.toml"),
            "HATCH_DATA_DIR": str(self.home / "data"),
            "HATCH_CACHE_DIR": str(self.home / "cache"),
            # where Hatch finds uv
            "PATH": os.pathsep.join([*BESIDE_PYTHON, self.shared["PATH"]]),
        }
        return {**self.shared, **own}

    def cached(self, pattern: str) -> list[Path]:
        """Return the downloaded artifacts whose names match `pattern`."""
        return list((self.home / "cache" / "staged").rglob(pattern))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder as journeys, but for the main job, which every Python has to do."""
    for item in items:
        if item.path.parent == Path(__file__).parent and not item.name.startswith("test_a_release_goes_public"):
            item.add_marker(pytest.mark.journey)


@pytest.fixture(scope="session")
def shared_variables(installer_caches: dict[str, str]) -> dict[str, str]:
    """Return what all people share: the machine, and the installers' caches."""
    kept = {
        n: v for n, v in os.environ.items() if not n.startswith(("HATCH_", "VIRTUAL_ENV", "PYTEST_", "PIP_NO_CACHE"))
    }
    return {
        **kept,
        **installer_caches,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONIOENCODING": "utf-8",
        "NO_COLOR": "1",
    }


@pytest.fixture
def make_person(tmp_path: Path, shared_variables: dict[str, str]) -> Iterator[Callable[[str], Person]]:
    """Return a function that makes a person; their local indexes end with the test."""
    people: list[Person] = []

    def make(name: str) -> Person:
        home = tmp_path / name
        home.mkdir()
        (home / "config.toml").touch()
        # A port that nobody else keeps: several tests run at once.
        (home / "data" / "staged" / "index").mkdir(parents=True)
        (home / "data" / "staged" / "index" / "port").write_text("0")
        people.append(Person(home, shared_variables))
        return people[-1]

    yield make
    for person in people:
        presence.stop(person.home / "data" / "staged" / "index")


@pytest.fixture
def maintainer(make_person: Callable[[str], Person]) -> Person:
    """Return who stages and publishes."""
    return make_person("maintainer")


@pytest.fixture
def teammate(make_person: Callable[[str], Person]) -> Person:
    """Return who gets the stage file and nothing else."""
    return make_person("teammate")


@pytest.fixture
def make_python(tmp_path: Path, shared_variables: dict[str, str]) -> Callable[..., Path]:
    """Return a function that makes a Python with packages of its own in front of the ones that we run with.

    Python reads startup files in its own folder only, and ours get there through a path, so it has none of ours.
    """

    def make(folder: str, *requirements: str) -> Path:
        made = tmp_path / folder
        venv.create(made, symlinks=os.name != "nt", with_pip=bool(requirements))
        [python] = [*made.glob("bin/python"), *made.glob("Scripts/python.exe")]
        [packages] = [*made.glob("lib/python*/site-packages"), *made.glob("Lib/site-packages")]
        if requirements:
            install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
            subprocess.run(install, env=shared_variables, check=True)
        ours = [path for path in sys.path if path.endswith(("site-packages", "src"))]
        (packages / "ours.pth").write_text("\n".join(ours))
        return python

    return make


@pytest.fixture
def maintainer_without_startup_file(maintainer: Person, make_python: Callable[..., Path]) -> Person:
    """Return the maintainer with a Hatch that no startup file has touched."""
    return replace(maintainer, hatch_command=[str(make_python("without-startup")), "-m", "hatch"])


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a checkout of a project whose code says where it is from."""

    def make(folder: str, *, name: str = "lantern", version: str = "1.0", origin: str, installer: str = "pip") -> Path:
        root = tmp_path / "checkouts" / folder
        (root / "src" / name).mkdir(parents=True)
        (root / "src" / name / "__init__.py").write_text(f"ORIGIN = {origin!r}\n")
        text = textwrap.dedent(PYPROJECT).format(name=name, version=version, installer=installer)
        (root / "pyproject.toml").write_text(text)
        return root

    return make


@dataclass(frozen=True)
class RunningIndex:
    """An index that a company might run, and a token for it."""

    url: str
    token: str
    data: Path

    @property
    def root(self) -> str:
        """The URL below which all of it is."""
        return self.url.removesuffix("upload/")

    @property
    def objects(self) -> list[Path]:
        """The files with the bytes of what was uploaded."""
        return [path for path in (self.data / "objects").rglob("*") if path.is_file()]


@pytest.fixture
def index(tmp_path: Path, make_person: Callable[[str], Person]) -> Iterator[RunningIndex]:
    """Run an index on a free port, as its operator would."""
    operator = make_person("operator")
    data = tmp_path / "index-data"
    empty.database(data)
    with open_index(data) as opened:
        token = tokens.create(opened, user="release-manager")
    serve = [sys.executable, "-m", "hatch_staged", "serve", "--port", "0", "--data-dir", str(data)]
    with subprocess.Popen(
        serve, cwd=tmp_path, env=operator.variables, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        announced = re.search(r"http://\S+", process.stdout.readline())
        assert announced is not None
        yield RunningIndex(announced[0], token, data)
        process.terminate()
        assert process.wait(PATIENCE) == 0
