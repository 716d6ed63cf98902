"""What memory a wheel of a gigabyte takes on its way: uploaded, completed, downloaded, published.

``python -m benchmarks.big_file`` runs an index and a client, each in a process of its own, and prints by how much their
memory grew beyond what they had before the wheel.  It is to be below 40 MiB.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.memory import resident_peak
from benchmarks.publishing import make_wheel

from hatch_staged.client import artifacts, staging
from hatch_staged.client.credentials import Credentials
from hatch_staged.client.progress import Silent
from hatch_staged.client.transport import Transport
from hatch_staged.client.upload_api import Client
from hatch_staged.index import presence, server, tokens
from hatch_staged.index.core import open_index

MOST = 40  # MiB
FILENAME = "bench-1.0-1-py3-none-any.whl"


def main() -> None:
    """Print both growths in MiB, and exit with 1 if one is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="of the wheel (MiB)")
    size: int = parser.parse_args().size
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_wheel(folder / FILENAME, 1, size * 1024 * 1024)
        with open_index(folder / "data") as index:
            secret = tokens.create(index, user="bench")
        command = [sys.executable, "-m", "benchmarks.big_file"]
        with subprocess.Popen([*command, "index", str(folder / "data")], stdout=subprocess.PIPE, text=True) as serving:
            try:
                assert serving.stdout is not None  # noqa: S101 - it is a pipe
                url = serving.stdout.readline().strip()
                client = subprocess.run(
                    [*command, "client", url, secret, name], check=True, stdout=subprocess.PIPE, text=True
                )
            finally:
                serving.terminate()
            grown = {"client": float(client.stdout), "index": float(serving.stdout.read())}
    for who, growth in grown.items():
        print(f"{who}: {growth:.1f} MiB more for a wheel of {size} MiB")
    sys.exit(max(grown.values()) >= MOST)


def run_index(data_dir: Path) -> None:
    """Serve until told to stop; print the URL of the upload API, and then by how much the memory grew (MiB)."""
    before = []

    def announce(_line: str) -> None:
        found = presence.running(data_dir)
        assert found is not None  # noqa: S101 - it is us
        before.append(resident_peak())
        print(f"{found.url}upload/", flush=True)

    server.serve(data_dir=data_dir, host="127.0.0.1", port=0, announce=announce)
    print(resident_peak() - before[0])


def run_client(url: str, secret: str, folder: Path) -> None:
    """Stage, download and publish the wheel in `folder`; print by how much the memory grew (MiB)."""
    with Client(Transport(url, Credentials("__token__", secret))) as client:
        client.find_session("bench", "1.0")  # so that all is loaded
        before = resident_peak()
        (release,) = artifacts.find((), root=folder, default=folder)
        outcome = staging.stage(release, client, jobs=1, reporter=Silent())
        assert outcome.page is not None  # noqa: S101 - this index has previews
        received = hashlib.sha256()
        with client.download(outcome.page.files[0].url) as pieces, (folder / "received").open("wb") as target:
            for piece in pieces:
                received.update(piece)
                target.write(piece)
        assert received.hexdigest() == release.artifacts[0].hashes["sha256"]  # noqa: S101 - what else
        client.publish(outcome.session)
        print(resident_peak() - before)


if __name__ == "__main__":
    if sys.argv[1:2] == ["index"]:
        run_index(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["client"]:
        run_client(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    else:
        main()
