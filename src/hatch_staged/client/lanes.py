"""Which upload is next, and how many run at once: threads that can be stopped."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, contextmanager
from threading import Condition, Event, Semaphore, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: Seconds that a stopped upload gets to clean up; then it is left behind, and ends with the process at the latest.
GRACE = 10.0
#: Of an interrupted one, which cleans nothing up.
SHORT_GRACE = 2.0
#: Seconds; on Windows nothing interrupts a thread that waits without end.
_TICK = 0.5

_Job = TypeVar("_Job")


class StoppedError(Exception):
    """This job ends because another one failed, or because the user wants it."""


class NotBesideOthersError(Exception):
    """The index may refuse this job only because others run: `cause` counts if it fails alone, too."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Lanes(Generic[_Job]):
    """Runs jobs in threads: as many at once as the first of `limits` says.

    When one of them cannot be done beside so many others, the next limit counts; beside no other, it has failed.  `run`
    gets a job, and is to call `check` often.
    """

    def __init__(self, jobs: Iterable[_Job], limits: Sequence[int], run: Callable[[_Job], None]) -> None:
        self._queue = deque(enumerate(jobs))
        most = len(self._queue)
        # each once, the largest first
        self._limits = deque(sorted({min(limit, most) for limit in (*limits, 1)}, reverse=True))
        self._run = run
        #: threads that are not at their end
        self._threads = 0
        self._running = 0
        self._condition = Condition()
        self._stopped = Event()
        self._failures: dict[int, BaseException] = {}
        self.interrupted = False

    def run(self) -> None:
        """Run all jobs; when one fails, stop the others and raise the first failure in the order of the jobs.

        After Ctrl-C, too, they are stopped.
        """
        self._threads = self._limits[0]
        try:
            for number in range(self._threads):
                Thread(target=self._work, name=f"upload-{number}", daemon=True).start()
            while not self._wait(lambda: self._stopped.is_set() or not self._threads, _TICK):
                pass
        except BaseException:
            self.interrupted = True
            self.stop()
            self._wait(lambda: not self._threads, SHORT_GRACE)
            raise
        self._wait(lambda: not self._threads, GRACE)
        if self._failures:
            raise self._failures[min(self._failures)]

    def _wait(self, until: Callable[[], bool], seconds: float) -> bool:
        """Wait for `until`, so many seconds at most, and return whether it came.

        The threads are not joined: before Python 3.13 one that Ctrl-C interrupts the joining of counts as ended.
        """
        with self._condition:
            return self._condition.wait_for(until, seconds)

    def stop(self) -> None:
        """Let no job begin, and make `check` stop those that run."""
        with self._condition:
            self._stopped.set()
            self._condition.notify_all()

    def check(self) -> None:
        """Raise `StoppedError` if the jobs are to stop."""
        if self._stopped.is_set():
            raise StoppedError

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            number, job, limit = taken
            crowded = False
            try:
                self._run(job)
            except StoppedError:
                pass
            except NotBesideOthersError as error:
                crowded = limit > 1
                if not crowded:
                    self._fail(number, error.cause)
            except BaseException as error:  # noqa: BLE001 - it is raised where the others are waited for
                self._fail(number, error)
            self._done(number, job, crowded_at=limit if crowded else None)

    def _take(self) -> tuple[int, _Job, int] | None:
        """Return the next job, its number, and how many run at once at most."""
        with self._condition:
            self._condition.wait_for(self._may_take)
            if self._stopped.is_set() or not self._queue:
                self._threads -= 1
                self._condition.notify_all()
                return None
            self._running += 1
            number, job = self._queue.popleft()
            return number, job, self._limits[0]

    def _may_take(self) -> bool:
        return self._stopped.is_set() or not self._queue or self._running < self._limits[0]

    def _done(self, number: int, job: _Job, *, crowded_at: int | None) -> None:
        with self._condition:
            self._running -= 1
            if crowded_at is not None:
                # of those that were refused together, the first one lowers it
                if crowded_at == self._limits[0]:
                    self._limits.popleft()
                self._queue.appendleft((number, job))
            self._condition.notify_all()

    def _fail(self, number: int, error: BaseException) -> None:
        self._failures[number] = error
        # at once, or this thread would begin with the next job
        self.stop()


class Turns:
    """Lets up to `most` threads at once do what takes its time; the others wait."""

    def __init__(self, most: int) -> None:
        self._free = Semaphore(most)

    @contextmanager
    def one(self, meanwhile: Callable[[], None]) -> Iterator[Callable[[], None]]:
        """Wait for a turn; `meanwhile` is called every now and then, and may raise.

        It ends with the block, or when what this gives is called.
        """
        while not self._free.acquire(timeout=_TICK):
            meanwhile()
        with ExitStack() as turn:
            turn.callback(self._free.release)
            meanwhile()
            yield turn.close
