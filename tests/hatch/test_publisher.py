"""The publisher `staged`, as Hatch calls it."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.archives.building import pack_sdist
from tests.client.test_attestations import attested
from tests.client.upload_server import Reply, UploadServer, reply
from tests.index.building import build

from hatch_staged import releases
from hatch_staged.client import waiting
from hatch_staged.client.staging import OnInterrupt
from hatch_staged.client.waiting import Waiter
from hatch_staged.hatch.staging import Options

if TYPE_CHECKING:
    from pathlib import Path

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
    assert (read["expected"], read["missing"]) == ([], [])
    again = json.loads(run("-q", *stage, "-o", "expect=*.zip,*").stdout)
    assert (again["expected"], again["missing"]) == (["*", "*.zip"], ["*.zip"])
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
        ("dry-run=yes", "-o dry-run=yes: true or false"),
        ("prune", "-o prune=: true or false"),
        ("expect= ,", "-o expect= ,: patterns of file names"),
        ("on-interrupt=stay", "-o on-interrupt=stay: keep or cancel"),
    ],
)
def test_options_that_mean_nothing(run: Run, option: str, words: str) -> None:
    ended = run("publish", "--staged", "-o", option)
    assert ended.exit_code == 2
    assert words in ended.stderr


def test_every_option_is_read() -> None:
    given = {
        "jobs": "2",
        "dry-run": "true",
        "prune": "false",
        "expect": "*.whl, *.tar.gz",
        "on-interrupt": "cancel",
        "attest": "true",
        "no_prompt": True,
    }
    expected = Options(2, dry_run=True, expect=("*.whl", "*.tar.gz"), on_interrupt=OnInterrupt.CANCEL, attest=True)
    assert Options.of(given) == expected
    assert Options.of({}) == Options()


@pytest.mark.usefixtures("configured")
def test_a_dry_run_tells_the_plan(run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex) -> None:
    stage = ("publish", "--staged", "-a", team.secret)
    maintainer.build("foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl")
    ended = run(*stage, "-o", "dry-run=true")
    assert ended.exit_code == 0, ended.output
    assert "foo-1.0.tar.gz: to be uploaded, unless a session has it that the stage file does not name" in ended.stderr
    assert "Nothing was done" in ended.stderr
    assert staged(checkout) == ()
    assert "to be uploaded" not in run(*stage).stderr
    maintainer.build("foo-1.0-cp39-abi3-win32.whl")
    assert "foo-1.0-cp39-abi3-win32.whl: not there: to be uploaded" in run(*stage, "-o", "dry-run=true").stderr
    maintainer.build("foo-1.0.tar.gz", content=b"other")
    ended = run(*stage, "-o", "dry-run=true", "-o", "prune=true")
    assert "foo-1.0.tar.gz: there, incomplete or with other bytes: to be replaced" in ended.stderr
    assert "foo-1.0-py3-none-any.whl: in the session, not among the artifacts; to be deleted" in ended.stderr
    assert len(staged(checkout)[0].artifacts) == 2
    ended = run("-v", *stage, "-o", "prune=true")
    assert "foo-1.0-py3-none-any.whl: deleted" in ended.stderr
    assert "foo-1.0.tar.gz: there, incomplete or with other bytes: to be replaced" in ended.stderr
    assert_staged(ended, checkout, "foo-1.0.tar.gz")


@pytest.mark.parametrize("configure", [False, True])
def test_what_is_expected_is_told_and_needed_to_publish(
    run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex, configured: str, *, configure: bool
) -> None:
    option = () if configure else ("-o", "expect=*.tar.gz,*.whl")
    if configure:
        checkout.configure(f'{configured}expected = ["*.tar.gz", "*.whl"]')
    maintainer.build("foo-1.0.tar.gz")
    ended = run("publish", "--staged", "-a", team.secret, *option)
    assert ended.exit_code == 0, ended.output
    assert "Not there yet, of what the whole release has: *.whl" in ended.stderr
    ended = run("stage", "publish", "-y", "-a", team.secret)
    assert ended.exit_code == 5
    assert "not everything that is expected is staged: *.whl" in ended.stderr
    assert "Not there yet" in run("publish", "--staged", "-a", team.secret).stderr, (
        "a run that says nothing forgets nothing"
    )
    maintainer.build("foo-1.0-py3-none-any.whl")
    ended = run("publish", "--staged", "-a", team.secret, *option)
    assert "Not there yet" not in ended.stderr
    assert run("stage", "publish", "-y", "-a", team.secret).exit_code == 0


def test_what_has_to_be_asked_again_is_told_to_who_wants_to_know(
    run: Run, checkout: Checkout, maintainer: Maintainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "Waiter", partial(Waiter, sleep=lambda _seconds: None))
    maintainer.build("foo-1.0.tar.gz")
    stage = ("publish", "--staged", "-a", "secret")
    with UploadServer() as index:
        checkout.configure(f'[tool.hatch.publish.staged]\nrepo = "{index.endpoint}"')
        for command in (stage, ("stage", "status", "-a", "secret")):
            for option, times in (("--verbose", 1), ("--no-color", 0)):
                index.script("GET", "/s$", Reply(503))
                ended = run(option, *command)
                assert ended.exit_code == 0, ended.output
                told = f"{index.origin}/odd/place/s: the index failed (503); once more in "
                assert ended.stderr.count(told) == times
        index.deferred_publish = 2
        assert "the index is processing" in run("-v", "stage", "publish", "-y", "-a", "secret").stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there nobody can be asked to end")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_told_to_end_tells_what_the_session_holds(
    checkout: Checkout, maintainer: Maintainer, number: signal.Signals
) -> None:
    maintainer.build("foo-1.0.tar.gz")
    with UploadServer() as index:
        checkout.configure(f'[tool.hatch.publish.staged]\nrepo = "{index.endpoint}"')
        command = [sys.executable, "-m", "hatch", "publish", "-p", "staged", "-a", "secret"]
        process = subprocess.Popen(command, cwd=checkout.folder, stderr=subprocess.PIPE, encoding="utf-8")
        index.script("POST", "/b/", Reply(200), then=lambda: process.send_signal(number))
        index.script("POST", "/c/", Reply(201))
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "interrupted: the session of foo 1.0 holds foo-1.0.tar.gz (pending)" in told
    assert "the same command resumes" in told
    assert "`hatch stage cancel foo==1.0` discards it" in told
    assert not (checkout.folder / ".stage.toml").exists()


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
def test_what_gives_access_does_not_get_into_a_release_unnoticed(
    run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex
) -> None:
    maintainer.build("foo-1.0.tar.gz")
    metadata = ("foo-1.0/PKG-INFO", b"Metadata-Version: 2.1\nName: foo\nVersion: 1.0\n")
    secret = [(f"foo-1.0/{name}", b"") for name in (".stage.toml", "pylock.stage.toml")]
    (checkout.folder / "dist" / "foo-1.0.tar.gz").write_bytes(pack_sdist([metadata, *secret]))
    ended = run("publish", "--staged", "-a", team.secret, "-o", "dry-run=true")
    for name in (".stage.toml", "pylock.stage.toml"):
        assert f"it has {name} in it, with the session tokens" in ended.stderr


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


def test_a_stage_file_that_may_be_public(
    run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex, home: Path
) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=checkout.folder, check=True)  # noqa: S607 - whichever there is
    checkout.configure(
        f'[tool.hatch.publish.staged]\nshare-token = false\nrepo = "team"\nrepos.team.url = "{team.url}"'
    )
    maintainer.build("foo-1.0.tar.gz")
    ended = run("publish", "--staged", "-a", team.secret)
    assert ended.exit_code == 0
    assert "git does not" not in ended.stderr
    assert "No secret is in it; elsewhere it needs HATCH_STAGE_TOKEN" in ended.stderr
    [kept] = json.loads((home / "data" / "staged" / "session-tokens.json").read_text()).values()
    assert kept["token"] not in (checkout.folder / ".stage.toml").read_text() + ended.output
    # who staged it needs neither credentials nor a variable
    shown = run("stage", "status")
    assert (shown.exit_code, shown.stdout.split(", ")[0].rpartition(" ")[2]) == (0, "open")


def test_a_job_of_ci_stages_without_a_secret_and_shows_none(
    run: Run, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = base64.urlsafe_b64encode(b'{"aud": "acme"}').decode().rstrip("=")
    with UploadServer() as index:
        index.script("GET", "^/_/oidc/audience", *[reply(200, {"audience": "acme"})] * 2)
        identity = reply(200, {"value": f"s3cret.{claims}.s3cret"}, Connection="close")
        index.script("GET", "^/proof", identity, identity)
        refused = reply(422, {"errors": [{"description": f"s3cret.{claims}.s3cret is nobody"}]})
        index.script("POST", "^/_/oidc/mint-token", refused, reply(200, {"token": "minted-s3cret"}))
        for name, value in {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{index.origin}/proof",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-s3cret",
            "HATCH_DEBUG": "1",
        }.items():
            monkeypatch.setenv(name, value)
        dist = checkout.folder / "dist"
        dist.mkdir()
        (dist / "foo-1.0.tar.gz").write_bytes(build("foo-1.0.tar.gz").data)

        nobody = run("-vvv", "publish", "--staged", "-r", index.endpoint)
        staged = run("-vvv", "publish", "--staged", "-r", index.endpoint)

    assert nobody.exit_code == 4, nobody.output
    assert "Traceback" in nobody.output
    assert "the index mints no token for this job (422): *** is nobody" in nobody.output
    assert staged.exit_code == 0, staged.output
    assert "foo 1.0 is staged" in staged.output
    assert "s3cret" not in nobody.output + staged.output + (checkout.folder / ".stage.toml").read_text()
    assert {file.status for file in index.files.values()} == {"completed"}


@pytest.mark.usefixtures("configured")
def test_attestations_beside_the_files_get_to_installers(
    run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex
) -> None:
    [release] = maintainer.build("foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl")
    stage = ("publish", "--staged", "-a", team.secret)
    assert run(*stage).exit_code == 0
    sdist = release.artifacts[1].path
    path = attested(sdist)

    # named as by a shell
    ended = run(*stage, f"dist/{sdist.name}", f"dist/{path.name}", "dist/foo-1.0-py3-none-any.whl")

    assert ended.exit_code == 0, ended.output
    assert f"{sdist.name}: uploaded" in ended.stderr, "the index had it without"
    [staged_release] = staged(checkout)
    with maintainer.desk.connections.open(team.repository) as client:
        page = client.project_page(staged_release.stage or "", "foo")
        assert page is not None
        told = {file.filename: file.provenance for file in page.files}
        assert told["foo-1.0-py3-none-any.whl"] is None
        with client.download(told[sdist.name] or "") as pieces:
            [bundle] = json.loads(b"".join(pieces))["attestation_bundles"]
    assert bundle["attestations"] == [json.loads(path.read_bytes())]

    ended = run(*stage)
    assert ended.exit_code == 0, ended.output
    assert "uploaded" not in ended.stderr


@pytest.mark.usefixtures("configured")
def test_all_faults_of_all_files_are_told_and_nothing_is_sent(
    run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex
) -> None:
    [release] = maintainer.build("foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl")
    wheel, sdist = (artifact.path for artifact in release.artifacts)
    attested(wheel, sha256="a" * 64)
    sdist.write_bytes(b"this is no archive")

    ended = run("publish", "--staged", "-a", team.secret)

    assert ended.exit_code == 1
    assert (
        "foo-1.0-py3-none-any.whl.publish.attestation: an attestation is of a file with the sha256 aaaa" in ended.stderr
    )
    assert "foo-1.0.tar.gz: broken archive" in ended.stderr
    assert not (checkout.folder / ".stage.toml").exists()


@pytest.mark.usefixtures("configured")
def test_attesting_without_the_extra(
    run: Run, checkout: Checkout, maintainer: Maintainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    maintainer.build("foo-1.0.tar.gz")
    monkeypatch.setitem(sys.modules, "pypi_attestations", None)

    ended = run("publish", "--staged", "-o", "attest=true")

    assert ended.exit_code == 2
    assert "-o attest=true needs the extra `attestations`" in ended.stderr
    assert not (checkout.folder / ".stage.toml").exists()
    assert "true or false is needed" in run("publish", "--staged", "-o", "attest=yes").stderr


@pytest.mark.usefixtures("configured")
def test_attesting_without_ambient_credentials(
    run: Run, checkout: Checkout, maintainer: Maintainer, team: TeamIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pypi_attestations")
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI"):
        monkeypatch.delenv(name, raising=False)
    maintainer.build("foo-1.0.tar.gz")

    ended = run("publish", "--staged", "-a", team.secret, "-o", "attest=true")

    assert ended.exit_code == 4
    assert "needs ambient credentials" in ended.stderr
    assert not (checkout.folder / ".stage.toml").exists()


@pytest.mark.usefixtures("configured")
def test_a_broken_plugin_is_named(
    run: Run, maintainer: Maintainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maintainer.build("foo-1.0.tar.gz")
    info = tmp_path / "site-packages" / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hatch_staged]\nbirds = acme_birds_that_are_not_there\n")
    monkeypatch.syspath_prepend(str(info.parent))

    ended = run("publish", "--staged")

    assert ended.exit_code == 2
    assert "the plugin birds of acme cannot be imported: ModuleNotFoundError" in ended.stderr
