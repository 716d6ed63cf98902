"""The environment type `staged`, as far as it decides without installing; the journeys install."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from tests.hatch.test_marker import install

from hatch_staged import holding, releases
from hatch_staged.hatch import context
from hatch_staged.hatch.environment import StagedEnvironment
from hatch_staged.hatch.marker import Marker
from hatch_staged.stage import selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch.cli.application import Application
    from tests.conftest import Maintainer
    from tests.hatch.conftest import Checkout

PROJECT = """
    dependencies = ["of-project"]
    optional-dependencies.shiny = ["of-feature"]
"""
ENVIRONMENT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [dependency-groups]
    checks = ["of-group"]

    [tool.hatch.env.collectors.staged]
    [tool.hatch.envs.default]
    installer = "pip"
    dependencies = ["of-environment"]
"""


@pytest.fixture
def environment(checkout: Checkout, make_app: Callable[[], Application]) -> Callable[[str], StagedEnvironment]:
    """Return a function of further lines in the default environment's table; the environment as a new run sees it."""

    def make(options: str = "") -> StagedEnvironment:
        checkout.configure(ENVIRONMENT + options, project=PROJECT)
        made = make_app().project.get_environment("default")
        assert isinstance(made, StagedEnvironment)
        return made

    return make


def names(dependencies: Any) -> set[str]:
    """Return the names of projects."""
    return {dependency.name for dependency in dependencies}


def test_the_folder_of_the_checkouts_environment_is_left_alone(
    environment: Callable[..., StagedEnvironment], maintainer: Maintainer, checkout: Checkout
) -> None:
    maintainer.stage()
    configured = environment('path = ".venv"')
    assert str(configured.virtual_env_path) == str(checkout.folder / ".venv-staged")
    assert "staged" in Path(environment().virtual_env_path).parts


def test_the_checkout_adds_what_the_release_does_not_bring(
    environment: Callable[..., StagedEnvironment], maintainer: Maintainer
) -> None:
    maintainer.stage()
    options = 'features = ["shiny"]\ndependency-groups = ["checks"]'
    made = environment(options)
    assert names(made.all_dependencies_complex) == {"of-environment", "of-group"}
    assert names(made.local_dependencies_complex) == set()
    # Hatch's own view of them is as before
    assert list(made.features) == ["shiny"]
    assert made.skip_install is False
    assert names(environment().all_dependencies_complex) == {"of-environment"}


def test_a_checkout_that_is_not_staged_is_installed_as_ever(
    environment: Callable[..., StagedEnvironment], maintainer: Maintainer, capsys: pytest.CaptureFixture[str]
) -> None:
    maintainer.stage("bar-2.0.tar.gz")
    made = environment('features = ["shiny"]')
    assert names(made.local_dependencies_complex) == {"foo"}
    assert {"foo", "of-environment", "of-feature", "of-project"} <= names(made.all_dependencies_complex)
    with made.app_status_creation(), made.app_status_project_installation():
        pass
    assert "default: bar 2.0 from the stage" in capsys.readouterr().err


def test_a_member_of_a_workspace_that_is_staged_is_not_taken_from_its_checkout(
    environment: Callable[..., StagedEnvironment], maintainer: Maintainer, checkout: Checkout
) -> None:
    maintainer.stage("bar-2.0.tar.gz")
    for name in ("bar", "baz"):
        folder = checkout.folder / "packages" / name
        folder.mkdir(parents=True)
        needs = f'dependencies = ["of-{name}"]\noptional-dependencies.more = ["more-of-{name}"]'
        (folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "1.0"\n{needs}\n')
    members = '[{path = "packages/bar", features = ["more"]}, {path = "packages/baz", features = ["more"]}]'
    made = environment(f"workspace.members = {members}")
    assert names(made.local_dependencies_complex) == {"foo", "baz"}
    # what the staged one needs it brings along itself
    others = names(made.all_dependencies_complex)
    assert {"of-baz", "more-of-baz"} <= others
    assert not {"bar", "of-bar", "more-of-bar"} & others


def test_the_hash_follows_the_stage_and_the_features(
    environment: Callable[..., StagedEnvironment], maintainer: Maintainer
) -> None:
    maintainer.stage()
    first = environment().dependency_hash()
    assert environment().dependency_hash() == first
    assert environment('features = ["shiny"]').dependency_hash() != first
    maintainer.stage(content=b"other")
    assert environment().dependency_hash() != first


def test_what_is_tested_is_said_once(
    environment: Callable[..., StagedEnvironment], maintainer: Maintainer, capsys: pytest.CaptureFixture[str]
) -> None:
    maintainer.stage()
    made = environment()
    with made.app_status_creation():
        made.dependency_hash()
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("default: foo 1.0 from the stage (open, expires in ")
    assert sum("from the stage" in line for line in said) == 1


def test_without_the_project_only_the_others_are_installed(
    environment: Callable[..., StagedEnvironment], maintainer: Maintainer, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(options: str) -> list[str]:
        made = environment(f"skip-install = true\n{options}")
        with made.app_status_creation():
            made.dependency_hash()
        return [line.partition(" from ")[0] for line in capsys.readouterr().err.splitlines() if "from the" in line]

    maintainer.stage()
    assert told("") == []
    assert told('extra-dependencies = ["Foo"]') == ["default: foo 1.0"], "it is asked for by its name"
    maintainer.stage("bar-2.0.tar.gz")
    assert told("") == ["default: bar 2.0"]


def test_the_staged_release_is_where_its_extras_are_looked_up(
    environment: Callable[..., StagedEnvironment], maintainer: Maintainer
) -> None:
    maintainer.stage()
    made = environment('extra-dependencies = ["foo[shiny]"]')
    assert {str(dependency) for dependency in made.all_dependencies_complex} == {"of-environment", "foo[shiny]"}


def test_no_source_takes_the_place_of_what_is_staged(
    environment: Callable[..., StagedEnvironment], maintainer: Maintainer
) -> None:
    maintainer.stage()
    options = 'extra-dependencies = ["foo", "bar"]\nsources.Foo.path = "."\nsources.bar.path = "../bar"'
    made = environment(options)
    urls = {dependency.name: dependency.url for dependency in made.all_dependencies_complex}
    assert urls["foo"] is None
    assert str(urls["bar"]).startswith("file:")


def test_hatch_neither_writes_nor_applies_a_lock_file(
    environment: Callable[..., StagedEnvironment], maintainer: Maintainer
) -> None:
    maintainer.stage()
    made = environment("locked = true")
    assert made.locked is False
    with pytest.raises(click.exceptions.Exit) as ended:
        made.dependency_hash()
    assert ended.value.exit_code == 2


def test_what_is_gone_ends_the_run(
    environment: Callable[..., StagedEnvironment], maintainer: Maintainer, capsys: pytest.CaptureFixture[str]
) -> None:
    maintainer.stage()
    list(releases.cancel(maintainer.desk, releases.in_stage_file(maintainer.desk)))
    with pytest.raises(click.exceptions.Exit) as ended, environment().app_status_creation():
        pytest.fail("nothing may be created")
    assert ended.value.exit_code == 3
    assert "canceled" in capsys.readouterr().err


def pretend_to_install(made: StagedEnvironment) -> Path:
    """Leave what an installation leaves; return what says where it came from."""
    desk = context.open_desk(made.app, context.IndexOptions())
    [standing] = holding.look(desk)
    obtained = holding.obtain(desk, standing, selection.probe(sys.executable))
    marker = Marker(Path(made.virtual_env_path))
    record = install(marker, obtained.path)
    marker.finish({"releases": [f"foo {standing.release.digest}"], "features": {"foo": []}, "lock": None}, [obtained])
    made.dependency_hash()
    return record


def test_before_anything_is_installed_the_index_is_asked_whatever_it_has_just_said(
    environment: Callable[..., StagedEnvironment], maintainer: Maintainer, tmp_path: Path
) -> None:
    staged = maintainer.stage()
    record = pretend_to_install(environment())
    list(releases.cancel(replace(maintainer.desk, stage_file=tmp_path / "other.toml"), staged))
    record.write_text("{}")
    with pytest.raises(click.exceptions.Exit) as ended:
        environment().dependency_hash()
    assert ended.value.exit_code == 3


@pytest.mark.parametrize("share_token", [True, False])
def test_nothing_is_kept_of_a_stage_file_that_does_not_tell_all(
    environment: Callable[..., StagedEnvironment],
    maintainer: Maintainer,
    monkeypatch: pytest.MonkeyPatch,
    share_token: bool,  # noqa: FBT001 - a table
) -> None:
    [staged] = replace(maintainer, desk=replace(maintainer.desk, share_token=share_token)).stage()
    assert staged.session_token is not None
    monkeypatch.setenv("HATCH_STAGE_TOKEN", staged.session_token)
    made = environment()
    pretend_to_install(made)
    assert (Path(made.virtual_env_path) / "hatch-staged-outlines.json").exists() == share_token


def test_wrong_settings_end_the_run(
    environment: Callable[..., StagedEnvironment], checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout.folder / ".stage.toml").touch()
    made = environment()
    (checkout.folder / ".stage.toml").unlink()
    with pytest.raises(click.exceptions.Exit) as ended:
        made.dependency_hash()
    assert ended.value.exit_code == 2
    assert "there is no stage file" in capsys.readouterr().err
