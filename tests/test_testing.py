"""The check of a release, with wheels that are sound or not, and real installers; nothing is downloaded."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.archives.building import hash_and_size, metadata_of, pack_wheel, wheel_members

from hatch_staged import releases, testing
from hatch_staged.client import artifacts
from hatch_staged.client.progress import Silent
from hatch_staged.errors import ConfigurationError, StagedError, WrongBytesError
from hatch_staged.testing import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.conftest import Maintainer

    Stage = Callable[..., None]


@pytest.fixture
def stage(maintainer: Maintainer) -> Stage:
    """Return a function that stages wheels, given by their names and files; RECORD says `lies` of some."""

    def stage(wheels: Mapping[str, Mapping[str, bytes]], lies: Mapping[str, str] | None = None) -> None:
        dist = maintainer.folder / "dist"
        dist.mkdir()
        for name, files in wheels.items():
            filename = f"{name}-1.0-py3-none-any.whl"
            members = dict(wheel_members(filename, metadata_of(name, "1.0"), files))
            record = members[f"{name}-1.0.dist-info/RECORD"].decode()
            for path, lie in (lies or {}).items():
                record = record.replace(f'"{path}",{hash_and_size(files[path])}', f"{path},{lie}")
            members[f"{name}-1.0.dist-info/RECORD"] = record.encode()
            (dist / filename).write_bytes(pack_wheel(members.items()))
        found = artifacts.find((), root=maintainer.folder, default=dist)
        list(releases.stage(maintainer.desk, maintainer.desk.repository(), found, jobs=1, reporter=Silent()))

    return stage


@dataclass
class Checker:
    """Who checks what is staged, in `home`, where temporary folders are, too; what is told and noticed."""

    maintainer: Maintainer
    home: Path
    told: list[str] = field(default_factory=list)
    noticed: list[str] = field(default_factory=list)

    def try_out(self, *command: str, **trial: object) -> None:
        """Check; nothing may be left, however that ends."""
        given = Trial(sys.executable, command=command, **trial)  # type: ignore[arg-type] # fields of it
        try:
            testing.try_out(self.maintainer.desk, given, tell=self.told.append, notice=self.noticed.append)
        finally:
            assert list(self.home.iterdir()) == []


@pytest.fixture
def checker(maintainer: Maintainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checker:
    """Return who checks, in the folder of the project."""
    home = tmp_path / "temporary"
    home.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    monkeypatch.chdir(maintainer.folder)
    return Checker(maintainer, home)


def test_what_is_sound(stage: Stage, checker: Checker) -> None:
    stage({"bar": {"bar-stubs/__init__.pyi": b""}, "foo": {"foo/__init__.py": b"", "_foo.py": b"import foo"}})
    checker.try_out()
    assert checker.noticed == []
    assert [re.sub(r" \(.*|\d+ files", "", line) for line in checker.told] == [
        "bar 1.0 from the stage",
        "foo 1.0 from the stage",
        "bar 1.0:  are as its RECORD says, it has nothing to import",
        "foo 1.0:  are as its RECORD says, it imports as _foo, foo",
    ]


def test_pip_writes_down_what_it_compiles_and_makes(
    stage: Stage, checker: Checker, capfd: pytest.CaptureFixture[str]
) -> None:
    points = b"[console_scripts]\nsay = foo:say\n"
    stage({"foo": {"foo/__init__.py": b"def say(): print('said')", "foo-1.0.dist-info/entry_points.txt": points}})
    checker.try_out("say", with_pip=True)
    assert checker.told[-1].endswith("files are as its RECORD says, it imports as foo")
    assert capfd.readouterr().out.endswith("said\n")


def test_all_that_is_wrong_is_told(stage: Stage, checker: Checker) -> None:
    broken = {"foo/__init__.py": b"import nothing_of_this_name", "foo/other.py": b"other"}
    stage({"bar": {"bar.py": b"raise SystemExit"}, "foo": broken, "good": {"good.py": b""}})
    with pytest.raises(StagedError, match=r"not sound: foo 1.0 \(foo cannot be imported: Module") as caught:
        checker.try_out("never-run")
    assert type(caught.value) is StagedError
    [fault] = checker.noticed
    assert fault == "foo 1.0: foo cannot be imported: ModuleNotFoundError: No module named 'nothing_of_this_name'"
    assert "Traceback (most recent call last):" in checker.told
    assert [line for line in checker.told if line.startswith("good 1.0: ")]


def test_bytes_that_record_does_not_know(stage: Stage, checker: Checker) -> None:
    files = {"foo/__init__.py": b"", "foo/other.py": b"other", "foo/unhashed.py": b""}
    stage({"foo": files}, {"foo/other.py": hash_and_size(b"some other"), "foo/unhashed.py": ","})
    with pytest.raises(WrongBytesError, match=r"foo 1.0 \(foo/other.py has 5 bytes, not 10, and 1 more\)") as caught:
        checker.try_out()
    assert caught.value.exit_code == 6
    assert checker.noticed == ["foo 1.0: foo/other.py has 5 bytes, not 10", "foo 1.0: foo/unhashed.py has no hash"]


def test_a_command_gets_the_environment_and_nothing_of_the_checkout(
    stage: Stage, checker: Checker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stage({"foo": {"foo/__init__.py": b"ORIGIN = 'staged'"}})
    checkout = checker.maintainer.folder
    for name in ("foo/__init__.py", "tests/__init__.py", "forgotten.py"):
        path = checkout / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("ORIGIN = 'checkout'")
    code = f"""if True:
        import os, sys
        import foo, tests
        print(os.listdir(), foo.ORIGIN, tests.ORIGIN, sys.prefix == os.environ["VIRTUAL_ENV"])
        print(os.environ["PATH"].split(os.pathsep)[0].startswith(sys.prefix), "PYTHONPATH" in os.environ)
        print({str(checkout / "other" / "bin")!r} in os.environ["PATH"], "HATCH_INDEX_AUTH" in os.environ)
        try:
            import forgotten
        except ImportError:
            print("not staged")
        sys.path.insert(0, {str(checkout)!r})
        sys.modules.clear()
        import foo
        print(foo.ORIGIN)
    """
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    monkeypatch.setenv("HATCH_INDEX_AUTH", "secret")
    monkeypatch.setenv("VIRTUAL_ENV", str(checkout / "other"))
    monkeypatch.setenv("PATH", f"{checkout / 'other' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    checker.try_out("python", "-c", code, copied=(Path("tests"),))
    said = capfd.readouterr().out.split("\n")
    assert said[:5] == ["['tests'] staged checkout True", "True False", "False False", "not staged", "staged"]


@pytest.mark.parametrize("copied", [".", "..", "src/.."])
def test_the_whole_folder_is_not_copied(stage: Stage, checker: Checker, copied: str) -> None:
    stage({"foo": {"foo.py": b""}})
    (checker.maintainer.folder / "src").mkdir()
    with pytest.raises(ConfigurationError, match="would bring the checkout along"):
        checker.try_out(copied=(Path(copied),))


def test_what_is_copied_keeps_its_place(stage: Stage, checker: Checker, tmp_path: Path) -> None:
    stage({"foo": {"foo.py": b""}})
    inside, outside = checker.maintainer.folder / "a" / "b.py", tmp_path / "c.py"
    inside.parent.mkdir()
    for path in (inside, outside):
        path.write_text("")
    code = "import os; assert os.path.isfile('a/b.py') and os.path.isfile('c.py')"
    checker.try_out("python", "-c", code, copied=(Path("a/b.py"), outside))


def test_a_command_that_is_not_of_the_environment(stage: Stage, checker: Checker) -> None:
    stage({"foo": {"foo.py": b""}})
    assert shutil.which("git")
    with pytest.raises(ConfigurationError, match="there is no git in the environment"):
        checker.try_out("git")
    with pytest.raises(ConfigurationError, match=r"there is no \./gone in the environment"):
        checker.try_out("./gone")
    with pytest.raises(StagedError, match=r"failed \(exit code 3\)"):
        checker.try_out(sys.executable, "-c", "raise SystemExit(3)")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals on Windows")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_by_who_is_interrupted(stage: Stage, checker: Checker, number: int) -> None:
    stage({"foo": {"foo.py": b""}})
    before = signal.getsignal(signal.SIGTERM)
    code = f"import os, time; os.kill(os.getppid(), {number}); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        checker.try_out("python", "-c", code)
    assert signal.getsignal(signal.SIGTERM) is before


def test_nothing_is_made_without_a_stage_file(checker: Checker) -> None:
    with pytest.raises(ConfigurationError, match="there is no stage file"):
        checker.try_out()


def test_a_python_that_is_none(stage: Stage, checker: Checker, tmp_path: Path) -> None:
    stage({"foo": {"foo.py": b""}})
    for python, told in ((str(tmp_path / "gone"), "cannot run the interpreter"), (shutil.which("false"), "exit code")):
        assert python
        trial = Trial(python)
        with pytest.raises(StagedError, match=told):
            testing.try_out(checker.maintainer.desk, trial, tell=print, notice=print)
    assert list(checker.home.iterdir()) == []
