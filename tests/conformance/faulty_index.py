"""Runs our index, with a fault in it or sound: ``python -m tests.conformance.faulty_index CONFIGURATION``.

It serves one index after the other, so that Python and our libraries are loaded once.  Each line that it reads is an
`Order` as JSON; it prints an `Address` as soon as the index listens on a free port.  The next line, whatever it says,
stops the index, which is acknowledged with a line; with the end of its input it ends.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from tests.conformance.configurations import CONFIGURATIONS
from tests.conformance.faults.means import Faults
from tests.conformance.membership import DOOR, OTHER
from tests.conformance.mutants import MUTANTS
from tests.index import empty

from hatch_staged.index import background, projects, server, tokens, worker
from hatch_staged.index.app import create_app
from hatch_staged.index.core import open_index
from hatch_staged.index.database import file_rows, session_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send
    from tests.conformance.configurations import Configuration

    from hatch_staged.index.core import Index


#: What was deferred is carried out after so long, even if nobody waits for it (seconds).
LONGEST_HOLD = 1.0


@dataclass(frozen=True)
class Order:
    """An index to serve."""

    data_dir: str
    #: the name of the mutant; empty for the sound index
    mutant: str = ""


@dataclass(frozen=True)
class Address:
    """Where an index is, and how it takes the suite for two people."""

    #: the Upload 2.0 root endpoint
    root: str
    token: str
    other_token: str


def main(configuration_name: str) -> None:
    """Serve what is ordered."""
    [configuration] = [each for each in CONFIGURATIONS if each.name == configuration_name]
    while line := sys.stdin.readline():
        _serve(configuration, Order(**json.loads(line)))
        _say("stopped")


def _serve(configuration: Configuration, order: Order) -> None:
    folder = Path(order.data_dir)
    empty.database(folder)
    with open_index(folder) as index:
        owner, other = tokens.create(index, user="alice"), tokens.create(index, user=OTHER)

    def announce(line: str) -> None:
        root = re.search(r"http://\S+/", line)
        assert root is not None
        _say(json.dumps(asdict(Address(root[0], owner, other))))

    with Faults(owner) as faults:
        if configuration.variant is not None:
            configuration.variant(faults)
        for mutant in MUTANTS:
            if mutant.name == order.mutant:
                mutant.apply(faults)
        with _parts_of_the_server_replaced(configuration, faults):
            stopping = Thread(target=_stop_when_told)
            stopping.start()
            server.serve(data_dir=folder, host="127.0.0.1", port=0, grace=1, announce=announce)
            stopping.join()


@contextmanager
def _parts_of_the_server_replaced(configuration: Configuration, faults: Faults) -> Iterator[None]:
    requests = _Requests()

    def work(index: Index, stopping: Callable[[], bool] = background.never) -> None:
        if configuration.hold and _has_something_deferred(index):
            requests.hold(configuration.hold)
        worker.work(index, stopping)

    def make_app(index: Index, *, base_url: str | None = None) -> ASGIApp:
        return requests.noted(_with_door(index, faults.around(create_app(index, base_url=base_url, work=work))))

    def open_with_limits(folder: Path) -> Index:
        return open_index(folder, limits=configuration.limits, new_token=faults.new_token)

    with Faults("") as parts:
        parts.replace(server, "create_app", lambda _sound: make_app)
        parts.replace(server, "open_index", lambda _sound: open_with_limits)
        yield


def _has_something_deferred(index: Index) -> bool:
    with index.database.reading() as tx:
        return bool(file_rows.processing(tx) or session_rows.processing(tx))


@dataclass
class _Requests:
    """Those that are made: what is in processing stays so until a client only waits for its end, however slow it is."""

    last: tuple[str, str] = ("", "")
    repeated: bool = False

    def hold(self, at_least: float) -> None:
        """Return when a request has been made twice in a row, and so many seconds are over."""
        self.repeated, self.last = False, ("", "")
        begin = time.monotonic()
        while (passed := time.monotonic() - begin) < at_least or (passed < LONGEST_HOLD and not self.repeated):
            time.sleep(at_least / 10)

    def noted(self, app: ASGIApp) -> ASGIApp:
        """Return `app`, whose requests are taken note of."""

        async def noted(scope: Scope, receive: Receive, send: Send) -> None:
            asked = (scope.get("method", ""), scope.get("path", ""))
            self.repeated, self.last = self.repeated or asked == self.last, asked
            await app(scope, receive, send)

        return noted


def _with_door(index: Index, app: ASGIApp) -> ASGIApp:
    """Let the operator's verbs be asked for over HTTP, see `tests.conformance.membership`."""
    verbs = {"add": projects.add_member, "remove": projects.remove_member}

    async def with_door(scope: Scope, receive: Receive, send: Send) -> None:
        _, is_door, asked = scope.get("path", "").partition(f"/{DOOR}")
        if not is_door:
            await app(scope, receive, send)
            return
        verb, _, project = asked.partition("/")
        await run_in_threadpool(verbs[verb], index, project, OTHER)
        await Response(status_code=204)(scope, receive, send)

    return with_door


def _stop_when_told() -> None:
    sys.stdin.readline()
    signal.raise_signal(signal.SIGTERM)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - that is how it answers


if __name__ == "__main__":
    main(*sys.argv[1:])
