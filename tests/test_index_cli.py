"""The verbs of whoever runs an index."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from tests.hatch.conftest import checkout, hatch, run

from hatch_staged.index import sessions, tokens
from hatch_staged.index.authorization import authenticate
from hatch_staged.index.core import open_index
from hatch_staged.index.refusals import UnauthenticatedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hatch.conftest import Run

__all__ = ["checkout", "hatch", "run"]


def test_a_token_is_created_listed_and_revoked(run: Run, tmp_path: Path) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    created = run("stage", "token", "create", *data, "--user", "me", "--project", "foo", "--can", "stage")
    assert created.exit_code == 0, created.output
    secret = created.stdout.strip()
    assert created.stderr == f"a new index in {tmp_path / 'data'}\n"
    other = run("stage", "token", "create", *data, "--user", "you")
    assert other.stderr == ""
    with open_index(tmp_path / "data") as index:
        assert authenticate(index, secret).user == "me"

    listed = run("stage", "token", "list", *data)
    assert secret not in listed.output
    lines = {line.split("  ")[1]: line.split("  ") for line in listed.stdout.splitlines()}
    assert lines["me"][2:4] == ["stage", "foo"]
    assert lines["you"][2:4] == ["publish,stage", "the user's own projects"]
    assert {line[-1] for line in lines.values()} == {"valid"}

    identifier = lines["me"][0]
    assert run("stage", "token", "revoke", identifier, *data).stdout == f"{identifier} is revoked\n"
    again = run("stage", "token", "revoke", identifier, *data)
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr.startswith(f"there is no valid token {identifier}\n  at: {tmp_path / 'data'}\n")
    assert "revoked 20" in run("stage", "token", "list", *data).stdout
    with open_index(tmp_path / "data") as index:
        with pytest.raises(UnauthenticatedError):
            authenticate(index, secret)
        assert authenticate(index, other.stdout.strip()).user == "you"


def test_a_project_is_shared_and_given_away(run: Run, tmp_path: Path) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    with open_index(tmp_path / "data") as index:
        anna = authenticate(index, tokens.create(index, user="anna"))
        session = sessions.create(index, anna, name="Light.House", version="1.0").session

    def lines() -> list[list[str]]:
        return [line.split("  ") for line in run("stage", "project", "list", *data).stdout.splitlines()]

    assert lines() == [["light-house", "anna", "no members", "reserved"]]
    for user in ("ben", "ci"):
        added = run("stage", "project", "add", "light-house", user, *data)
        assert added.stdout == f"{user} is a member of light-house\n"
        assert added.stderr == f"{user} has no valid token\n"
    assert lines() == [["light-house", "anna", "ben,ci", "reserved"]]
    removed = run("stage", "project", "remove", "light-house", "ci", *data)
    assert removed.stdout == "ci is no member of light-house any more\n"
    given = run("stage", "project", "transfer", "light-house", "ben", *data)
    assert given.stdout == "light-house belongs to ben\n"
    with open_index(tmp_path / "data") as index:
        sessions.publish(index, authenticate(index, tokens.create(index, user="ben")), session.id)
    [line] = lines()
    assert line[:3] == ["light-house", "ben", "no members"]
    assert line[3].startswith("registered 20")

    with open_index(tmp_path / "data") as index:
        made = authenticate(index, tokens.create(index, user="ben", projects=["light-house"])).token_id
    given = run("stage", "project", "transfer", "light-house", "eve", *data)
    assert given.stderr.startswith(f"token {made} of ben is made for light-house and stays good; `hatch-staged token")

    unknown = run("stage", "project", "add", "lighthouse", "ben", *data)
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith(f"there is no project lighthouse\n  at: {tmp_path / 'data'}\n")
    assert run("stage", "project", "remove", "light/house", "ben", *data).exit_code == 2


@pytest.mark.parametrize(
    "verb",
    [
        ["token", "list"],
        ["token", "revoke", "a"],
        ["project", "list"],
        ["project", "add", "foo", "me"],
        ["project", "remove", "foo", "me"],
        ["project", "transfer", "foo", "me"],
    ],
)
def test_a_folder_without_an_index(run: Run, tmp_path: Path, verb: list[str]) -> None:
    folder = tmp_path / "typo"
    ended = run("stage", *verb, "--data-dir", str(folder))
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"there is no index in {folder}\n")
    assert not folder.exists()


@pytest.mark.parametrize("listed", ["token", "project"])
def test_nothing_to_list(run: Run, tmp_path: Path, listed: str) -> None:
    with open_index(tmp_path / "data"):
        pass
    ended = run("stage", listed, "list", "--data-dir", str(tmp_path / "data"))
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "", f"no {listed}s in {tmp_path / 'data'}\n")


def test_a_right_that_there_is_not(run: Run, tmp_path: Path) -> None:
    ended = run("stage", "token", "create", "--data-dir", str(tmp_path), "--user", "me", "--can", "fly")
    assert ended.exit_code == 2


def test_serving_until_nobody_asks(run: Run, home: Path) -> None:
    ended = run("stage", "serve", "--port", "0", "--idle-timeout", "0.01")
    assert ended.exit_code == 0, ended.output
    folder = home / "data" / "staged" / "index"
    assert ended.stdout.startswith("Serving Upload 2.0 on http://127.0.0.1:")
    assert ended.stdout.endswith(f"(data in {folder})\n")


def test_stopping_what_does_not_run(run: Run, home: Path, tmp_path: Path) -> None:
    assert run("stage", "serve", "--stop").stdout == f"no index serves {home / 'data' / 'staged' / 'index'}\n"
    ended = run("stage", "serve", "--stop", "--data-dir", "elsewhere")
    # relative to here
    assert ended.stdout == f"no index serves {tmp_path / 'project' / 'elsewhere'}\n"


def test_a_port_that_is_taken_or_none(run: Run, tmp_path: Path) -> None:
    ended = run("stage", "serve", "--host", "203.0.113.1", "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert ended.exit_code == 2
    assert ended.stderr.startswith("cannot listen on 203.0.113.1")
    assert run("stage", "serve", "--port", "70000").exit_code == 2
    assert run("stage", "serve", "--idle-timeout", "0").exit_code == 2


@pytest.mark.parametrize("missing", ["obstore", "sqlalchemy", "starlette", "uvicorn"])
def test_without_the_extra(run: Run, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    for arguments in (["serve"], ["token", "list"]):
        ended = run("stage", *arguments)
        assert ended.exit_code == 2
        assert ended.stderr.startswith("the index is not installed here\n")
        assert ended.stderr.endswith("pip install 'hatch-staged[index]'\n")
