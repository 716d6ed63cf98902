"""Our index as a process, and the suite as a command that is run against it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.conformance.configurations import Configuration

ROOT = Path(__file__).parent.parent.parent
#: One that takes longer hangs (seconds).
PATIENCE = 300


@dataclass(frozen=True)
class Address:
    """Where an index is, and how it takes the suite for two people."""

    #: the Upload 2.0 root endpoint
    root: str
    token: str
    other_token: str


@dataclass(frozen=True)
class Trial:
    """What the suite said of an index."""

    code: int
    out: str
    err: str
    #: identifier -> passed, failed or skipped
    results: dict[str, str]
    #: identifier -> what was seen
    seen: dict[str, str]


@contextmanager
def running(configuration: Configuration, folder: Path, mutant: str = "") -> Iterator[Address]:
    """Run our index with its data in `folder`, sound or with the fault of a mutant."""
    command = [sys.executable, "-m", "tests.conformance.faulty_index", configuration.name, str(folder), mutant]
    log = folder.with_suffix(".log")
    with (
        log.open("w") as errors,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, log.read_text()
            yield Address(**json.loads(line))
        finally:
            process.terminate()
            process.wait(PATIENCE)


def run_suite(
    address: Address, configuration: Configuration, folder: Path, *, only: Sequence[str] = (), data_dir: Path
) -> Trial:
    """Run the suite against the index at `address`; its JSON goes to `folder`."""
    out = folder / "suite.json"
    base = address.root.removesuffix("upload/")
    change = [sys.executable, "-m", "tests.conformance.membership"]
    command = [sys.executable, "-m", "hatch_staged.conformance", address.root, "--json", str(out)]
    command += ["--token", address.token, "--other-token", address.other_token]
    command += ["--simple", f"{base}simple/", "--legacy", f"{base}legacy/"]
    command += ["--grant", shlex.join([*change, "add", str(data_dir), "{project}", "bob"])]
    command += ["--revoke", shlex.join([*change, "remove", str(data_dir), "{project}", "bob"])]
    command += [*configuration.options, *(f"--only={identifier}" for identifier in only)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    listed = json.loads(out.read_text())["requirements"] if out.exists() else []
    return Trial(
        ended.returncode,
        ended.stdout,
        ended.stderr,
        {each["id"]: each["result"] for each in listed},
        {each["id"]: each["seen"] for each in listed},
    )
