"""What is wrong on this side of the wire is told in three lines at most, and nothing is uploaded or lost."""

from __future__ import annotations

import http.server
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.in_thread import InThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.journeys.conftest import Person, Ran, RunningIndex


@pytest.fixture
def project(maintainer: Person, make_project: Callable[..., Path]) -> Path:
    """Return a built project."""
    root = make_project("ours", origin="release")
    maintainer.build(root)
    return root


@pytest.fixture
def stage(maintainer: Person, index: RunningIndex, project: Path) -> Callable[..., Ran]:
    """Return a function that stages the project at the index."""
    return lambda *arguments: maintainer.hatch(
        "publish", "--staged", "-r", index.url, "-a", index.token, *arguments, cwd=project
    )


def assert_refused(ran: Ran, code: int, *words: str) -> None:
    assert ran.code == code, ran.err
    assert len(ran.complaint) <= 3
    for word in words:
        assert word in ran.err
    assert "Traceback" not in ran.out + ran.err


def assert_nothing_uploaded(index: RunningIndex, project: Path) -> None:
    assert index.objects == []
    assert not (project / ".stage.toml").exists()


def test_no_artifacts(stage: Callable[..., Ran], index: RunningIndex, project: Path) -> None:
    for path in (project / "dist").iterdir():
        path.unlink()
    assert_refused(stage(), 2, "hatch build")
    assert_refused(stage("dist/*.whl"), 2, "dist/*.whl")
    assert_nothing_uploaded(index, project)


def test_a_broken_wheel(stage: Callable[..., Ran], index: RunningIndex, project: Path) -> None:
    wheel = project / "dist" / "lantern-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes()[:-100])
    assert_refused(stage(), 1, wheel.name)
    assert_nothing_uploaded(index, project)


def test_two_versions_in_the_build_folder(
    stage: Callable[..., Ran], index: RunningIndex, project: Path, maintainer: Person
) -> None:
    assert maintainer.hatch("version", "1.1", cwd=project).code == 0
    maintainer.build(project)
    assert_refused(stage(), 2, "1.0", "1.1")
    assert_nothing_uploaded(index, project)
    named = stage("dist/*1.1*")
    assert named.code == 0, named.err


def test_a_wheel_whose_name_and_metadata_disagree(
    stage: Callable[..., Ran], index: RunningIndex, project: Path
) -> None:
    wheel = project / "dist" / "lantern-1.0-py3-none-any.whl"
    wheel.rename(wheel.with_name("lantern-1.0.post1-py3-none-any.whl"))
    assert_refused(stage("dist/*.whl"), 1, "lantern-1.0.post1-py3-none-any.whl", "1.0")
    assert_nothing_uploaded(index, project)


def test_a_credential_in_the_project(
    maintainer: Person, stage: Callable[..., Ran], index: RunningIndex, project: Path
) -> None:
    original = (project / "pyproject.toml").read_text()
    for table in (
        '[tool.hatch.publish.staged]\nauth = "s3cret"',
        '[tool.hatch.publish.staged.repos.team]\nurl = "https://index.example.com/"\nuser = "me"\nauth = "s3cret"',
        '[tool.hatch.publish.staged.repos.team]\nurl = "https://me:s3cret@index.example.com/"',
        '[tool.hatch.publish.staged]\nrepo = "https://me:s3cret@index.example.com/"',
    ):
        (project / "pyproject.toml").write_text(f"{original}\n{table}\n")
        for ran in (stage(), maintainer.hatch("stage", "status", cwd=project)):
            assert_refused(ran, 2, "tool.hatch.publish.staged", ".pypirc")
            assert "s3cret" not in ran.out + ran.err
    assert_nothing_uploaded(index, project)


def test_every_mistake_in_the_settings_at_once(stage: Callable[..., Ran], index: RunningIndex, project: Path) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write('[tool.hatch.publish.staged]\njobs = 0\nrepos.team.simple = "ftp://x"\nstage_file = "x"\n')
    path = "tool.hatch.publish.staged"
    assert_refused(
        stage(), 2, f"{path}.jobs", f"{path}.repos.team.simple", f"{path}.repos.team.url", f"{path}.stage_file"
    )
    assert_nothing_uploaded(index, project)


def test_a_stage_file_with_a_path_in_a_file_name(maintainer: Person, stage: Callable[..., Ran], project: Path) -> None:
    assert stage().code == 0
    stage_file = project / ".stage.toml"
    text = stage_file.read_text().replace('name = "lantern-1.0.tar.gz"', 'name = "../lantern-1.0.tar.gz"')
    stage_file.write_text(text)
    for arguments in (["stage", "status"], ["stage", "publish", "-y"], ["run", "test"], ["publish", "-p", "staged"]):
        assert_refused(maintainer.hatch(*arguments, cwd=project), 2, ".stage.toml", "packages[0]")
    assert stage_file.read_text() == text


def test_an_unknown_repository_and_an_unknown_option(stage: Callable[..., Ran], project: Path) -> None:
    assert_refused(stage("-r", "tema"), 2, "tema")
    assert_refused(stage("-o", "job=3"), 2, "-o job")
    assert_refused(stage("-o", "jobs=many"), 2, "jobs")
    assert not (project / ".stage.toml").exists()


def test_wrong_credentials_and_none(maintainer: Person, index: RunningIndex, project: Path) -> None:
    wrong = maintainer.hatch("publish", "--staged", "-r", index.url, "-a", "hst_wrong", cwd=project)
    assert_refused(wrong, 4, "credentials")
    assert_refused(maintainer.hatch("publish", "--staged", "-r", index.url, cwd=project), 4, "credentials")
    assert_nothing_uploaded(index, project)


class LegacyIndex(http.server.BaseHTTPRequestHandler):
    """An index that speaks the legacy API only, as PyPI answers who does not."""

    received: list[bytes]

    def do_POST(self) -> None:
        """Take a form; refuse anything else."""
        self.received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(400, "Missing or unknown :action")
        self.send_header("Content-Type", "text/html; charset=UTF-8")
        self.end_headers()
        self.wfile.write(b"<html><body><h1>400 Missing or unknown :action</h1></body></html>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def legacy_index() -> Iterator[tuple[str, list[bytes]]]:
    received: list[bytes] = []
    handler = type("Handler", (LegacyIndex,), {"received": received})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with InThread(server):
        yield f"http://127.0.0.1:{server.server_port}/legacy/", received


def test_an_index_that_speaks_only_the_legacy_api(maintainer: Person, project: Path) -> None:
    with legacy_index() as (url, received):
        refused = maintainer.hatch("publish", "--staged", "-r", url, "-a", "secret-token", cwd=project)
    assert_refused(refused, 2, "does not speak Upload 2.0", "local", "hatch publish")
    [asked] = received
    assert asked == b'{"meta":{"api-version":"2.0"},"name":"lantern","version":"1.0"}'
    assert not (project / ".stage.toml").exists()


def test_an_index_that_is_not_there(maintainer: Person, project: Path) -> None:
    with legacy_index() as (url, _):
        pass
    refused = maintainer.hatch("publish", "--staged", "-r", url, "-a", "secret-token", cwd=project)
    assert_refused(refused, 7, "127.0.0.1")
