"""Our index as a process, and the suite as a command that is run against it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance.faulty_index import Address, Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.conformance.configurations import Configuration
    from typing_extensions import Self

ROOT = Path(__file__).parent.parent.parent
#: A run that takes longer hangs (seconds).
PATIENCE = 600


@dataclass(frozen=True)
class Verdict:
    """What the suite says of a requirement."""

    #: passed, failed or skipped
    result: str
    level: str
    seen: str


@dataclass(frozen=True)
class Trial:
    """What the suite said of an index."""

    #: how it ended
    code: int
    err: str
    verdicts: dict[str, Verdict]

    def with_result(self, result: str) -> dict[str, str]:
        """Return the requirements with this result, with what was seen."""
        return {identifier: each.seen for identifier, each in self.verdicts.items() if each.result == result}


class Workshop:
    """A process that serves one index after the other, in one configuration; `folder` is its own."""

    def __init__(self, configuration: Configuration, folder: Path) -> None:
        self.configuration = configuration
        self._folder = folder
        self._log = folder / "index.log"
        self._count = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.conformance.faulty_index", self.configuration.name]
        self._errors = self._log.open("w")
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=_unmeasured(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.communicate(timeout=PATIENCE)
        self._errors.close()

    def try_index(self, *, mutant: str = "", only: Sequence[str] = ()) -> Trial:
        """Run the suite against a new index, sound or faulty, for all requirements or `only` some."""
        self._count += 1
        data_dir = self._folder / str(self._count)
        with self._serving(Order(str(data_dir), mutant)) as address:
            return self._run_suite(address, data_dir, only, measured=not mutant)

    @contextmanager
    def _serving(self, order: Order) -> Iterator[Address]:
        address = Address(**json.loads(self._ask(json.dumps(asdict(order)))))
        try:
            yield address
        finally:
            assert self._ask("stop") == "stopped"

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer, self._log.read_text()
        return answer

    def _run_suite(self, address: Address, data_dir: Path, only: Sequence[str], *, measured: bool) -> Trial:
        out = data_dir / "suite.json"
        base = address.root.removesuffix("upload/")
        member = [sys.executable, "-m", "tests.conformance.membership", base]
        command = [sys.executable, "-m", "hatch_staged.conformance", address.root, "--json", str(out), "--quiet"]
        command += ["--token", address.token, "--other-token", address.other_token]
        command += ["--simple", f"{base}simple/", "--legacy", f"{base}legacy/"]
        command += ["--grant", shlex.join([*member, "add", "{project}"])]
        command += ["--revoke", shlex.join([*member, "remove", "{project}"])]
        command += [*self.configuration.options, *(f"--only={identifier}" for identifier in only)]
        variables = self._variables() if measured else _unmeasured(self._variables())
        ended = subprocess.run(
            command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        listed = json.loads(out.read_text())["requirements"] if out.exists() else []
        verdicts = {each["id"]: Verdict(each["result"], each["level"], each["seen"]) for each in listed}
        return Trial(ended.returncode, ended.stderr, verdicts)

    def _variables(self) -> dict[str, str]:
        # Without it, pytest compiles all checks for each run.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return kept | {
            "PYTHONPYCACHEPREFIX": str(self._folder / "compiled"),
            # Where uv is, which is installed with Hatch.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        }


def _unmeasured(variables: Mapping[str, str]) -> dict[str, str]:
    # What coverage hands on to processes; where the same lines are run hundreds of times, it says nothing new.
    return {name: value for name, value in variables.items() if not name.startswith("COVERAGE_")}
