"""The collector decides by the configuration that Hatch itself would read; these are Hatch's own classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch.cli.application import Application
    from tests.hatch.conftest import Checkout

LISTED = "[tool.hatch.env.collectors.staged]\nenvs = {}\n"


@pytest.fixture
def types(checkout: Checkout, make_app: Callable[[], Application]) -> Callable[..., dict[str, str]]:
    """Return a function of the listed environments and of further TOML; environment -> its type for Hatch."""

    def read(envs: str, toml: str = "", *, stage_file: str | None = ".stage.toml") -> dict[str, str]:
        checkout.configure(LISTED.format(envs) + toml)
        if stage_file is not None:
            (checkout.folder / stage_file).touch()
        config = make_app().project.config
        return {name: env["type"] for name, env in {**config.internal_envs, **config.envs}.items()}

    return read


def refusal(types: Callable[..., dict[str, str]], envs: str, toml: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the first line of what is said when the environments cannot be as they are configured."""
    with pytest.raises(click.exceptions.Exit) as caught:
        types(envs, toml)
    assert caught.value.exit_code == 2
    return capsys.readouterr().err.splitlines()[0]


def test_without_a_stage_file_all_is_as_ever(types: Callable[..., dict[str, str]]) -> None:
    assert types('["default"]', stage_file=None)["default"] == "virtual"
    # not even a mistake in the list is looked at
    assert types('["nothing"]', stage_file=None)["default"] == "virtual"


def test_the_listed_ones_and_no_others(types: Callable[..., dict[str, str]]) -> None:
    toml = """
        [tool.hatch.envs.heir]
        [tool.hatch.envs.second-heir]
        template = "heir"
        [tool.hatch.envs.alone]
        detached = true
    """
    found = types('["default"]', toml)
    assert {name for name, kind in found.items() if kind == "staged"} == {"default"}
    found = types('["heir", "hatch-test"]', toml)
    staged = {name for name, kind in found.items() if kind == "staged"}
    assert "default" not in staged
    assert {name.partition(".")[0] for name in staged} == {"heir", "hatch-test"}


def test_an_empty_list_and_none(
    types: Callable[..., dict[str, str]], checkout: Checkout, make_app: Callable[[], Application]
) -> None:
    assert "staged" not in types("[]").values()
    checkout.configure("[tool.hatch.env.collectors.staged]")
    assert make_app().project.config.envs["default"]["type"] == "staged"
    checkout.configure("")
    assert make_app().project.config.envs["default"]["type"] == "virtual"


def test_a_matrix_is_staged_as_a_whole(types: Callable[..., dict[str, str]]) -> None:
    toml = """
        [[tool.hatch.envs.check.matrix]]
        flavor = ["sweet", "sour"]
        [[tool.hatch.envs.other.matrix]]
        flavor = ["sweet"]
    """
    found = types('["check"]', toml)
    assert (found["check.sweet"], found["check.sour"], found["other.sweet"]) == ("staged", "staged", "virtual")


def test_one_environment_of_a_matrix(types: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    toml = """
        [[tool.hatch.envs.check.matrix]]
        flavor = ["sweet", "sour"]
        [[tool.hatch.envs.default.matrix]]
        size = ["small", "large"]
        [[tool.hatch.envs.box.matrix]]
        size = ["small"]
        [tool.hatch.envs.box]
        type = "container"
    """
    found = types('["check.sour", "large", "hatch-test.py3.12"]', toml)
    assert {name for name, kind in found.items() if kind == "staged"} == {"check.sour", "large", "hatch-test.py3.12"}
    assert refusal(types, '["check.sour", "check.bitter"]', toml, capsys).endswith("unknown environments: check.bitter")
    assert refusal(types, '["box.small"]', toml, capsys).startswith("environment `box.small` has the type `container`")


@pytest.mark.parametrize("envs", ['"default"', "[1]", "{default = true}"])
def test_a_list_that_is_none(
    types: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str], envs: str
) -> None:
    said = refusal(types, envs, "", capsys)
    assert said == "tool.hatch.env.collectors.staged.envs must be an array of strings"


def test_unknown_names(types: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(types, '["default", "defualt", "tset"]', "", capsys)
    assert said == "tool.hatch.env.collectors.staged.envs names unknown environments: defualt, tset"


@pytest.mark.parametrize(
    "toml",
    [
        '[tool.hatch.envs.box]\ntype = "container"',
        '[tool.hatch.envs.box]\ntemplate = "base"\n[tool.hatch.envs.base]\ntype = "container"',
        '[tool.hatch.envs.box]\n[tool.hatch.envs.default]\ntype = "container"',
    ],
)
def test_a_type_that_cannot_be_staged(
    types: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str], toml: str
) -> None:
    assert refusal(types, '["box"]', toml, capsys).startswith("environment `box` has the type `container`")


def test_a_type_of_somebody_elses_stays(types: Callable[..., dict[str, str]]) -> None:
    toml = """
        [tool.hatch.envs.default]
        type = "container"
        [tool.hatch.envs.plain]
        type = "virtual"
        [tool.hatch.envs.heir]
        [tool.hatch.envs.alone]
        detached = true
    """
    found = types('["plain", "alone"]', toml)
    assert [found[name] for name in ("default", "plain", "heir", "alone")] == [
        "container",
        "staged",
        "container",
        # detached: it inherits nothing, so its own type is the usual one
        "staged",
    ]


def test_inheritance_that_goes_wrong_is_hatchs_to_report(types: Callable[..., dict[str, str]]) -> None:
    circle = '[tool.hatch.envs.a]\ntemplate = "b"\n[tool.hatch.envs.b]\ntemplate = "a"'
    with pytest.raises(ValueError, match="Circular inheritance"):
        types('["a"]', circle)
    with pytest.raises(ValueError, match="unknown environment `nothing`"):
        types('["a"]', '[tool.hatch.envs.a]\ntemplate = "nothing"')


@pytest.mark.parametrize(("value", "kind"), [("off", "virtual"), ("OFF", "virtual"), ("0", "staged"), ("", "staged")])
def test_the_switch(
    types: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch, value: str, kind: str
) -> None:
    monkeypatch.setenv("HATCH_STAGED", value)
    assert types('["default"]')["default"] == kind


def test_another_stage_file(types: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    setting = '[tool.hatch.publish.staged]\nstage-file = "staged.toml"\n'
    assert types('["default"]', setting, stage_file=None)["default"] == "virtual"
    assert types('["default"]', setting, stage_file="staged.toml")["default"] == "staged"
    monkeypatch.setenv("HATCH_STAGE_FILE", "of-ci.toml")
    # named, so that its absence is an error of the environment
    assert types('["default"]', setting, stage_file=None)["default"] == "staged"
    assert types('["default"]', setting, stage_file="of-ci.toml")["default"] == "staged"


def test_wrong_settings_are_told(types: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(types, '["default"]', "[tool.hatch.publish.staged]\njobs = 0", capsys)
    assert said.startswith("tool.hatch.publish.staged.jobs")
