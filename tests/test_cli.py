"""The verbs, as ``hatch stage`` and as ``hatch-staged``: their options, their words, their exit codes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import venv
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.hatch.conftest import checkout, hatch, run

import hatch_staged
from hatch_staged import cli, releases
from hatch_staged.client.progress import Silent
from hatch_staged.stage import stagefile

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result
    from tests.conftest import Maintainer, TeamIndex
    from tests.hatch.conftest import Checkout, Run

__all__ = ["checkout", "hatch", "run"]


@pytest.fixture
def login(team: TeamIndex, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log in to `team` by a variable; `home` forgets all others first."""
    del home
    monkeypatch.setenv("HATCH_INDEX_AUTH", team.secret)


def main(*arguments: str) -> int:
    """Run ``hatch-staged`` and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    code = ended.value.code
    assert isinstance(code, int)
    return code


def in_file(folder: Path) -> list[str]:
    """Return the statuses in the stage file."""
    return [release.status.value for release in stagefile.load(folder / ".stage.toml").releases]


@pytest.mark.usefixtures("login")
def test_status(run: Run, maintainer: Maintainer, capsys: pytest.CaptureFixture[str]) -> None:
    maintainer.stage("foo-1.0.tar.gz")
    shown = run("stage", "status")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.startswith("foo 1.0 on http://127.0.0.1:")
    assert main("status") == 0
    assert capsys.readouterr().out == shown.stdout
    [release] = json.loads(run("stage", "status", "--json").stdout)["releases"]
    assert release["status"] == "open"

    list(releases.cancel(maintainer.desk, releases.in_stage_file(maintainer.desk)))
    gone = run("stage", "status")
    assert (gone.exit_code, gone.stderr) == (3, "foo 1.0 is canceled\n")
    assert "canceled" in gone.stdout
    assert main("status", "--json") == 3
    assert json.loads(capsys.readouterr().out)["releases"][0]["status"] == "canceled"


@pytest.mark.usefixtures("login")
def test_status_says_what_is_expected_and_missing(run: Run, maintainer: Maintainer, team: TeamIndex) -> None:
    found = maintainer.build("foo-1.0.tar.gz")
    list(releases.stage(maintainer.desk, team.repository, found, jobs=1, reporter=Silent(), expected=("*.gz", "*.whl")))
    shown = run("stage", "status")
    assert (shown.exit_code, shown.stdout.splitlines()[-1]) == (0, "expected: *.gz, *.whl; missing: *.whl")
    read = json.loads(run("stage", "status", "--json").stdout)
    assert (read["expected"], read["missing"]) == (["*.gz", "*.whl"], ["*.whl"])
    maintainer.stage("foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl")
    assert run("stage", "status").stdout.splitlines()[-1] == "expected: *.gz, *.whl; nothing is missing"
    list(releases.cancel(maintainer.desk, releases.in_stage_file(maintainer.desk)))
    assert "expected" not in run("stage", "status").stdout, "of what cannot be published any more"


@pytest.mark.usefixtures("login")
def test_only_who_names_an_index_on_the_command_line_insists_on_it(
    run: Run, maintainer: Maintainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    maintainer.stage("foo-1.0.tar.gz")
    other = "http://127.0.0.1:9/upload/"
    monkeypatch.setenv("HATCH_INDEX_REPO", other)
    assert run("stage", "status").exit_code == 0
    refused = run("stage", "status", "--repo", other)
    assert refused.exit_code == 2
    assert "on another index than --repo says" in refused.stderr


@pytest.mark.usefixtures("login")
@pytest.mark.parametrize(
    ("verb", "question", "state"),
    [("publish", "Publish foo 1.0?", "public"), ("cancel", "Discard foo 1.0?", "canceled")],
)
def test_what_cannot_be_undone_is_asked(run: Run, maintainer: Maintainer, verb: str, question: str, state: str) -> None:
    maintainer.stage("foo-1.0.tar.gz")
    refused = run("stage", verb, answer="n\n")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert question in refused.stderr
    assert "nothing was done" in refused.stderr
    unasked = run("stage", verb)
    assert unasked.exit_code == 2
    assert "--yes" in unasked.stderr
    assert in_file(maintainer.folder) == ["open"]
    agreed = run("stage", verb, answer="y\n")
    assert (agreed.exit_code, agreed.stdout) == (0, f"foo 1.0 is {state}\n")
    assert in_file(maintainer.folder) == [state.replace("public", "published")]


@pytest.mark.usefixtures("login")
def test_a_release_that_no_stage_file_names_is_canceled_by_its_name(
    run: Run, maintainer: Maintainer, team: TeamIndex
) -> None:
    maintainer.stage("foo-1.0.tar.gz")
    maintainer.desk.stage_file.unlink()

    def cancel(named: str, *options: str, answer: str = "") -> Result:
        return run("stage", "cancel", named, "--repo", team.url, *options, answer=answer)

    assert "Discard foo 1.0?" in cancel("Foo==1.0", answer="n\n").stderr
    ended = cancel("Foo==1.0", "-y")
    assert (ended.exit_code, ended.stderr) == (0, "foo 1.0 is canceled\n")
    again = cancel("foo==1.0", "-y")
    assert (again.exit_code, again.stderr.partition("\n")[0]) == (3, "there is no session of foo 1.0")
    assert cancel("foo", "-y").exit_code == 2


@pytest.mark.usefixtures("login")
def test_one_of_several_releases_is_canceled_by_its_name(run: Run, maintainer: Maintainer) -> None:
    maintainer.stage("foo-1.0.tar.gz", "bar-2.0-py3-none-any.whl")
    ended = run("stage", "cancel", "bar==2.0", "-y")
    assert (ended.exit_code, ended.stdout) == (0, "bar 2.0 is canceled\n")
    assert sorted(in_file(maintainer.folder)) == ["canceled", "open"]


@pytest.mark.usefixtures("login")
def test_extend(run: Run, maintainer: Maintainer) -> None:
    [staged] = maintainer.stage("foo-1.0.tar.gz")
    granted = run("stage", "extend", "2h")
    [now] = stagefile.load(maintainer.desk.stage_file).releases
    assert staged.expires_at is not None
    assert now.expires_at == staged.expires_at + timedelta(hours=2)
    told = f"foo 1.0 expires in 7 days ({now.expires_at:%Y-%m-%dT%H:%M:%SZ})\n"
    assert (granted.exit_code, granted.stdout, granted.stderr) == (0, told, "")
    less = run("stage", "extend", "3000d")
    assert less.exit_code == 0
    assert less.stdout.startswith("foo 1.0 expires in ")
    assert less.stderr.startswith("foo 1.0: 3000d more were asked for, the index granted ")
    for wrong in ("2", "0s"):
        assert run("stage", "extend", wrong).exit_code == 2
    assert "'2' is no duration, such as 2h, 3d or 1d12h" in run("stage", "extend", "2").stderr
    list(releases.cancel(maintainer.desk, releases.in_stage_file(maintainer.desk)))
    ended = run("stage", "extend", "2h")
    assert (ended.exit_code, ended.stdout) == (3, "")


@pytest.mark.usefixtures("login")
def test_wait(run: Run, maintainer: Maintainer, capsys: pytest.CaptureFixture[str]) -> None:
    maintainer.stage("bar-2.0.tar.gz", "foo-1.0.tar.gz")
    late = run("stage", "wait", "--timeout", "0s")
    assert (late.exit_code, late.stdout) == (7, "")
    assert late.stderr.splitlines()[:2] == ["bar 2.0 is open", "bar 2.0 is neither published nor canceled after 0s"]
    bar, foo = releases.in_stage_file(maintainer.desk)
    list(releases.publish(maintainer.desk, [bar]))
    list(releases.cancel(maintainer.desk, [foo]))
    ended = run("stage", "wait")
    assert (ended.exit_code, ended.stdout, ended.stderr) == (3, "bar 2.0 is published\n", "foo 1.0 is canceled\n")
    stagefile.write(maintainer.desk.stage_file, stagefile.load(maintainer.desk.stage_file).without("foo"))
    assert main("wait") == 0
    assert capsys.readouterr() == ("bar 2.0 is published\n", "")
    assert run("stage", "wait", "--timeout", "soon").exit_code == 2


@pytest.mark.usefixtures("login")
def test_the_outcome_as_json_is_all_of_stdout(run: Run, maintainer: Maintainer, team: TeamIndex) -> None:
    def outcome(*arguments: str, code: int = 0) -> dict[str, Any]:
        ended = run("stage", *arguments, "--json")
        assert ended.exit_code == code, ended.output
        read: dict[str, Any] = json.loads(ended.stdout)
        assert (read["command"], read["exit-code"]) == (arguments[0], code)
        assert (read["error"] is None) == (code == 0)
        return read

    maintainer.stage("bar-2.0.tar.gz", "foo-1.0.tar.gz")
    [bar, foo] = outcome("extend", "3000d")["releases"]
    assert (bar["project"], foo["project"], bar["status"]) == ("bar", "foo", "open")
    late = outcome("wait", "--timeout", "0s", code=7)
    assert late["error"]["what"] == "bar 2.0 is neither published nor canceled after 0s"
    assert late["releases"] == []
    assert [each["project"] for each in outcome("pull", "foo==1.0", "-r", team.url)["releases"]] == ["foo"]
    assert outcome("publish", code=2)["error"]["what"] == "nobody confirmed, so nothing was done"
    assert {each["status"] for each in outcome("publish", "-y")["releases"]} == {"published"}
    assert outcome("cancel", "-y", code=3)["error"]["what"].startswith("bar 2.0 was published already")
    assert len(outcome("wait")["releases"]) == 2
    maintainer.stage("baz-1.0.tar.gz")
    assert [each["status"] for each in outcome("cancel", "-y")["releases"]] == ["canceled"]
    assert [each["status"] for each in outcome("status", code=3)["releases"]] == ["published", "canceled", "published"]


@pytest.mark.usefixtures("login")
def test_pull_and_publish_without_words(run: Run, maintainer: Maintainer, team: TeamIndex) -> None:
    maintainer.stage("foo-1.0.tar.gz")
    stage_file = maintainer.desk.stage_file
    stage_file.unlink()
    pulled = run("stage", "pull", "foo==1.0", "-r", team.url)
    assert (pulled.exit_code, pulled.stdout) == (0, f"foo 1.0: 1 files, in {stage_file}\n")
    quiet = run("stage", "publish", "-yq")
    assert (quiet.exit_code, quiet.output) == (0, "")
    assert in_file(maintainer.folder) == ["published"]
    assert run("stage", "pull", "foo").exit_code == 2
    assert run("stage", "pull").exit_code == 2


def test_pull_without_credentials(
    run: Run, maintainer: Maintainer, team: TeamIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    [staged] = maintainer.stage("foo-1.0.tar.gz")
    stage_file = maintainer.desk.stage_file
    written = stage_file.read_bytes()
    assert staged.session_token is not None
    assert staged.stage is not None
    for variables, arguments in (
        ({}, ("--token", staged.session_token, "--repo", team.url)),
        ({}, ("--url", staged.stage)),
        ({"TOKEN": staged.session_token}, ("--repo", team.url)),
        ({"URL": staged.stage}, ("foo==1.0",)),
        ({"URL": f"{team.root}stage/another/simple/"}, ("--token", staged.session_token, "--repo", team.url)),
        ({"TOKEN": "another", "URL": ""}, ("--url", staged.stage)),
    ):
        stage_file.unlink()
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(f"HATCH_STAGE_{name}", value)
            pulled = run("stage", "pull", *arguments)
        assert (pulled.exit_code, pulled.output) == (0, f"foo 1.0: 1 files, in {stage_file}\n")
        assert stage_file.read_bytes() == written
    assert main("pull", "--token", "unknown-token-of-nobody", "--repo", team.url) == 3


def test_a_wrong_token_is_told_as_such_and_not_shown(
    run: Run, maintainer: Maintainer, team: TeamIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(maintainer, desk=replace(maintainer.desk, share_token=False)).stage("foo-1.0.tar.gz")
    monkeypatch.setenv("HATCH_STAGE_TOKEN", "mistaken")
    for verb in (("status", "-vv"), ("export", "--format", "env"), ("pull", "foo==1.0", "--repo", team.url)):
        wrong = run("stage", *verb)
        assert wrong.exit_code == 3
        assert wrong.stderr.startswith("the token of HATCH_STAGE_TOKEN does not open a stage of foo")
        assert "mistaken" not in wrong.output


@pytest.mark.usefixtures("team")
def test_install(run: Run, maintainer: Maintainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maintainer.stage("bar-2.0-py3-none-any.whl", "foo-1.0-py3-none-any.whl")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    nowhere = run("stage", "install", "--no-deps")
    assert (nowhere.exit_code, nowhere.stdout) == (2, "")
    assert nowhere.stderr.startswith("no virtual environment is active\n")
    venv.create(tmp_path / "made", with_pip=False)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "made"))
    # what is not ours is the installer's, before and after the two dashes
    first = run("stage", "install", "--no-deps", "-i", "http://127.0.0.1:9/", "foo[extra]", "-q", "--", "--no-cache")
    assert (first.exit_code, first.output) == (0, "")
    assert len([*(tmp_path / "made").rglob("direct_url.json")]) == 2
    again = run("stage", "install", "--json", "--", "--offline")
    assert [release["project"] for release in json.loads(again.stdout)["releases"]] == ["bar", "foo"]
    refused = run("stage", "install", "--no-such-option-of-any-installer")
    assert refused.exit_code == 1
    assert "could not install what is staged (exit code 2)" in refused.stderr


@pytest.mark.usefixtures("team")
def test_test(run: Run, maintainer: Maintainer, capfd: pytest.CaptureFixture[str]) -> None:
    maintainer.stage("foo-1.0-py3-none-any.whl")
    sound = run("stage", "test", "--python", sys.executable, "-q")
    assert (sound.exit_code, sound.output) == (0, "")
    told = run("stage", "test")
    assert (told.exit_code, told.stdout) == (0, "foo 1.0 passed\n")
    assert "are as its RECORD says, it has nothing to import\n" in told.stderr
    assert capfd.readouterr().out == ""
    failed = run("stage", "test", "--json", "--", "python", "-c", "print('said'); raise SystemExit(3)")
    assert json.loads(failed.stdout)["error"]["what"] == "python failed (exit code 3)"
    assert capfd.readouterr().out == ""
    for wrong in (("--copy", "gone"), ("--installer", "conda"), ("pytest", "-x")):
        assert run("stage", "test", *wrong).exit_code == 2


@pytest.mark.usefixtures("team")
def test_export(run: Run, maintainer: Maintainer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [staged] = maintainer.stage("foo-1.0-py3-none-any.whl")
    shown = {kind: run("stage", "export", "--format", kind) for kind in ("pylock", "requirements", "json", "env")}
    for kind, ended in shown.items():
        assert (ended.exit_code, ended.stderr) == (0, ""), kind
        assert str(staged.session_token) in ended.stdout
    written = run("stage", "export", "--format", "pylock", "-o", "pylock.stage.toml")
    assert (written.exit_code, written.output) == (0, "pylock.stage.toml has foo 1.0\n")
    assert (maintainer.folder / "pylock.stage.toml").read_text() == shown["pylock"].stdout
    chosen = run("stage", "export", "--format", "requirements", "--python", sys.executable).stdout.splitlines()
    assert chosen[-1] == shown["requirements"].stdout.splitlines()[-1]

    subprocess.run(["git", "init", "--quiet"], cwd=maintainer.folder, check=True)  # noqa: S607 - whichever there is
    to_file = ("stage", "export", "--format", "env", "-o", "stage.env")
    assert "git does not ignore stage.env: whoever gets it can install" in run(*to_file).stderr
    (maintainer.folder / ".gitignore").write_text("stage.env\n")
    assert run(*to_file).stderr == "stage.env has foo 1.0\n"

    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    assert run("stage", "export", "--format", "github").exit_code == 2
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    masked = run("stage", "export", "--format", "github")
    assert (masked.exit_code, masked.output) == (0, f"::add-mask::{staged.session_token}\n")
    assert (tmp_path / "GITHUB_OUTPUT").read_text().startswith("releases<<")
    for wrong in (
        ("--format", "github", "-o", "x"),
        ("--format", "json", "--json"),
        ("--format", "pylock", "-o", "lock.toml"),
        ("--format", "poetry"),
        (),
    ):
        assert run("stage", "export", *wrong).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("stage", "status", "-v", "-q", "--no-color"),
        ("-vv", "--no-color", "stage", "status", "-qq"),
        ("stage", "extend", "1d12h", "--json", "-v"),
        ("stage", "wait", "--timeout", "3d", "-q"),
        ("stage", "publish", "--yes", "--verbose", "--no-prompt"),
        ("stage", "cancel", "--quiet", "-y", "-u", "me"),
        ("stage", "pull", "foo==1", "--stage-file", "nothing/x.toml", "-r", "nothing"),
    ],
)
def test_every_verb_takes_the_shared_options(run: Run, arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert ended.exit_code == 2
    assert ended.stderr.startswith(("there is no stage file\n", "unknown repository 'nothing'\n"))


def test_a_stage_file_is_named_from_here(run: Run, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = checkout.folder / "src"
    inside.mkdir()
    monkeypatch.chdir(inside)
    for arguments, expected in (
        ((), checkout.folder / ".stage.toml"),
        (("--stage-file", "x.toml"), inside / "x.toml"),
        (("--stage-file", str(checkout.folder / "x.toml")), checkout.folder / "x.toml"),
    ):
        assert f"at: {expected}\n" in run("stage", "status", *arguments).stderr


def test_the_command_by_itself(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("--version") == 0
    assert capsys.readouterr().out == f"hatch-staged, version {hatch_staged.__version__}\n"
    assert main() == 0
    alone = capsys.readouterr().err
    assert alone.startswith("Usage: hatch-staged [OPTIONS]")
    assert main("--help") == 0
    assert set(cli.stage.commands) <= set(capsys.readouterr().out.split())
    assert main("nothing") == 2
    assert main("status") == 2
    assert checkout.config_file.is_file()


@pytest.mark.parametrize("broken", ["pyproject.toml", "config.toml"])
def test_a_broken_file_is_told_in_a_sentence(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    path = checkout.config_file if broken == "config.toml" else checkout.folder / broken
    path.write_text("[")
    assert main("status") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) <= 3
    assert "configuration" in lines[0]


def test_a_failure_before_any_verb_has_no_traceback(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.config_file.write_text("mode = 1")
    assert main("status") == 1
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("HATCH_DEBUG", "1")
    assert main("status") == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals on Windows")
def test_ctrl_c_ends_without_a_traceback(maintainer: Maintainer, checkout: Checkout, home: Path) -> None:
    maintainer.stage("foo-1.0.tar.gz")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        stage_file = maintainer.desk.stage_file
        index = stagefile.load(stage_file).releases[0].index
        stage_file.write_text(stage_file.read_text().replace(index, f"http://127.0.0.1:{port}/upload/"))
        command = [sys.executable, "-m", "hatch_staged", "status", "--auth", "x"]
        variables = {**os.environ, "HATCH_DATA_DIR": str(home)}
        with subprocess.Popen(
            command, cwd=checkout.folder, env=variables, stderr=subprocess.PIPE, text=True
        ) as process:
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(10)
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (1, "Aborted!")
