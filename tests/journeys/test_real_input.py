"""Real distributions, which nobody here built, come through an index unchanged."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.journeys.pythons import pythons

from hatch_staged.client.transport import Transport
from hatch_staged.client.upload_api import Client
from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.repositories import KNOWN
from hatch_staged.stage import stagefile

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.journeys.conftest import Person, RunningIndex

#: One sdist and dozens of wheels for every platform; one sdist and a pure wheel.
RELEASES = {"markupsafe": "3.0.2", "attrs": "25.3.0"}


def two_pythons() -> dict[str, str]:
    """Return this Python, and the newest other one if this machine has one."""
    (this, executable), *others = pythons().items()
    return {this: executable, **dict(others[-1:])}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with every file of the releases, as the package registry has them."""
    folder = tmp_path_factory.mktemp("registry")
    main = KNOWN["main"]
    assert main.simple is not None
    with Client(Transport(main.url)) as client:
        for project, version in RELEASES.items():
            page = client.project_page(main.simple, project)
            assert page is not None
            for file in page.files:
                if str(parse_filename(file.filename).version) == version:
                    with client.download(file.url) as pieces:
                        content = b"".join(pieces)
                    assert hashlib.sha256(content).hexdigest() == file.hashes["sha256"]
                    (folder / file.filename).write_bytes(content)
    return folder


@pytest.mark.real
def test_the_registrys_files_are_installed_from_the_stage(  # noqa: PLR0917 - fixtures
    maintainer: Person,
    teammate: Person,
    index: RunningIndex,
    registry: Path,
    make_project: Callable[..., Path],
    tmp_path: Path,
) -> None:
    files = {path.name: path for path in registry.iterdir()}
    assert len([name for name in files if name.lower().startswith("markupsafe")]) > 24
    staged = maintainer.hatch(
        "publish", "--staged", "-r", index.url, "-a", index.token, str(registry), cwd=make_project("ours", origin="")
    )
    assert staged.code == 0, staged.err

    stage_file = tmp_path / "checkouts" / "ours" / ".stage.toml"
    releases = stagefile.load(stage_file).releases
    assert {release.project: str(release.version) for release in releases} == RELEASES
    named = {artifact.filename: artifact.sha256 for release in releases for artifact in release.artifacts}
    assert named == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}

    for installer in ("pip", "uv"):
        for python, executable in two_pythons().items():
            consumer = make_project(f"{installer}-{python}", name="consumer", origin="checkout", installer=installer)
            shutil.copy(stage_file, consumer)
            asked = "import attrs, markupsafe, os, sys; print(sys.version_info[1], *markupsafe.__path__)"
            ran = teammate.hatch("run", "python", "-c", asked, cwd=consumer, HATCH_PYTHON=executable)
            assert ran.code == 0, ran.out + ran.err
            minor, package = ran.out.split()
            assert f"3.{minor}" == python
            assert_installed_from(files, Path(package).parent, python)


def assert_installed_from(files: dict[str, Path], site_packages: Path, python: str) -> None:
    tag = f"cp{python.replace('.', '')}-cp{python.replace('.', '')}-"
    wheels = [name for name in files if name.endswith(".whl") and (name.startswith("attrs") or f"-{tag}" in name)]
    compared = set()
    for name in wheels:
        with zipfile.ZipFile(files[name]) as wheel:
            members = [member for member in wheel.namelist() if not member.endswith(("/RECORD", "/"))]
            if not all((site_packages / member).is_file() for member in members):
                continue  # for another platform
            for member in members:
                assert (site_packages / member).read_bytes() == wheel.read(member), member
            compared.add(parse_filename(name).project)
    assert compared == RELEASES.keys()
