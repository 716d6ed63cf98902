"""Which upload is next, and how many run at once: threads that can be stopped."""

from __future__ import annotations

from collections import deque
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Seconds that a stopped upload gets to clean up; then it is left behind, and ends with the process at the latest.
GRACE = 10.0
#: Of an interrupted one, which cleans nothing up.
SHORT_GRACE = 2.0
#: On Windows nothing interrupts a thread that waits without end.
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
    """Runs jobs in up to `most` threads, and one at a time as soon as one of them cannot be done beside others.

    `run` gets a job, and is to call `check` often.
    """

    def __init__(self, jobs: Iterable[_Job], most: int, run: Callable[[_Job], None]) -> None:
        self._queue = deque(enumerate(jobs))
        self._limit = min(most, len(self._queue))
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
        self._threads = self._limit
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
            number, job, alone = taken
            again = False
            try:
                self._run(job)
            except StoppedError:
                pass
            except NotBesideOthersError as error:
                again = not alone
                if alone:
                    self._fail(number, error.cause)
            except BaseException as error:  # noqa: BLE001 - it is raised where the others are waited for
                self._fail(number, error)
            self._done(number, job, again=again)

    def _take(self) -> tuple[int, _Job, bool] | None:
        with self._condition:
            self._condition.wait_for(lambda: self._stopped.is_set() or not self._queue or self._running < self._limit)
            if self._stopped.is_set() or not self._queue:
                self._threads -= 1
                self._condition.notify_all()
                return None
            self._running += 1
            number, job = self._queue.popleft()
            return number, job, self._limit == 1

    def _done(self, number: int, job: _Job, *, again: bool) -> None:
        with self._condition:
            self._running -= 1
            if again:
                self._limit = 1
                self._queue.appendleft((number, job))
            self._condition.notify_all()

    def _fail(self, number: int, error: BaseException) -> None:
        self._failures[number] = error
        # at once, or this thread would begin with the next job
        self.stop()
