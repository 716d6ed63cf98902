"""From Hatch's application to a desk: which stage file, which index, whose credentials, which folders."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click
import pytest

from hatch_staged.errors import ConfigurationError
from hatch_staged.hatch import context
from hatch_staged.hatch.context import IndexOptions
from hatch_staged.hatch.settings import Settings
from hatch_staged.repositories import Repository
from hatch_staged.stage.session_tokens import SessionTokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch.cli.application import Application
    from tests.hatch.conftest import Checkout


def test_without_hatch_there_is_no_application(tmp_path: Path, home: Path) -> None:
    del home
    assert context.application() is None
    assert not context.stage_file_in_use(tmp_path)
    (tmp_path / ".stage.toml").touch()
    assert context.stage_file_in_use(tmp_path)


def test_the_application_is_that_of_the_running_command(make_app: Callable[[], Application]) -> None:
    app = make_app()
    assert context.application() is app


def test_settings_of_the_project_and_of_the_user(checkout: Checkout, make_app: Callable[[], Application]) -> None:
    checkout.configure("[tool.hatch.publish.staged]\njobs = 2")
    checkout.config_file.write_text('[publish.staged]\njobs = 3\nrepo = "team"')
    assert context.read_settings(make_app()) == Settings(repo="team", jobs=2)


@pytest.mark.parametrize(
    ("project", "user", "words"),
    [
        ("[tool.hatch]\npublish = 1", "", "`tool.hatch.publish` must be a table"),
        ("[tool.hatch.publish]\nstaged = 1", "", "`tool.hatch.publish.staged` must be a table"),
        ("", "publish = 1", "publish   must be a table"),
        ("", "[publish]\nstaged = 1", "publish -> staged   must be a table"),
        ("]", "", "the configuration is wrong: "),
        ("[tool.hatch.publish.staged]\njobs = 0", "", "tool.hatch.publish.staged.jobs"),
    ],
)
def test_mistakes_are_told_as_ours(
    checkout: Checkout, make_app: Callable[[], Application], project: str, user: str, words: str
) -> None:
    checkout.configure(project)
    checkout.config_file.write_text(user)
    with pytest.raises(ConfigurationError) as caught:
        context.read_settings(make_app())
    assert words in caught.value.lines()[0]


def test_the_build_folder(checkout: Checkout, make_app: Callable[[], Application]) -> None:
    assert context.build_folder(make_app()) == checkout.folder / "dist"
    checkout.configure('[tool.hatch.build]\ndirectory = "out"')
    assert context.build_folder(make_app()) == checkout.folder / "out"
    checkout.configure("[tool.hatch.build]\ndirectory = 1")
    with pytest.raises(ConfigurationError, match=r"tool\.hatch\.build\.directory"):
        context.build_folder(make_app())


def test_the_stage_file(
    checkout: Checkout, make_app: Callable[[], Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    def of(option: str | None = None) -> Path:
        return context.open_desk(make_app(), IndexOptions(), stage_file_option=option).stage_file

    inside = checkout.folder / "src"
    inside.mkdir()
    monkeypatch.chdir(inside)
    assert of() == checkout.folder / ".stage.toml"
    checkout.configure('[tool.hatch.publish.staged]\nstage-file = "other.toml"')
    assert of() == checkout.folder / "other.toml"
    monkeypatch.setenv("HATCH_STAGE_FILE", "variable.toml")
    assert of() == inside / "variable.toml"
    assert of("option.toml") == inside / "option.toml"
    assert of(str(checkout.config_file)) == checkout.config_file


def test_a_desk(checkout: Checkout, home: Path, make_app: Callable[[], Application]) -> None:
    url = "https://index.example/upload/"
    checkout.configure(f'[tool.hatch.publish.staged]\nrepo = "team"\nrepos.team.url = "{url}"')
    options = IndexOptions(repo="main", user="me", auth="s", ca_cert="a", client_cert="c", client_key="k")
    desk = context.open_desk(make_app(), options)
    assert (desk.repo, desk.default_repo, desk.cache) == (None, "main", home / "cache" / "staged")
    insisting = context.open_desk(make_app(), replace(options, typed=frozenset({"repo", "auth"})))
    assert (insisting.repo, context.open_desk(make_app(), IndexOptions()).default_repo) == ("main", "team")
    assert (desk.share_token, desk.tokens) == (
        True,
        SessionTokens(home / "data/staged/session-tokens.json", os.environ),
    )
    connections = desk.connections
    assert connections.configured == {"team": Repository("team", url)}
    assert connections.local.folder == home / "data" / "staged" / "index" == context.local_index_folder(make_app())
    assert connections.memory == home / "data" / "staged" / "last-users.json"
    login = connections.login
    assert (login.typed, insisting.connections.login.typed) == (False, True)
    assert (login.user, login.auth, login.ca_cert, login.client_cert, login.client_key) == ("me", "s", "a", "c", "k")


def test_options_know_whether_they_were_typed() -> None:
    command = click.Command(
        "verb",
        params=[click.Option(["--repo"]), click.Option(["--auth"], envvar="AUTH"), click.Option(["--yes"])],
    )
    with command.make_context("verb", ["--repo", "team", "--yes", "y"]) as typed:
        assert IndexOptions.of(typed) == IndexOptions(repo="team", typed=frozenset({"repo"}))


class Terminal(io.StringIO):
    """A terminal that somebody types at."""

    def isatty(self) -> bool:
        """Be one."""
        return True


def test_somebody_is_asked_only_at_a_terminal(
    make_app: Callable[[], Application], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = io.StringIO()
    closed.close()
    for nobody in (io.StringIO(), closed, None):
        monkeypatch.setattr(sys, "stdin", nobody)
        assert context.open_desk(make_app(), IndexOptions()).connections.login.prompt is None
    monkeypatch.setattr(sys, "stdin", Terminal("\nme\n"))
    assert context.open_desk(make_app(), IndexOptions(no_prompt=True)).connections.login.prompt is None
    prompt = context.open_desk(make_app(), IndexOptions()).connections.login.prompt
    assert prompt is not None
    # a hidden answer comes from the terminal itself, so this one has to do
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _prompt: "secret")
    assert prompt("https://index.example/", None) == ("__token__", "secret")
    assert prompt("https://index.example/", "you") == ("me", "secret")
    asked = capsys.readouterr()
    assert "Username for 'https://index.example/' [you]" in asked.err
    assert asked.out == ""
