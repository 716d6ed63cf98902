"""`hatch stage release`, with `hatch stage test` for its tests; `tests/journeys` has the project's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hatch_staged import releases
from hatch_staged.stage import stagefile

if TYPE_CHECKING:
    from tests.conftest import Maintainer, TeamIndex
    from tests.hatch.conftest import Checkout, Run

WHEEL = "foo-1.0-py3-none-any.whl"
#: None of ours takes it, so its test fails.
UNFIT = "foo-1.0-py2-none-any.whl"


@pytest.fixture(autouse=True)
def _configured(checkout: Checkout, team: TeamIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.configure(f'[tool.hatch.publish.staged]\nrepo = "team"\nrepos.team.url = "{team.url}"\n')
    monkeypatch.setenv("HATCH_INDEX_AUTH", team.secret)


def in_file(checkout: Checkout) -> dict[str, str]:
    return {each.project: each.status.value for each in stagefile.load(checkout.folder / ".stage.toml").releases}


def test_nothing_is_done_where_nobody_can_be_asked(run: Run, checkout: Checkout, maintainer: Maintainer) -> None:
    maintainer.build(WHEEL)
    # what is piped into it is no agreement
    refused = run("stage", "release", answer="y\n")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("there is no terminal to ask at whether to publish, so nothing was done\n")
    assert not (checkout.folder / ".stage.toml").exists()


def test_what_passes_its_test_is_published(run: Run, checkout: Checkout, maintainer: Maintainer) -> None:
    maintainer.build(WHEEL, "foo-1.0.tar.gz")
    ended = run("stage", "release", "--yes", "-o", "jobs=1")
    assert (ended.exit_code, ended.stdout) == (0, "foo 1.0 is public\n")
    lines = iter(ended.stderr.splitlines())
    for told in ("is staged on team, not published", "has no script `test`", "are as its RECORD says"):
        assert any(told in line for line in lines), told
    assert in_file(checkout) == {"foo": "published"}
    again = run("stage", "release", "--yes")
    assert again.exit_code == 5


def test_what_fails_its_test_stays_staged(run: Run, checkout: Checkout, maintainer: Maintainer) -> None:
    maintainer.build(UNFIT)
    failed = run("stage", "release", "--yes")
    assert (failed.exit_code, failed.stdout) == (1, "")
    what, _, hint = failed.stderr.splitlines()[-3:]
    assert what.endswith("none of its wheels fits; they are for py2-none-any; foo 1.0 is not published")
    assert hint == "  try: mend it and repeat; `hatch stage publish` publishes it, `hatch stage cancel` discards it"
    assert in_file(checkout) == {"foo": "open"}


def test_what_fails_its_test_is_canceled_if_that_is_wanted(
    run: Run, checkout: Checkout, maintainer: Maintainer
) -> None:
    maintainer.build(UNFIT)
    failed = run("stage", "release", "--yes", "--cancel-on-failure", "--json")
    assert failed.exit_code == 1
    document = json.loads(failed.stdout)
    assert (document["command"], document["exit-code"]) == ("release", 1)
    assert document["error"]["hint"] == "mend it and repeat; what was staged is canceled"
    [release] = document["releases"]
    assert (release["status"], [file["step"] for file in release["files"]]) == ("canceled", ["upload"])
    assert in_file(checkout) == {"foo": "canceled"}


def test_nothing_else_of_the_stage_file_is_published(run: Run, checkout: Checkout, maintainer: Maintainer) -> None:
    maintainer.stage("bar-2.0-py3-none-any.whl")
    maintainer.build(WHEEL)
    ended = run("stage", "release", "--yes")
    assert (ended.exit_code, ended.stdout) == (0, "foo 1.0 is public\n")
    assert "bar 2.0: " in ended.stderr
    assert in_file(checkout) == {"bar": "open", "foo": "published"}


def test_half_a_release_is_not_even_tested(run: Run, checkout: Checkout, maintainer: Maintainer) -> None:
    maintainer.build(WHEEL)
    ended = run("stage", "release", "--yes", "-o", "expect=*.tar.gz")
    assert ended.exit_code == 5
    assert "not everything that is expected is staged: *.tar.gz\n" in ended.stderr
    assert "RECORD" not in ended.stderr
    assert in_file(checkout) == {"foo": "open"}


@pytest.mark.parametrize("option", ["dry-run=true", "json=true", "on-interrupt=keep", "nothing=1"])
def test_options_that_make_no_sense(run: Run, checkout: Checkout, maintainer: Maintainer, option: str) -> None:
    maintainer.build(WHEEL)
    ended = run("stage", "release", "--yes", "-o", option)
    assert (ended.exit_code, f"-o {option.partition('=')[0]}" in ended.stderr) == (2, True)
    assert not (checkout.folder / ".stage.toml").exists()


def test_a_script_that_would_test_something_else(run: Run, checkout: Checkout, maintainer: Maintainer) -> None:
    maintainer.build(WHEEL)
    ended = run("stage", "release", "--yes", "--run", "test")
    assert ended.exit_code == 2
    assert "the environment `default` does not install what is staged" in ended.stderr
    assert not (checkout.folder / ".stage.toml").exists()


def test_another_release_of_the_stage_file_that_is_gone(run: Run, checkout: Checkout, maintainer: Maintainer) -> None:
    maintainer.stage("bar-2.0-py3-none-any.whl")
    before = maintainer.desk.stage_file.read_bytes()
    list(releases.cancel(maintainer.desk, releases.in_stage_file(maintainer.desk)))
    maintainer.desk.stage_file.write_bytes(before)
    maintainer.build(WHEEL)
    ended = run("stage", "release", "--yes")
    assert ended.exit_code == 3
    assert "; foo 1.0 is not published\n" in ended.stderr
    assert in_file(checkout) == {"bar": "open", "foo": "open"}
