"""``python -m tests.conformance.faulty_index CONFIGURATION DATA_DIR [MUTANT]`` runs our index, with a fault in it or sound.

It listens on a free port and prints one line of JSON: what a `tests.conformance.trials.Address` holds.  SIGTERM ends it.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance.configurations import CONFIGURATIONS
from tests.conformance.faults.means import Faults
from tests.conformance.mutants import MUTANTS

from hatch_staged.index import server, tokens, worker
from hatch_staged.index.app import create_app
from hatch_staged.index.core import open_index

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp
    from tests.conformance.configurations import Configuration

    from hatch_staged.index.core import Index


def main(configuration_name: str, data_dir: str, mutant: str = "") -> None:
    """Serve until told to stop."""
    folder = Path(data_dir)
    [configuration] = [each for each in CONFIGURATIONS if each.name == configuration_name]
    with open_index(folder) as index:
        owner, other = tokens.create(index, user="alice"), tokens.create(index, user="bob")
    faults = Faults(owner)
    for each in MUTANTS:
        if each.name == mutant:
            each.apply(faults)
            break
    else:
        assert not mutant, f"there is no mutant {mutant!r}"
    _replace_parts_of_the_server(configuration, faults)

    def announce(line: str) -> None:
        root = re.search(r"http://\S+/", line)
        assert root is not None
        print(json.dumps({"root": root[0], "token": owner, "other_token": other}), flush=True)  # noqa: T201 - the caller reads it

    server.serve(data_dir=folder, host="127.0.0.1", port=0, grace=1, announce=announce)


def _replace_parts_of_the_server(configuration: Configuration, faults: Faults) -> None:
    def work(index: Index, stopping: Callable[[], bool] = worker.never) -> None:
        time.sleep(configuration.hold)
        worker.work(index, stopping)

    def make_app(index: Index, *, base_url: str | None = None) -> ASGIApp:
        return faults.around(create_app(index, base_url=base_url, work=work))

    def open_with_limits(folder: Path) -> Index:
        return open_index(folder, limits=configuration.limits, new_token=faults.new_token)

    Faults.replace(server, "create_app", lambda _sound: make_app)
    Faults.replace(server, "open_index", lambda _sound: open_with_limits)


if __name__ == "__main__":
    main(*sys.argv[1:])
