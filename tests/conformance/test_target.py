"""What the suite was told of an index: what it was not told skips a check."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance.target import Target
from hatch_staged.conformance.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BARE = Target("http://index.test/", "t0ken")


def touching(path: Path) -> str:
    """Return a command that makes a file."""
    return shlex.join([sys.executable, "-c", "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()", str(path)])


@pytest.mark.parametrize(
    ("require", "option"),
    [
        (Target.require_simple, "--simple"),
        (Target.require_legacy, "--legacy"),
        (Target.require_project_quota, "--project-quota"),
        (lambda target: target.granted("foo").__enter__(), "--grant"),
        (lambda target: target.other(Wire(1)), "--other-token"),
    ],
)
def test_what_was_not_told_skips_the_check(require: Callable[[Target], object], option: str) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"{option} was not given"):
        require(BARE)


def test_what_was_told_is_returned() -> None:
    told = Target("http://index.test/", "t0ken", simple="http://s.test/", legacy="http://l.test/", project_quota=5)
    assert told.require_simple() == "http://s.test/"
    assert told.require_legacy() == "http://l.test/"
    assert told.require_project_quota() == 5


def test_a_command_gets_the_project_in_the_place_of_its_name(tmp_path: Path) -> None:
    script = tmp_path / "write it.py"
    script.write_text("import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])")
    command = shlex.join([sys.executable, str(script), str(tmp_path / "out"), "is {project} & more"])
    told = Target("http://index.test/", "t0ken", grant=command, revoke=f"{command} again")
    with told.granted("foo-bar"):
        assert (tmp_path / "out").read_text() == "is foo-bar & more"


def test_what_was_granted_is_revoked_whatever_happens(tmp_path: Path) -> None:
    told = Target("http://index.test/", "t0ken", grant=touching(tmp_path / "in"), revoke=touching(tmp_path / "out"))
    with suppress(OSError), told.granted("foo"):
        assert [path.name for path in tmp_path.iterdir()] == ["in"]
        raise OSError
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (shlex.join([sys.executable, "-c", "raise SystemExit('no such user')"]), "ended with 1: no such user"),
        ("no-such-command {project}", "cannot be carried out: .*no-such-command"),
        ("it's", "cannot be carried out: No closing quotation"),
        ("", "cannot be carried out"),
    ],
)
@pytest.mark.parametrize("option", ["--grant", "--revoke"])
def test_a_command_that_does_not_work_ends_the_run_and_says_why(
    tmp_path: Path, option: str, command: str, told: str
) -> None:
    commands = {"grant": touching(tmp_path / "it"), "revoke": touching(tmp_path / "it"), option[2:]: command}
    target = Target("http://index.test/", "t0ken", grant=commands["grant"], revoke=commands["revoke"])
    with pytest.raises(pytest.exit.Exception, match=f"^{option} {told}") as caught, target.granted("foo"):
        pass
    assert caught.value.returncode == 2
