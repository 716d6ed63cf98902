"""The publisher `staged`, as Hatch calls it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from hatch_staged import releases

if TYPE_CHECKING:
    from click.testing import Result
    from tests.conftest import Maintainer, TeamIndex
    from tests.hatch.conftest import Checkout, Run

    from hatch_staged.stage.model import StagedRelease


@pytest.fixture
def configured(checkout: Checkout, team: TeamIndex) -> str:
    """Configure `team` as the project's index; return the TOML of it."""
    toml = f'[tool.hatch.publish.staged]\nrepo = "team"\nrepos.team.url = "{team.url}"\n'
    checkout.configure(toml)
    return toml


def staged(checkout: Checkout) -> tuple[StagedRelease, ...]:
    """Return the releases in the stage file."""
    return releases.load_or_empty(checkout.folder / ".stage.toml").releases


def assert_staged(ended: Result, checkout: Checkout, *filenames: str) -> None:
    assert ended.exit_code == 0, ended.output
    assert [artifact.filename for release in staged(checkout) for artifact in release.artifacts] == list(filenames)
    (checkout.folder / ".stage.toml").unlink()


@pytest.mark.usefixtures("configured")
def test_the_build_folder_or_what_is_named(
    run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex
) -> None:
    maintainer.build("bar-2.0.tar.gz", "foo-1.0.tar.gz")
    ended = run("publish", "--staged", "-a", team.secret)
    assert "foo-1.0.tar.gz: uploaded" in ended.stderr
    assert "bar 2.0 is staged on team, not published" in ended.stderr
    assert f"{checkout.folder / '.stage.toml'} names it" in ended.stderr
    assert_staged(ended, checkout, "bar-2.0.tar.gz", "foo-1.0.tar.gz")
    assert_staged(run("publish", "--staged", "-a", team.secret, "dist/foo*"), checkout, "foo-1.0.tar.gz")


def test_a_build_folder_of_ones_own(
    run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex, configured: str
) -> None:
    maintainer.build("foo-1.0.tar.gz")
    (checkout.folder / "dist").rename(checkout.folder / "out")
    checkout.configure(f'{configured}[tool.hatch.build]\ndirectory = "out"')
    assert_staged(run("publish", "--staged", "-a", team.secret), checkout, "foo-1.0.tar.gz")


@pytest.mark.usefixtures("configured")
def test_quiet(run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex) -> None:
    maintainer.build("foo-1.0.tar.gz")
    ended = run("-q", "publish", "--staged", "-a", team.secret)
    assert ended.output == ""
    assert_staged(ended, checkout, "foo-1.0.tar.gz")


@pytest.mark.usefixtures("configured")
def test_the_outcome_as_json(run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex) -> None:
    stage = ("publish", "--staged", "-a", team.secret, "-o", "json=true")
    maintainer.build("bar-2.0.tar.gz", "foo-1.0.tar.gz")
    ended = run(*stage)
    assert "foo-1.0.tar.gz: uploaded" in ended.stderr
    read = json.loads(ended.stdout)
    assert (read["command"], read["exit-code"], read["error"]) == ("stage", 0, None)
    assert [(each["project"], each["status"], each["index"]) for each in read["releases"]] == [
        ("bar", "open", team.url),
        ("foo", "open", team.url),
    ]
    assert [each["digest"] for each in read["releases"]] == [release.digest for release in staged(checkout)]
    again = json.loads(run("-q", *stage).stdout)
    assert {file["step"] for each in again["releases"] for file in each["files"]} == {"keep"}

    list(releases.publish(maintainer.desk, [each for each in staged(checkout) if each.project == "foo"]))
    maintainer.build("bar-2.0.tar.gz", "foo-1.0.tar.gz", content=b"other")
    failed = run(*stage)
    assert failed.exit_code == 5
    read = json.loads(failed.stdout)
    assert [(each["project"], each["status"]) for each in read["releases"]] == [("bar", "open"), ("foo", None)]
    assert [file["step"] for each in read["releases"] for file in each["files"]] == ["replace", "upload"]
    assert read["error"]["what"].startswith("foo-1.0.tar.gz: ")
    assert read["exit-code"] == 5


@pytest.mark.usefixtures("configured")
def test_hatchs_variables(
    run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    maintainer.build("foo-1.0.tar.gz")
    monkeypatch.setenv("HATCH_INDEX_AUTH", team.secret)
    monkeypatch.setenv("HATCH_INDEX_REPO", "http://127.0.0.1:9/upload/")
    monkeypatch.setenv("HATCH_PUBLISHER_OPTIONS", "jobs=1")
    assert_staged(run("publish", "--staged", "-r", "team"), checkout, "foo-1.0.tar.gz")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("job=3", "unknown options: -o job"),
        ("json=yes", "-o json=yes: true or false is needed"),
        ("jobs", "-o jobs=: a whole number"),
        ("jobs=0", "-o jobs=0: a whole number"),
        ("jobs=-1", "-o jobs=-1: a whole number"),
        ("jobs=²", "-o jobs=²: a whole number"),
    ],
)
def test_options_that_mean_nothing(run: Run, option: str, words: str) -> None:
    ended = run("publish", "--staged", "-o", option)
    assert ended.exit_code == 2
    assert words in ended.stderr


@pytest.mark.usefixtures("configured")
def test_without_credentials_nobody_is_asked_here(run: Run, maintainer: Maintainer) -> None:
    maintainer.build("foo-1.0.tar.gz")
    for option in ("-n", "-y"):
        ended = run("publish", "--staged", option)
        assert ended.exit_code == 4
        assert "no credentials" in ended.stderr


@pytest.mark.usefixtures("configured")
def test_a_release_that_fails_leaves_what_was_staged_before(
    run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex
) -> None:
    list(releases.publish(maintainer.desk, maintainer.stage("foo-1.0.tar.gz")))
    maintainer.build("bar-2.0.tar.gz", "foo-1.0.tar.gz", content=b"other")
    ended = run("publish", "--staged", "-a", team.secret)
    assert ended.exit_code == 5, ended.output
    assert [(release.project, release.status.value) for release in staged(checkout)] == [
        ("bar", "open"),
        ("foo", "published"),
    ]


@pytest.mark.usefixtures("configured")
def test_a_stage_file_that_could_be_committed_is_told(
    run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    maintainer.build("foo-1.0.tar.gz")
    stage = ("publish", "--staged", "-a", team.secret)
    assert "git does not" not in run(*stage).stderr
    subprocess.run(["git", "init", "--quiet"], cwd=checkout.folder, check=True)  # noqa: S607 - whichever there is
    assert "git does not ignore .stage.toml" in run(*stage).stderr
    (checkout.folder / ".gitignore").write_text(".stage.toml\n")
    assert "git does not" not in run(*stage).stderr
    (checkout.folder / ".gitignore").unlink()
    monkeypatch.setenv("PATH", "")
    assert "git does not" not in run(*stage).stderr
