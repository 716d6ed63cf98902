"""The servers that are compared, each as its own documentation has it run, serving the files that are given to it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import subprocess
import sys
import time
import zipfile
from datetime import datetime, timezone
from io import BytesIO
from typing import TYPE_CHECKING

import httpx2
from sqlalchemy import insert

from hatch_staged.index import tokens
from hatch_staged.index.core import open_index
from hatch_staged.index.database import schema
from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.protocol.states import FileState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

RIVALS = ("pypiserver[cache]", "waitress", "devpi-server")
_START = 600  # seconds
_LOG = "server.log"


def wheel(project: str, version: str) -> bytes:
    """Return a tiny wheel."""
    packed = BytesIO()
    folder = f"{project}-{version}.dist-info"
    members = {
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\nRequires-Python: >=3.9\n",
        f"{folder}/WHEEL": "Wheel-Version: 1.0\nGenerator: benchmark\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{folder}/RECORD": f"{folder}/METADATA,,\n{folder}/WHEEL,,\n{folder}/RECORD,,\n",
    }
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


def install(folder: Path, packages: Iterable[str] = RIVALS) -> Path:
    """Return the folder with the commands of `packages`, in a virtual environment that is made for them."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    command = [str(scripts / "python"), "-m", "pip", "install", "--quiet", *packages]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return scripts


@contextlib.contextmanager
def empty(folder: Path) -> Iterator[tuple[int, str]]:
    """Serve this index with nothing in it; yields its port and an API token."""
    data = folder / "ours"
    with open_index(data) as index:
        secret = tokens.create(index, user="bench")
    with _ours(data) as port:
        yield port, secret


@contextlib.contextmanager
def ours(folder: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve `files` with this index; they are put into its database in one go."""
    data = folder / "ours"
    _fill(data, files)
    with _ours(data) as port:
        yield f"http://127.0.0.1:{port}/simple/"


@contextlib.contextmanager
def _ours(data: Path) -> Iterator[int]:
    port = _free_port()
    command = [sys.executable, "-m", "hatch_staged", "serve", "--data-dir", str(data), "--port", str(port)]
    with _serving(command, data, port):
        yield port


@contextlib.contextmanager
def pypiserver(folder: Path, files: Mapping[str, bytes], scripts: Path) -> Iterator[str]:
    """Serve `files` with pypiserver out of a folder, which it watches."""
    packages = folder / "pypiserver"
    packages.mkdir()
    for filename, content in files.items():
        (packages / filename).write_bytes(content)
    port = _free_port()
    command = [str(scripts / "pypi-server"), "run", "--disable-fallback", "-i", "127.0.0.1", "-p", str(port)]
    with _serving([*command, str(packages)], folder, port):
        yield f"http://127.0.0.1:{port}/simple/"


@contextlib.contextmanager
def devpi(folder: Path, files: Mapping[str, bytes], scripts: Path, *, patience: float) -> Iterator[tuple[str, int]]:
    """Serve `files` with devpi, as many as can be uploaded in `patience` seconds; yields the number, too."""
    data = folder / "devpi"
    subprocess.run(
        [str(scripts / "devpi-init"), "--no-root-pypi", "--serverdir", str(data)], check=True, stdout=subprocess.DEVNULL
    )
    port = _free_port()
    command = [str(scripts / "devpi-server"), "--serverdir", str(data), "--offline-mode", "--port", str(port)]
    with _serving(command, folder, port), httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        client.put("/bench", json={"password": "bench"}).raise_for_status()
        login = client.post("/+login", json={"user": "bench", "password": "bench"}).raise_for_status().json()
        secret = base64.b64encode(f"bench:{login['result']['password']}".encode()).decode()
        client.headers["X-Devpi-Auth"] = secret
        client.put("/bench/dev", json={"type": "stage", "bases": []}).raise_for_status()
        yield f"http://127.0.0.1:{port}/bench/dev/+simple/", _upload(client, files, patience)


def _upload(client: httpx2.Client, files: Mapping[str, bytes], patience: float) -> int:
    deadline = time.monotonic() + patience
    for count, (filename, content) in enumerate(files.items()):
        if time.monotonic() > deadline:
            return count
        said = parse_filename(filename)
        form = {":action": "file_upload", "name": said.project, "version": str(said.version), "filetype": "bdist_wheel"}
        client.post("/bench/dev/", data=form, files={"content": (filename, content)}).raise_for_status()
    return len(files)


def _fill(data: Path, files: Mapping[str, bytes]) -> None:
    now = datetime.now(timezone.utc)
    published = []
    with open_index(data) as index:
        tokens.create(index, user="bench")
        objects = data / "objects" / "files"
        objects.mkdir(parents=True)
        for number, (filename, content) in enumerate(files.items()):
            (objects / str(number)).write_bytes(content)
            published.append(_Rows(number, filename, content, now))
        with index.database.writing() as tx:
            projects = sorted({rows.project for rows in published})
            tx.execute(
                insert(schema.projects), [{"name": name, "owner": "bench", "registered_at": now} for name in projects]
            )
            tx.execute(insert(schema.files), [rows.file for rows in published])
            tx.execute(insert(schema.core_metadata), [rows.metadata for rows in published])
            tx.execute(insert(schema.published_files), [rows.published for rows in published])


class _Rows:
    """What the database has of a published file."""

    def __init__(self, number: int, filename: str, content: bytes, now: datetime) -> None:
        said = parse_filename(filename)
        digest = {"sha256": hashlib.sha256(content).hexdigest()}
        self.project = said.project
        names = {"filename": filename, "name_key": said.key}
        self.file = {
            **names,
            "id": str(number),
            "size": len(content),
            "hashes": digest,
            "state": FileState.COMPLETED,
            "notice": "",
            "object_key": f"files/{number}",
            "received_size": len(content),
            "received_hashes": digest,
            "completed_at": now,
            "requires_python": ">=3.9",
            "metadata_sha256": digest["sha256"],
            "attested": False,
        }
        self.metadata = {"file_id": str(number), "raw": b"Metadata-Version: 2.1\n"}
        self.published = {
            **names,
            "project": said.project,
            "version": str(said.version),
            "file_id": str(number),
            "published_at": now,
        }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _serving(command: Iterable[str], folder: Path, port: int) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    with (folder / _LOG).open("w") as log, subprocess.Popen(list(command), stdout=log, stderr=log) as server:
        try:
            if not _listens(server, port):
                raise RuntimeError((folder / _LOG).read_text())
            yield
        finally:
            server.terminate()
            server.wait()


def _listens(server: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _START
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.1)
    return False
