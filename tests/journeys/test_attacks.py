"""Whatever the installers, the ordinary indexes, the stage or the stage file say: the staged bytes, or nothing."""

from __future__ import annotations

import http.server
import json
import zipfile
from contextlib import contextmanager
from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from tests.in_thread import InThread
from tests.journeys import train
from tests.journeys.train import LANTERN, WICK, make_wheel

from hatch_staged.protocol.media_types import SIMPLE
from hatch_staged.protocol.states import SessionState
from hatch_staged.stage import stagefile
from hatch_staged.stage.model import StagedArtifact, StagedRelease, StageFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.journeys.conftest import Person, Ran, RunningIndex

    #: URL to status, headers and body
    Pages = dict[str, tuple[int, dict[str, str], bytes]]

SHOW = ("run", "python", "-c", "import lantern; print(lantern.ORIGIN)")
STAGED = make_wheel(LANTERN)
INSTALLERS = ("pip", "uv")


@pytest.fixture
def stage_file(maintainer: Person, index: RunningIndex, make_project: Callable[..., Path]) -> Path:
    """Return a stage file with one wheel."""
    project = make_project("staged", origin="never built")
    train.write(project / "dist", [STAGED])
    staged = maintainer.hatch("publish", "--staged", "-r", index.url, "-a", index.token, "dist", cwd=project)
    assert staged.code == 0, staged.err
    return project / ".stage.toml"


@pytest.fixture
def make_checkout(make_project: Callable[..., Path], stage_file: Path) -> Callable[..., Path]:
    """Return a function that makes a checkout with the stage file, in which text is replaced."""

    def make(folder: str, installer: str = "uv", replaced: Mapping[str, str] = MappingProxyType({})) -> Path:
        checkout = make_project(folder, origin="checkout", installer=installer)
        text = stage_file.read_text()
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        (checkout / ".stage.toml").write_text(text)
        return checkout

    return make


@pytest.fixture
def ordinary(tmp_path: Path) -> Path:
    """Return an ordinary index, a folder, that has a higher version, and other bytes for the staged one."""
    folder = tmp_path / "ordinary" / LANTERN
    wheels = [make_wheel(LANTERN, origin="other bytes"), make_wheel(LANTERN, version="99.0", origin="higher version")]
    train.write(folder, wheels)
    links = "".join(f'<a href="{wheel.filename}">{wheel.filename}</a>\n' for wheel in wheels)
    (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
    with zipfile.ZipFile(folder / wheels[0].filename) as wheel:
        wheel.extractall(tmp_path / "importable")
    (tmp_path / "pinned.txt").write_text("lantern==99.0\n")
    return folder.parent


def assert_refused(ran: Ran, code: int, *words: str) -> None:
    assert (ran.code, ran.out) == (code, ""), ran.out + ran.err
    for word in words:
        assert word in ran.err


@pytest.mark.parametrize("installer", INSTALLERS)
def test_no_configuration_of_an_installer_brings_other_bytes(
    teammate: Person, make_checkout: Callable[..., Path], ordinary: Path, installer: str
) -> None:
    url, beside = ordinary.as_uri(), ordinary.parent
    indexes = {
        "PIP_EXTRA_INDEX_URL": url,
        "PIP_FIND_LINKS": str(ordinary / LANTERN),
        "PIP_PRE": "1",
        "UV_INDEX": url,
        "UV_FIND_LINKS": str(ordinary / LANTERN),
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        # installed before, as far as an installer can see
        "PYTHONPATH": str(beside / "importable"),
    }
    strict = {
        "PIP_REQUIRE_HASHES": "1",
        "PIP_UPLOADED_PRIOR_TO": "2020-01-01",
        "PIP_NO_BINARY": ":all:",
        "UV_REQUIRE_HASHES": "1",
        "UV_EXCLUDE_NEWER": "2020-01-01",
    }
    closed = {"PIP_NO_INDEX": "1", "UV_NO_INDEX": "1", "UV_OFFLINE": "1"}
    elsewhere = {"PIP_TARGET": str(beside / "elsewhere"), "UV_PYTHON": str(beside / "elsewhere")}
    for number, variables in enumerate(({**indexes, **strict}, {**closed, **elsewhere})):
        checkout = make_checkout(str(number), installer)
        ran = teammate.hatch(*SHOW, cwd=checkout, **variables)
        assert (ran.code, ran.out) == (0, f"{STAGED.filename}\n"), ran.err
    assert not (beside / "elsewhere").exists()

    # these cannot be overruled, so nothing is installed, and it is said why
    pinned = str(beside / "pinned.txt")
    if installer == "pip":
        refused = teammate.hatch(*SHOW, cwd=make_checkout("pinned", installer), **indexes, PIP_CONSTRAINT=pinned)
        assert_refused(refused, 1, "ResolutionImpossible")
        refused = teammate.hatch(*SHOW, cwd=make_checkout("dry", installer), PIP_DRY_RUN="1")
    else:
        refused = teammate.hatch(*SHOW, cwd=make_checkout("pinned", installer), **indexes, UV_OVERRIDE=pinned)
    assert_refused(refused, 6, f"the installer did not install {STAGED.filename}", "look into the configuration")
    assert len(refused.complaint) == 3


@pytest.mark.parametrize("installer", INSTALLERS)
def test_what_is_staged_is_built_with_what_is_staged(
    maintainer: Person, index: RunningIndex, make_project: Callable[..., Path], tmp_path: Path, installer: str
) -> None:
    """And not with a higher version of that from the ordinary index."""
    project = make_project("staged", origin="never built", installer=installer)
    train.write(project / "dist", [train.make_sdist(LANTERN, builder=WICK), make_wheel(WICK)])
    train.write(tmp_path / "ordinary", [make_wheel(WICK, version="99.0", origin=train.ELSEWHERE)])
    staged = maintainer.hatch("publish", "--staged", "-r", index.url, "-a", index.token, "dist", cwd=project)
    assert staged.code == 0, staged.err
    ordinary = {"PIP_FIND_LINKS": str(tmp_path / "ordinary"), "UV_FIND_LINKS": str(tmp_path / "ordinary")}
    # and not with what an installer has built before
    closed = {"PIP_NO_INDEX": "1", "PIP_NO_CACHE_DIR": "1", "UV_NO_INDEX": "1", "UV_NO_CACHE": "1"}
    if installer == "uv":
        # the pip of that environment is the one that this Python brings along, and may be too old for it
        tested = maintainer.stage("test", "--installer", installer, cwd=project, **ordinary, **closed)
        assert tested.code == 0, tested.err

    ran = maintainer.hatch(*SHOW, cwd=project, **ordinary, **closed)
    assert (ran.code, ran.out) == (0, "lantern-1.0.tar.gz\n"), ran.err


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_dependency_that_has_the_staged_module_too_is_not_tested_in_its_place(
    teammate: Person, make_checkout: Callable[..., Path], tmp_path: Path, installer: str
) -> None:
    checkout = make_checkout("overwritten", installer)
    train.write(tmp_path / "ordinary", [make_wheel(WICK, origin="the dependency", module_name=LANTERN)])
    pyproject, table = checkout / "pyproject.toml", "[tool.hatch.envs.default]\n"
    pyproject.write_text(pyproject.read_text().replace(table, f'{table}dependencies = ["{WICK}"]\n'))
    ordinary = {"PIP_FIND_LINKS": str(tmp_path / "ordinary"), "UV_FIND_LINKS": str(tmp_path / "ordinary")}
    refused = teammate.hatch(*SHOW, cwd=checkout, **ordinary)
    assert_refused(refused, 6, "lantern.py of the staged release was overwritten", "see the dependencies")
    # it is installed once more, over the dependency
    ran = teammate.hatch(*SHOW, cwd=checkout, **ordinary)
    assert (ran.code, ran.out) == (0, f"{STAGED.filename}\n"), ran.err


@pytest.mark.parametrize("installer", INSTALLERS)
def test_the_session_token_is_in_no_output(
    teammate: Person, make_checkout: Callable[..., Path], installer: str
) -> None:
    [release] = stagefile.load(make_checkout("as-it-is") / ".stage.toml").releases
    assert release.session_token is not None
    assert release.stage is not None
    # as `hatch stage export --format env` sets them
    told = {
        "HATCH_STAGE_TOKEN": release.session_token,
        "PIP_EXTRA_INDEX_URL": release.stage,
        "UV_INDEX": release.stage,
        "HATCH_DEBUG": "1",
    }
    for verbosity in ("-vvv", "-v", "-qq") if installer == "uv" else ("-vvv", "-v"):
        ran = teammate.hatch(verbosity, *SHOW, cwd=make_checkout(verbosity, installer), **told)
        assert (ran.code, STAGED.filename in ran.out) == (0, True), ran.err
        assert release.session_token not in ran.out + ran.err
    [*notes] = (teammate.home / "data" / "env").rglob("lantern-1.0.dist-info/direct_url.json")
    assert len(notes) > 1
    for note in notes:
        assert STAGED.sha256 in note.read_text()
        assert release.session_token not in note.read_text()


def test_an_edited_stage_file_is_refused(teammate: Person, make_checkout: Callable[..., Path], tmp_path: Path) -> None:
    other = make_wheel(LANTERN, origin="other bytes")
    path = tmp_path / STAGED.filename
    path.write_bytes(other.data)
    [artifact] = stagefile.load(make_checkout("as-it-is") / ".stage.toml").releases[0].artifacts
    url = f'url = "{artifact.url}"'
    for number, (replaced, code, words) in enumerate(
        [
            ({STAGED.sha256: other.sha256}, 2, "packages[0].tool.hatch-staged.digest"),
            ({url: f'url = "{path.as_uri()}"'}, 2, "packages[0].wheels[0].url"),
            ({f'name = "{STAGED.filename}"': f'name = "../{STAGED.filename}"'}, 2, "packages[0].wheels[0]"),
            # as where an index has no previews: it says where somebody had the file, and is never read
            ({url: f'path = "{path.as_posix()}"'}, 1, "cannot be downloaded"),
        ]
    ):
        refused = teammate.hatch(*SHOW, cwd=make_checkout(f"edited-{number}", replaced=replaced))
        assert_refused(refused, code, words)
        assert len(refused.complaint) <= 3


@contextmanager
def strangers(pages: Pages) -> Iterator[tuple[str, list[str]]]:
    """Run a server that is a proxy, too, and stands for every host; its address, and the URLs that it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, headers, body = pages.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with InThread(server):
        yield f"http://127.0.0.1:{server.server_port}", asked


INDEX = "http://index.example.com/"
PAGE = f"{INDEX}stage/x/simple/{LANTERN}/"
FILE = f"{INDEX}files/{STAGED.filename}"
#: Somewhere inside, for whoever can reach it.
INSIDE = "http://10.1.2.3/secret"


def elsewhere(url: str) -> tuple[int, dict[str, str], bytes]:
    """Return the answer that sends whoever asks to `url`."""
    return 302, {"Location": url}, b""


@pytest.mark.parametrize(
    ("pages", "code", "words"),
    [
        ({FILE: (200, {}, make_wheel(LANTERN, origin="other bytes").data)}, 6, "the index sends something else"),
        ({FILE: elsewhere(INSIDE)}, 1, "a redirect into a private network is not followed"),
        ({FILE: elsewhere("file:///etc/passwd")}, 1, "this is not an http or https URL"),
        ({PAGE: elsewhere(INSIDE)}, 1, "a redirect into a private network is not followed"),
    ],
)
def test_a_stage_of_a_stranger(
    teammate: Person, make_project: Callable[..., Path], pages: Pages, code: int, words: str
) -> None:
    checkout = make_project("theirs", origin="checkout", installer="uv")
    artifact = StagedArtifact(STAGED.filename, FILE, None, len(STAGED.data), {"sha256": STAGED.sha256})
    release = StagedRelease(
        project=canonicalize_name(LANTERN),
        version=Version(train.VERSION),
        requires_python=None,
        artifacts=(artifact,),
        index=f"{INDEX}upload/",
        session=f"{INDEX}upload/1",
        stage=f"{INDEX}stage/x/simple/",
        session_token=None,
        status=SessionState.OPEN,
        expires_at=datetime(2100, 1, 1, tzinfo=timezone.utc),
    )
    stagefile.write(checkout / ".stage.toml", StageFile((release,)))
    listed = {"filename": STAGED.filename, "url": FILE, "hashes": {"sha256": STAGED.sha256}}
    body = json.dumps({"meta": {"api-version": "1.1"}, "name": LANTERN, "files": [listed]}).encode()
    usual: Pages = {PAGE: (200, {"Content-Type": SIMPLE}, body), INSIDE: (200, {}, STAGED.data)}
    with strangers({**usual, **pages}) as (proxy, asked):
        refused = teammate.hatch(*SHOW, cwd=checkout, HTTP_PROXY=proxy, http_proxy=proxy, NO_PROXY="", no_proxy="")
    assert_refused(refused, code, words)
    assert INSIDE not in asked
    assert not list((teammate.home / "data" / "env").rglob("lantern.py"))
