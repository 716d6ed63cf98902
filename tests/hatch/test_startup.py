"""The startup files: cheap in any Python, silent in all that is not Hatch, and never in Hatch's way."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from hatchling.builders.wheel import WheelBuilder

from hatch_staged.hatch import startup

ROOT = Path(startup.__file__).parents[3]
PTH = ROOT / "src" / "hatch_staged.pth"
START = ROOT / "src" / "hatch_staged.start"


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python, which reads the installed startup file; without what measures coverage."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "COV_"))}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True)


def condition_of_pth(arguments: list[str]) -> bool:
    """Evaluate what the line asks before it imports anything."""
    statement = ast.parse(PTH.read_text()).body[-1]
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.BoolOp)
    asked = compile(ast.Expression(statement.value.values[0]), str(PTH), "eval")
    return bool(eval(asked, {"sys": SimpleNamespace(orig_argv=arguments)}))  # noqa: S307 - our own line


@pytest.mark.parametrize(
    ("arguments", "runs_hatch"),
    [
        (["python", "/home/me/.venv/bin/hatch", "run", "test"], True),
        (["python", "-m", "hatch"], True),
        (["python", "-P", "-m", "hatch", "publish", "--staged"], True),
        ([r"C:\venv\Scripts\python.exe", r"C:\venv\Scripts\hatch.exe", "build"], True),
        ([r"C:\venv\Scripts\python.exe", r"C:\venv\Scripts\HATCH.EXE"], True),
        (["python"], False),
        (["python", "-c", "pass"], False),
        (["python", "/home/me/.venv/bin/pip", "install", "hatch-vcs"], False),
        (["python", "/home/me/.venv/bin/hatch-staged", "status"], False),
        # Python itself is no argument
        (["/opt/hatch"], False),
        ([], False),
    ],
)
def test_both_startup_files_ask_the_same(arguments: list[str], runs_hatch: bool) -> None:  # noqa: FBT001 - a table
    assert condition_of_pth(arguments) is runs_hatch
    assert startup._runs_hatch(arguments) is runs_hatch  # noqa: SLF001 - the twin of the line above


def test_the_startup_files_name_what_there_is() -> None:
    assert len(PTH.read_text().splitlines()) == 1
    module, _, function = START.read_text().strip().partition(":")
    assert getattr(import_module(module), function) is startup.install
    assert f'"{module}"' in PTH.read_text()


def test_a_python_that_is_not_hatch_imports_nothing_of_ours() -> None:
    imported = python("-X", "importtime", "-c", "pass").stderr
    assert "encodings" in imported
    assert "hatch_staged" not in imported


def test_one_that_could_be_hatch_imports_the_startup_module_alone() -> None:
    with_and_without = [python("-X", "importtime", "-c", "pass", *more).stderr for more in (["hatch"], [])]
    there, without = ({line.rpartition("|")[2].strip() for line in said.splitlines()} for said in with_and_without)
    assert there - without == {"hatch_staged", "hatch_staged.hatch", "hatch_staged.hatch.startup"}


def test_hatch_gets_one_option_and_one_group_however_often_it_is_started() -> None:
    code = """if True:
        import warnings
        warnings.simplefilter("error")
        import sys
        from hatch_staged.hatch.startup import install
        install()
        install()
        print(sum(type(finder).__module__ == "hatch_staged.hatch.startup" for finder in sys.meta_path))
        from hatch.cli import hatch
        install()
        print("stage" in hatch.commands, [p.name for p in hatch.commands["publish"].params].count("staged"))
    """
    assert python("-c", code, "hatch").stdout.split("\n")[:2] == ["2", "True 1"]


def test_hatch_works_on_when_it_cannot_be_extended() -> None:
    # as where our own installation is damaged
    code = """if True:
        import sys
        sys.modules["hatch_staged.hatch.commands"] = None
        from hatch.cli import hatch
        print("stage" in hatch.commands)
        hatch(["--version"])
    """
    ended = python("-c", code, "hatch")
    assert ended.stdout.startswith("False\nHatch, version")
    assert ended.stderr == ""


@pytest.fixture
def meta_path(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return the finders, free to be changed."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    return sys.meta_path  # type: ignore[return-value] # the finders' protocol is of no interest here


def finders(meta_path: list[object]) -> list[object]:
    return [finder for finder in meta_path if isinstance(finder, startup._HatchFinder)]  # noqa: SLF001 - nobody else finds it


def test_installing_twice_adds_nothing(monkeypatch: pytest.MonkeyPatch, meta_path: list[object]) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", "-c", "pass"])
    startup.install()
    assert finders(meta_path) == []
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "hatch"])
    startup.install()
    once = finders(meta_path)
    assert len(once) == 2, "for Hatch's commands and for its plugins"
    startup.install()
    assert finders(meta_path) == once


class Loader:
    """A loader of a module `hatch.cli` that is not Hatch's."""

    def create_module(self, _spec: ModuleSpec) -> None:
        """Leave it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Give it something that cannot be extended."""
        module.__dict__["hatch"] = "not a group"


@pytest.mark.parametrize("loader", [Loader(), None])
def test_a_strange_hatch_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, meta_path: list[object], loader: Loader | None
) -> None:
    class Finder:
        def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
            return ModuleSpec(name, loader) if name == "hatch.cli" else None  # type: ignore[arg-type] # a loader by its methods

    monkeypatch.delitem(sys.modules, "hatch.cli", raising=False)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "hatch"])
    meta_path.insert(0, Finder())
    startup.install()
    ours, other = finders(meta_path)
    assert ours.find_spec("json") is None  # type: ignore[attr-defined] # it is a finder
    spec = ours.find_spec("hatch.cli")  # type: ignore[attr-defined] # likewise
    assert finders(meta_path) == [other]
    assert spec.loader is loader
    if loader is not None:
        module = ModuleType("hatch.cli")
        loader.exec_module(module)
        assert module.__dict__["hatch"] == "not a group"


def test_the_wheel_has_both_startup_files(tmp_path: Path) -> None:
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("hatch_staged.pth") == PTH.read_bytes()
        assert archive.read("hatch_staged.start") == START.read_bytes()
        assert "hatch_staged/py.typed" in archive.namelist()
