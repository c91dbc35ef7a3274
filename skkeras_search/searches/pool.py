"""Candidates on worker processes, some of which may kill their worker, or hang.

When a worker dies, loky stops all workers and everything they were doing. The candidates
that were running become suspects: new workers get them one at a time, before the others. If
the worker of a candidate dies while nothing else runs, this candidate has killed it. A
candidate that does so too often is given up.

A candidate that exceeds its time limit has its worker killed. This makes nobody a suspect:
the candidates that were running beside it are started again.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, Protocol

from joblib.externals.loky.process_executor import (
    BrokenProcessPool,
    TerminatedWorkerError,
)

from skkeras_search.searches.executors import settle
from skkeras_search.searches.interruption import interrupts_blocked
from skkeras_search.searches.jobs import Call


class Mark(Protocol):
    """What a worker reports about a part. It is sent along with the part."""

    def late(self) -> int | None:
        """Return the id of a process that must be killed to end the part, or None."""


class Candidate:
    """The fits of a candidate, in parts. A worker runs one part at a time.

    Parameters
    ----------
    parts : list of list of callable
        The calls of each part.

    Attributes
    ----------
    outcome : Future
        The list of the results of all calls.
    is_suspect : bool
        Whether a worker has died while the candidate was running.
    n_deaths : int
        Number of workers that have died while the candidate was running.
    """

    def __init__(self, parts: list[list[Call]]):
        self.parts = [Part(self, calls) for calls in parts]
        self.outcome: Future[list[Any]] = Future()
        self.is_suspect = False
        self.n_deaths = 0
        self._dead: Executor | None = None
        self._lock = threading.Lock()

    def count(self, dead: Executor) -> None:
        """Count the death of the workers, once for all parts that ran on them."""
        self.n_deaths += self._dead is not dead
        self._dead, self.is_suspect = dead, True

    def look(self) -> None:
        """Set the outcome if the outcomes of all parts are set, or if one failed."""
        with self._lock:
            outcomes = [part.outcome for part in self.parts]
            failed = [o for o in outcomes if o.done() and o.exception() is not None]
            if self.outcome.done():
                return
            if failed:
                self.outcome.set_exception(failed[0].exception())
            elif all(o.done() for o in outcomes):
                self.outcome.set_result([r for o in outcomes for r in o.result()])


class Part:
    """Fits that one worker runs.

    Parameters
    ----------
    candidate : Candidate
        The candidate that the part belongs to.
    calls : list of callable
        The calls of the part.

    Attributes
    ----------
    outcome : Future
        The list of the results of the calls.
    mark : Mark or None
        What the worker reports about the part.
    is_alone : bool
        Whether nothing runs beside the part.
    is_late : bool
        Whether its worker was killed because the part took too long.
    """

    def __init__(self, candidate: Candidate, calls: list[Call]):
        self.candidate, self.calls = candidate, calls
        self.outcome: Future[list[Any]] = Future()
        self.mark: Mark | None = None
        self.is_alone = self.is_late = False

    def settle(self, result: Callable[[], list[Any]]) -> None:
        """Set the outcome to what a function returns or raises."""
        settle(self.outcome, result)
        self.candidate.look()


class Pool:
    """Run candidates on workers, and start new workers when one has died.

    Parameters
    ----------
    workers : Executor
        The workers.
    most : int
        Maximum number of parts that are sent and not done; at least the number of workers.
    start : callable
        Returns new workers.
    run : callable
        Runs the calls of a part, in a worker. It receives the calls and a mark.
    give_up : callable
        Called in this process with calls that could not be completed, and with the error,
        or None if they took too long. Returns their outcomes or raises an exception.
    n_retries : int, default=2
        Number of times that a candidate that kills its worker is tried again.
    mark : callable, default=None
        Returns the mark of calls. Without it, calls may take any time.
    kill : callable, default=None
        Kills a process. It receives the workers and the id of the process.
    """

    def __init__(
        self,
        workers: Executor,
        most: int,
        start: Callable[[], Executor],
        run: Callable[[list[Call], Any], list[Any]],
        give_up: Callable[[list[Call], BaseException | None], list[Any]],
        n_retries: int = 2,
        mark: Callable[[list[Call]], Mark] | None = None,
        kill: Callable[[Any, int], None] | None = None,
    ):
        # None while new workers are started.
        self._workers: Executor | None = workers
        self._killed: Executor | None = None  # the last workers that this pool killed
        self._error: Exception | None = None  # raised when workers were started
        self._most, self._start = most, start
        self._run, self._give_up, self._n_retries = run, give_up, n_retries
        self._mark, self._kill = mark, kill
        self._is_closed = False
        self._lock = threading.RLock()
        self._waiting: deque[Part] = deque()
        self._suspects: deque[Part] = deque()
        self._running: set[Part] = set()

    def submit(self, parts: list[list[Call]]) -> Future[list[Any]]:
        """Run a candidate as soon as a worker is free."""
        candidate = Candidate(parts)
        with self._lock:
            self._waiting += candidate.parts
        candidate.look()  # sets the outcome of a candidate without parts
        self._send()
        return candidate.outcome

    def forget(self) -> list[Candidate]:
        """Drop all candidates that have not begun, and return them."""
        with self._lock:
            begun = {part.candidate for part in self._running}
            queued = {part.candidate for part in (*self._suspects, *self._waiting)}
            forgotten = [
                candidate
                for candidate in queued - begun
                if not any(part.outcome.done() for part in candidate.parts)
            ]
            self._remove(part for candidate in forgotten for part in candidate.parts)
        return forgotten

    def close(self) -> None:
        """Begin nothing more, and ignore the death of workers from now on."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()
            self._suspects.clear()

    def look(self) -> None:
        """Kill a worker if its part exceeds its time limit."""
        if (kill := self._kill) is None:
            return
        with self._lock:
            late = {part: part.mark.late() for part in self._running if part.mark}
            for part, process in late.items():
                workers = self._workers
                if process is None or workers is None or workers is self._killed:
                    continue
                part.is_late, self._killed = True, workers
                kill(workers, process)

    def _remove(self, parts: Iterable[Part]) -> None:
        for part in parts:
            for queue in (self._suspects, self._waiting):
                if part in queue:
                    queue.remove(part)

    def _send(self) -> None:
        with self._lock:
            while (workers := self._workers) is not None and (part := self._next()):
                part.mark = self._mark(part.calls) if self._mark else None
                part.is_alone = part.candidate.is_suspect
                try:
                    with interrupts_blocked():  # this may start the workers
                        future = workers.submit(self._run, part.calls, part.mark)
                except Exception as error:
                    self._queue_of(part).appendleft(part)
                    if isinstance(error, BrokenProcessPool):  # first sign of a death
                        self._restart(workers)
                    else:
                        self._workers, self._error = None, error
                    break
                self._running.add(part)
                future.add_done_callback(partial(self._receive, part, workers))
        if self._error is not None:  # there are no workers to wait for
            self._fail_all(self._error)

    def _fail_all(self, error: Exception) -> None:
        with self._lock:
            parts = [*self._suspects, *self._waiting]
            self._suspects.clear()
            self._waiting.clear()
        for part in parts:
            part.settle(partial(_raise, error))

    def _queue_of(self, part: Part) -> deque[Part]:
        return self._suspects if part.candidate.is_suspect else self._waiting

    def _next(self) -> Part | None:
        if self._suspects:
            return None if self._running else self._suspects.popleft()
        alone = any(part.candidate.is_suspect for part in self._running)
        if alone or not self._waiting or len(self._running) == self._most:
            return None
        return self._waiting.popleft()

    def _receive(self, part: Part, workers: Executor, future: Future[list[Any]]) -> None:
        error = future.exception()
        has_died = isinstance(error, BrokenProcessPool)
        with self._lock:
            self._running.remove(part)
            if has_died and not self._is_closed:
                self._restart(workers)
                ended = self._after_death(part, workers, error)
            else:
                ended = [part]
        # Without the lock, as callbacks of the outcome may submit the next candidate.
        if part.is_late and has_died:
            part.settle(partial(self._give_up, part.calls, None))
        elif has_died and not self._is_closed:
            for one in ended:
                one.settle(partial(self._give_up, one.calls, error))
        elif isinstance(error, Exception) and not self._is_closed:
            part.settle(partial(self._give_up, part.calls, error))
        else:
            part.settle(future.result)
        self._send()

    def _after_death(
        self, part: Part, workers: Executor, error: BaseException | None
    ) -> list[Part]:
        """Queue a part to be tried again, or return the parts that are given up."""
        if part.is_late:
            return [part]
        candidate = part.candidate
        if workers is self._killed:
            self._queue_of(part).appendleft(part)
            return []
        candidate.count(workers)
        # If the calls could not be unpickled in the worker, trying again is useless.
        can_travel = isinstance(error, TerminatedWorkerError)
        if part.is_alone and (candidate.n_deaths > self._n_retries or not can_travel):
            given_up = [one for one in candidate.parts if not one.outcome.done()]
            self._remove(given_up)
            return given_up
        self._remove(candidate.parts)
        left = [one for one in candidate.parts if not one.outcome.done()]
        self._suspects += [one for one in left if one not in self._running]
        return []

    def _restart(self, dead: Executor) -> None:
        """Start new workers in another thread, as the thread of the old ones must end."""
        if self._workers is dead:  # otherwise new workers have been started already
            self._workers = None
            threading.Thread(target=self._start_again, name="new workers").start()

    def _start_again(self) -> None:
        try:
            self._workers = self._start()
        except Exception as error:
            self._error = error
        self._send()


def _raise(error: BaseException) -> Any:
    raise error
