"""Progress of an upload: a bar a file and one for all on a terminal, a line an event elsewhere."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING

from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Column

from hatch_staged.client.publication import Step
from hatch_staged.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from rich.console import Console
    from rich.progress import TaskID
    from typing_extensions import Self

    from hatch_staged.client.artifacts import Artifact, Release
    from hatch_staged.client.publication import Plan


def reporter(console: Console, *, quiet: bool, verbose: bool = False) -> Lines | Bars:
    """Return what suits `console`; either is a context manager and a `hatch_staged.client.progress.Reporter`."""
    able = console.is_terminal and not console.is_dumb_terminal
    return Bars(console, verbose=verbose) if able and not quiet else Lines(console, quiet=quiet, verbose=verbose)


#: what a plan says of an artifact for which no session could be looked into
_UNSEEN = "to be uploaded, unless a session has it that the stage file does not name"
#: what one says of an artifact that is not there already
_TOLD: Mapping[Step, str] = MappingProxyType(
    {
        Step.UPLOAD: "not there: to be uploaded",
        Step.REPLACE: "there, incomplete or with other bytes: to be replaced",
        Step.WAIT: "the index is deciding about what it has: to be waited for",
    }
)


class Lines:
    """A line an event, for logs; with `verbose` also one for all that is planned."""

    def __init__(self, console: Console, *, quiet: bool = False, verbose: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._verbose = verbose

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def planned(self, plan: Plan) -> None:
        """Say what is there already, and what else is."""
        for decision in plan.decisions:
            if decision.step is Step.KEEP:
                self._say(f"{decision.artifact.filename}: already there, the same bytes")
            elif self._verbose:
                told = _TOLD[decision.step] if plan.looked else _UNSEEN
                self._say(f"{decision.artifact.filename}: {told}")
        for each in plan.pruned:
            self.notice(f"{each.filename}: in the session, not among the artifacts; to be deleted")
        for filename in plan.foreign:
            self.notice(f"{filename}: in the session, not among the artifacts; left alone")

    def started(self, artifact: Artifact) -> None:
        """Say that the upload begins."""
        self._say(f"{artifact.filename}: uploading {decimal(artifact.size)}")

    def advanced(self, artifact: Artifact, n_bytes: int) -> None:
        """Say nothing: a log wants events."""

    def finished(self, artifact: Artifact) -> None:
        """Say that the index has the file."""
        self._say(f"{artifact.filename}: uploaded")

    def deleted(self, filename: str) -> None:
        """Say that the session does not have the file any more."""
        self._say(f"{filename}: deleted")

    def notice(self, text: str) -> None:
        """Say `text`."""
        self._say(text)

    def detail(self, text: str) -> None:
        """Say `text` if verbose."""
        if self._verbose:
            self._say(text)

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._console.print(one_line(text), soft_wrap=True, markup=False, highlight=False)


class Bars(Lines):
    """Bars with rate and time left, and the lines that are no progress above them; `now` gives seconds."""

    def __init__(self, console: Console, *, verbose: bool = False, now: Callable[[], float] = monotonic) -> None:
        super().__init__(console, verbose=verbose)
        # a long name must leave room for what moves
        name = Column(no_wrap=True, overflow="ellipsis", min_width=12, ratio=1)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=name),
            BarColumn(bar_width=20),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            get_time=now,
            expand=True,
        )
        self._lock = Lock()
        self._all: TaskID | None = None
        self._planned: Release | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def planned(self, plan: Plan) -> None:
        """Show the bar for all, as long as what there is to send; in the place of the one of an earlier plan."""
        super().planned(plan)
        if self._all is not None and plan.release == self._planned:
            self._progress.remove_task(self._all)
        self._all, self._planned = None, plan.release
        sizes = [decision.artifact.size for decision in plan.having(Step.UPLOAD, Step.REPLACE)]
        if sizes:
            label = f"{plan.release.project} {plan.release.version}"
            self._all = self._progress.add_task(label, total=sum(sizes))

    def started(self, artifact: Artifact) -> None:
        """Show the file's bar; a new one if it is sent once more."""
        with self._lock:
            if (before := self._tasks.pop(artifact.filename, None)) is not None:
                self._progress.remove_task(before)
            self._tasks[artifact.filename] = self._progress.add_task(artifact.filename, total=artifact.size)

    def advanced(self, artifact: Artifact, n_bytes: int) -> None:
        """Move the file's bar and the one for all."""
        # one that is stopped before its turn takes back what it never sent
        if (task := self._tasks.get(artifact.filename)) is not None:
            self._progress.advance(task, n_bytes)
        if self._all is not None:
            self._progress.advance(self._all, n_bytes)

    def finished(self, artifact: Artifact) -> None:
        """Put a line in the place of the file's bar: only what is under way has one."""
        with self._lock:
            self._progress.remove_task(self._tasks.pop(artifact.filename))
        super().finished(artifact)
