"""Which upload is next, and how many run at once: threads that can be stopped."""

from __future__ import annotations

import time
from collections import deque
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Seconds that a stopped upload gets to clean up; then it is left behind, and ends with the process at the latest.
GRACE = 10.0
#: Of an interrupted one, which cleans nothing up.
SHORT_GRACE = 2.0
#: On Windows nothing interrupts a thread that waits for another one without end.
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
        self._running = 0
        self._condition = Condition()
        self._stopped = Event()
        self._failures: dict[int, BaseException] = {}
        self.interrupted = False

    def run(self) -> None:
        """Run all jobs; when one fails, stop the others and raise the first failure in the order of the jobs.

        After Ctrl-C, too, they are stopped.
        """
        threads = [Thread(target=self._work, name=f"upload-{n}", daemon=True) for n in range(self._limit)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive() and not self._stopped.is_set():
                    thread.join(_TICK)
        except BaseException:
            self.interrupted = True
            self.stop()
            _join(threads, SHORT_GRACE)
            raise
        _join(threads, GRACE)
        if self._failures:
            raise self._failures[min(self._failures)]

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


def _join(threads: Iterable[Thread], seconds: float) -> None:
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
