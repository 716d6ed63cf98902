"""Stages what is in ``dist``, as ``hatch publish --staged`` does, in no time: ``python -m ... URL FOLDER JOBS``.

It is a client for tests that kill it: Hatch takes a second to start, and a patient client sleeps.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hatch_staged import releases, termination
from hatch_staged.client import artifacts
from hatch_staged.client.credentials import Credentials
from hatch_staged.client.progress import Silent
from hatch_staged.client.transport import Transport
from hatch_staged.client.upload_api import Client
from hatch_staged.client.waiting import Waiter
from hatch_staged.desk import Desk
from hatch_staged.errors import StagedError
from hatch_staged.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_staged.connections import Connections

#: The longest pause (seconds): what the client waits for happens beside it.
LONGEST_PAUSE = 0.01


@dataclass(frozen=True)
class HastyConnections:
    """In the place of `Connections`: one index, whose token is in the variable ``TOKEN``, and no patience."""

    @contextmanager
    def open(self, repository: Repository) -> Iterator[Client]:
        """Give a client of `repository`."""
        waiter = Waiter(sleep=lambda seconds: time.sleep(min(seconds, LONGEST_PAUSE)))
        with Client(Transport(repository.url, Credentials("__token__", os.environ["TOKEN"]), waiter=waiter)) as client:
            yield client


def main(url: str, folder: str, jobs: str) -> int:
    """Stage; return the exit code."""
    root = Path(folder)
    connections = cast("Connections", HastyConnections())
    desk = Desk(root / ".stage.toml", connections, root / "cache", None, "team")
    try:
        with termination.like_an_interrupt():
            found = artifacts.find((), root=root, default=root / "dist")
            list(releases.stage(desk, Repository("team", url), found, jobs=int(jobs), reporter=Silent()))
    except StagedError as error:
        print(error, file=sys.stderr)  # noqa: T201 - as its model does
        return error.exit_code
    except KeyboardInterrupt:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
