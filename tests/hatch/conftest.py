"""What the tests of Hatch's side share: a checkout, and the real Hatch in this process."""

from __future__ import annotations

import copy
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import click
import pytest
from click.testing import CliRunner
from hatch.cli import hatch as hatchs_own
from hatch.cli.application import Application
from hatch.config.user import ConfigFile
from hatch.project.core import Project
from hatch.utils.fs import Path as HatchPath

from hatch_staged.hatch.commands import extend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result


@dataclass(frozen=True)
class Checkout:
    """A project's folder, which is the current one, and the variables of Hatch that go with it."""

    folder: Path
    config_file: Path

    def configure(self, toml: str = "", *, name: str = "foo", project: str = "") -> None:
        """Write ``pyproject.toml``: the lines `project` in its ``[project]``, then `toml`."""
        head = f'[project]\nname = "{name}"\nversion = "1.0"\n{textwrap.dedent(project)}\n'
        (self.folder / "pyproject.toml").write_text(head + textwrap.dedent(toml))


@pytest.fixture
def checkout(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Return a project without any configuration, as the current folder."""
    made = Checkout(tmp_path / "project", home / "config.toml")
    made.folder.mkdir(exist_ok=True)
    made.configure()
    made.config_file.touch()
    monkeypatch.setenv("HATCH_CONFIG", str(made.config_file))
    monkeypatch.setenv("HATCH_DATA_DIR", str(home / "data"))
    monkeypatch.setenv("HATCH_CACHE_DIR", str(home / "cache"))
    # the tests may run in an environment of Hatch themselves
    monkeypatch.delenv("HATCH_ENV_ACTIVE", raising=False)
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def hatch() -> click.Group:
    """Return Hatch's root group, as no startup file has touched it, and free to be changed."""
    group = copy.copy(hatchs_own)
    publish = copy.copy(hatchs_own.commands["publish"])
    group.commands = {**hatchs_own.commands, "publish": publish}
    if group.commands.pop("stage", None) is not None:
        # The startup file takes `pytest tests/hatch` for Hatch.
        publish.callback = vars(publish.callback)["__wrapped__"]
    publish.params = [parameter for parameter in publish.params if parameter.name != "staged"]
    return group


class Run(Protocol):
    """Runs a command line, without the word ``hatch``."""

    def __call__(self, *arguments: str, answer: str | None = None) -> Result:
        """Run it; `answer` is what is typed."""


@pytest.fixture
def run(hatch: click.Group, checkout: Checkout) -> Run:
    """Return a function that runs Hatch in `checkout`, with our commands."""
    del checkout
    extend(hatch)

    def run(*arguments: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(hatch, list(arguments), input=answer, prog_name="hatch")

    return run


@pytest.fixture
def make_app(checkout: Checkout, home: Path) -> Iterator[Callable[[], Application]]:
    """Return a function that makes Hatch's application as its root command does, for what `checkout` says then."""
    contexts: list[Any] = []

    def make() -> Application:
        app = Application(
            lambda code: pytest.fail(f"Hatch ends with {code}"), verbosity=0, enable_color=False, interactive=False
        )
        app.config_file = ConfigFile(HatchPath(checkout.config_file))
        app.config_file.load()
        app.data_dir, app.cache_dir = HatchPath(home / "data"), HatchPath(home / "cache")
        app.env = "default"
        app.project = Project(HatchPath(checkout.folder))
        app.project.set_app(app)
        context = click.Context(click.Command("hatch"), obj=app).scope(cleanup=False)
        context.__enter__()
        contexts.append(context)
        return app

    yield make
    for context in reversed(contexts):
        context.__exit__(None, None, None)
