"""``--staged`` on Hatch's own command, and the group ``stage`` beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from hatch_staged.cli import stage
from hatch_staged.hatch.commands import extend

if TYPE_CHECKING:
    from tests.hatch.conftest import Checkout, Run


@pytest.fixture
def group() -> tuple[click.Group, list[dict[str, Any]]]:
    """Return a root group with a command like Hatch's `publish`, extended, and the list of its calls."""
    calls: list[dict[str, Any]] = []

    @click.command()
    @click.argument("artifacts", nargs=-1)
    @click.option("--publisher", "-p", "publisher_name", default="index", envvar="HATCH_PUBLISHER")
    def publish(**options: Any) -> None:
        """Publish build artifacts."""
        calls.append(options)

    root = click.Group("hatch", commands={"publish": publish})
    extend(root)
    return root, calls


def test_extending_twice_changes_nothing(hatch: click.Group) -> None:
    extend(hatch)
    group = hatch.commands["stage"]
    options = list(hatch.commands["publish"].params)
    callback = hatch.commands["publish"].callback
    extend(hatch)
    assert hatch.commands["stage"] is group
    assert hatch.commands["publish"].params == options
    assert hatch.commands["publish"].callback is callback
    assert [option.name for option in options].count("staged") == 1


def test_the_group_is_that_of_the_command_of_its_own(hatch: click.Group) -> None:
    extend(hatch)
    listed = CliRunner().invoke(hatch, ["--help"]).output
    assert f"stage    {stage.short_help}" in listed
    shown = CliRunner().invoke(hatch, ["stage", "--help"]).output
    assert shown.partition("\n")[2] == CliRunner().invoke(stage, ["--help"]).output.partition("\n")[2]


def test_a_group_of_hatchs_own_stays(hatch: click.Group) -> None:
    theirs = click.Group("stage")
    hatch.add_command(theirs)
    extend(hatch)
    assert hatch.commands["stage"] is theirs


def test_the_option_is_the_first_in_the_help(run: Run) -> None:
    shown = run("publish", "--help").output
    options = [line.split()[0] for line in shown.partition("Options:")[2].splitlines() if line.startswith("  -")]
    assert options[0] == "--staged"
    assert "Work with a staged release" in run("--help").output


def test_another_publisher_is_not_touched(group: tuple[click.Group, list[dict[str, Any]]]) -> None:
    root, calls = group
    ended = CliRunner().invoke(root, ["publish", "a.whl", "-p", "other"])
    assert ended.exit_code == 0, ended.output
    assert calls == [{"artifacts": ("a.whl",), "publisher_name": "other"}]


def test_both_at_once_is_wrong_usage(run: Run) -> None:
    for other in ("index", "other"):
        ended = run("publish", "--staged", "-p", other)
        assert ended.exit_code == 2
        assert f"--staged and --publisher {other} exclude each other" in ended.output


def test_a_variable_gives_way(run: Run, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    del checkout
    monkeypatch.setenv("HATCH_PUBLISHER", "index")
    for arguments in (["--staged"], ["--staged", "-p", "staged"], ["-p", "staged"]):
        ended = run("publish", *arguments)
        # our publisher's words
        assert "there is nothing to stage" in ended.output
        assert ended.exit_code == 2


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[", "the configuration is wrong"),
        ("[tool.hatch]\npublish = 3", "`tool.hatch.publish` must be a table"),
        ("[tool.hatch.publish]\nstaged = 3", "`tool.hatch.publish.staged` must be a table"),
        ("[tool.hatch.publish.staged]\ndisable = 3", "tool.hatch.publish.staged.disable must be true or false"),
        ("[tool.hatch]\nbuild = 3", "`tool.hatch.build` must be a table"),
    ],
)
def test_a_mistake_in_the_configuration_is_a_sentence(run: Run, checkout: Checkout, toml: str, words: str) -> None:
    checkout.configure(toml)
    ended = run("publish", "--staged")
    assert ended.exit_code == 2, ended.output
    assert words in ended.output
    assert len(ended.output.splitlines()) <= 3


def test_a_publisher_that_is_switched_off(run: Run, checkout: Checkout) -> None:
    checkout.configure("[tool.hatch.publish.staged]\ndisable = true")
    ended = run("publish", "--staged", "--no-prompt")
    assert ended.exit_code == 1
    assert "Publisher is disabled: staged" in ended.output
    assert run("publish", "--staged", "--yes").exit_code == 2


def test_a_hatch_that_is_built_otherwise_is_not_half_extended() -> None:
    publish = click.Command("publish", params=[click.Option(["--repo"])])
    with pytest.raises(TypeError, match="no callback"):
        extend(click.Group("hatch", commands={"publish": publish}))
