"""What the suite was told of an index: what it was not told skips a check."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BARE = Target("http://index.test/", "t0ken")


@pytest.mark.parametrize(
    ("require", "option"),
    [
        (Target.require_simple, "--simple"),
        (Target.require_legacy, "--legacy"),
        (Target.require_project_quota, "--project-quota"),
        (lambda target: target.grant_other("foo"), "--grant"),
        (lambda target: target.revoke_other("foo"), "--revoke"),
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
    told = Target("http://index.test/", "t0ken", grant=command, revoke=f"{command} {{project}}")
    told.grant_other("foo-bar")
    assert (tmp_path / "out").read_text() == "is foo-bar & more"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (shlex.join([sys.executable, "-c", "raise SystemExit('no such user')"]), "ended with 1: no such user"),
        ("no-such-command {project}", "cannot be carried out: .*no-such-command"),
        ("it's", "cannot be carried out: No closing quotation"),
        ("", "cannot be carried out"),
    ],
)
def test_a_command_that_does_not_work_ends_the_run_and_says_why(command: str, told: str) -> None:
    target = Target("http://index.test/", "t0ken", revoke=command)
    with pytest.raises(pytest.exit.Exception, match=f"^--revoke {told}") as caught:
        target.revoke_other("foo")
    assert caught.value.returncode == 2
